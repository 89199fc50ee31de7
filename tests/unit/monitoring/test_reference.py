import numpy as np
import pytest

from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.reference import Reference


def sample(rows=500):
    r = np.random.default_rng(0)
    x = r.standard_normal(rows)
    p = 1 / (1 + np.exp(-x))
    return {"x": x, "c": ["a", "b"] * (rows // 2)}, p, (r.random(rows) < p).astype(float)


def test_a_reference_survives_packing_and_is_known_by_its_content():
    features, scores, labels = sample()
    reference = Reference.fit(features, scores=scores, labels=labels, version="1")
    assert Reference.unpack(reference.pack()) == reference
    again = Reference.fit(features, scores=scores, labels=labels, version="1")
    assert again.digest == reference.digest
    assert [s.name for s in reference.streams] == ["x", "c", "(prediction)"]
    assert len(reference.pack()) < 20_000


def test_a_reference_states_how_the_version_did():
    features, scores, labels = sample()
    performance = Reference.fit(features, scores=scores, labels=labels).performance
    assert 0.65 < performance.auc < 0.85
    assert performance.positives == labels.mean()


def test_without_labels_there_is_no_calibration():
    features, scores, _ = sample()
    reference = Reference.fit(features, scores=scores)
    assert (reference.calibration, reference.loss, reference.performance) == (None, None, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": {}}, "the reference has no rows. give at least one column."),
        (
            {"features": {"x": [1, 2]}, "scores": [0.1]},
            "the reference's columns differ in length. feature 'x' 2, scores 1.",
        ),
        (
            {"features": {}, "scores": [0.1], "labels": [2.0]},
            'labels must be 0 or 1. give null where unknown, or task "regression" where the model '
            "predicts a number.",
        ),
        (
            {"features": {}, "scores": [7.0], "labels": [1.0]},
            "scores must lie between 0 and 1 where labels are given.",
        ),
        (
            {"features": {}, "scores": ["a"], "labels": [1.0]},
            "scores are not numbers. there are strings among them.",
        ),
        (
            {"features": {"x": [1]}, "labels": [1]},
            "the reference has labels but no scores. give both.",
        ),
    ],
)
def test_a_sample_that_cannot_be_used_is_refused(arguments, message):
    features = arguments.pop("features")
    with pytest.raises(ReferenceInvalidError) as caught:
        Reference.fit(features, **arguments)
    assert str(caught.value) == message
