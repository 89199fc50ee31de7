import numpy as np

from dovetail.serving.formats.tree_sample import sample_features

ANY_NUMBER = {
    "max_feature_idx": 0,
    "tree_info": [
        {
            "tree_structure": {
                "split_feature": 0,
                "threshold": 1e300,
                "decision_type": "<=",
                "left_child": {"leaf_value": 0.1},
                "right_child": {"leaf_value": 0.2},
            }
        }
    ],
}


def test_a_split_of_any_number_from_missing_is_tried_on_both_sides():
    rows = sample_features(ANY_NUMBER, 256)
    assert rows.shape == (256, 1)
    assert 0 < np.isnan(rows).sum() < 128
    assert {0.0, 1e300, np.inf} <= set(rows[~np.isnan(rows)])
