"""Rows on which forms are compared lie where a model changes its mind."""

import numpy as np

from dovetail.serving.compiled import CompiledForm, MatrixInput
from dovetail.serving.converters import Conversion, Ensemble, Tree
from dovetail.serving.converters.lightgbm import convert_dump
from dovetail.serving.forms import Arithmetic, Finite, Numbers, Single, Trees, Values
from dovetail.serving.signature import MatrixSignature

ONE = MatrixSignature("input", (), 1)
ANY_NUMBER = {
    "max_feature_idx": 0,
    "num_tree_per_iteration": 1,
    "tree_info": [
        {
            "tree_structure": {
                "split_feature": 0,
                "threshold": 1e300,
                "decision_type": "<=",
                "default_left": False,
                "missing_type": "NaN",
                "left_child": {"leaf_value": 0.1},
                "right_child": {"leaf_value": 0.2},
            }
        }
    ],
}


def test_a_split_of_any_number_from_missing_is_tried_on_both_sides():
    rows = convert_dump(ANY_NUMBER, ONE).sample(256)["input"]
    assert rows.shape == (256, 1)
    assert 0 < np.isnan(rows).sum() < 128
    assert {0.0, np.inf} <= set(rows[~np.isnan(rows)])


def stump(threshold):
    return Tree(
        feature=np.zeros(3, int),
        split=np.array([threshold, 0.0, 0.0]),
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        missing_left=np.zeros(3, bool),
        value=np.array([0.0, 1.0, 2.0]),
    )


def converted(threshold, *steps):
    ensemble = Ensemble(1)
    ensemble.add(stump(threshold), 0)
    form = CompiledForm(
        input=MatrixInput(ONE), steps=steps, core=Trees(ensemble.graph(1)), head=Values(1)
    )
    return Conversion(form, ensemble.points)


def test_rows_before_the_steps_lead_to_both_sides_of_a_threshold_behind_them():
    steps = (
        Arithmetic("subtract", Numbers.of([100.0])),
        Arithmetic("divide", Numbers.of([3.0])),
        Single(),
        Finite(),
    )
    conversion = converted(0.1, *steps)
    rows = conversion.sample(256)["input"]
    behind = ((rows - 100.0) / 3.0).astype(np.float32)
    beside = np.abs(behind - np.float32(0.1)) < 1e-6
    assert len(np.unique(behind[beside])) >= 3
    assert set(conversion.form.open().run({"input": rows})["predict"].ravel()) == {1.0, 2.0}


def test_the_same_seed_draws_the_same_rows_and_an_example_comes_first():
    conversion = converted(0.1)
    example = {"input": np.array([[7.0], [8.0]])}
    rows = conversion.sample(10, example=example)["input"]
    assert rows[:2].tolist() == [[7.0], [8.0]]
    np.testing.assert_array_equal(conversion.sample(10)["input"], rows[2:])
    wide = {"input": np.ones((2, 3))}
    np.testing.assert_array_equal(conversion.sample(10, example=wide)["input"], rows[2:])


def test_a_form_is_the_same_after_it_was_kept(tmp_path):
    form = converted(0.1, Arithmetic("add", Numbers.of([1.0])), Finite(missing=True)).form
    form.write(tmp_path)
    assert CompiledForm.read(tmp_path) == form
