import msgspec
import numpy as np
import pytest

from dovetail.loop.compare import log_loss
from dovetail.loop.policy import Lesson, Trial, decide, recalibration_gain
from dovetail.loop.settings import LoopSettings

SETTINGS = LoopSettings(
    model="m", min_age=10, max_age=60, cost=50.0, horizon=30, staleness=0.0002, window=10
)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def world(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities and what came true."""
    random = np.random.default_rng(seed)
    truth = sigmoid(random.normal(-1, 1.2, rows))
    return truth, (random.random(rows) < truth).astype(np.int8)


@pytest.mark.parametrize(
    ("shift", "stretch"), [(0.8, 1.0), (0.0, 2.0), (-0.5, 0.6), (1.5, -1.0)], ids=str
)
def test_a_known_miscalibration_is_recovered(shift, stretch):
    truth, labels = world(40_000)
    scores = sigmoid(shift + stretch * np.log(truth / (1 - truth)))
    known = (log_loss(scores, labels) - log_loss(truth, labels)).mean()
    assert recalibration_gain(scores, labels) == pytest.approx(known, abs=2e-4)


def test_calibrated_scores_leave_about_nothing_to_gain():
    gains = [recalibration_gain(*world(2000, seed)) for seed in range(60)]
    assert np.mean(gains) < 0.5 / 2000
    assert max(gains) < 5 / 2000


@pytest.mark.parametrize(
    ("scores", "labels"),
    [([], []), ([0.2, 0.9], [1, 1]), ([0.2, 0.9], [0, 0])],
    ids=["no rows", "all ones", "all zeros"],
)
def test_one_class_tells_nothing(scores, labels):
    assert recalibration_gain(np.array(scores), np.array(labels, np.int8)) == 0.0


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        ([0.1, 0.2, 0.8, 0.9] * 5, [0, 0, 1, 1] * 5),
        ([0.9, 0.8, 0.2, 0.1] * 5, [0, 0, 1, 1] * 5),
        ([0.3] * 20, [0, 1, 0, 0] * 5),
        ([0.0, 1.0, 0.0, 1.0] * 5, [1, 0, 0, 1] * 5),
    ],
    ids=["separable", "turned round", "all alike", "at the ends"],
)
def test_hard_rows_give_a_finite_gain(scores, labels):
    given = np.array(scores), np.array(labels, np.int8)
    gain = recalibration_gain(*given)
    assert 0.0 <= gain <= log_loss(*given).mean()


def look(age: int, *, rows=2000, wrong=0.0, lessons=(), trial=None, **to):
    truth, labels = world(rows)
    scores = sigmoid(wrong + np.log(truth / (1 - truth)))
    settings = msgspec.structs.replace(SETTINGS, **to)
    return decide(
        settings, age=age, scores=scores, labels=labels, days=10, lessons=lessons,
        trial=trial,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "retrain", "reason"),
    [
        ({"age": 40, "rows": 0}, False, "no labels"),
        ({"age": 9, "wrong": 2.0}, False, "young"),
        ({"age": 10, "wrong": 2.0}, True, "pays"),
        ({"age": 12}, False, "not yet"),
        ({"age": 45}, True, "pays"),
        ({"age": 59, "cost": 1e6}, False, "not yet"),
        ({"age": 60, "cost": 1e6}, True, "age"),
        ({"age": 45, "lessons": (Lesson(age=400, gain=0.0),)}, False, "not yet"),
        ({"age": 12, "lessons": (Lesson(age=40, gain=0.2),)}, True, "pays"),
        ({"age": 50, "wrong": 2.0, "trial": Trial(days_ago=9, gain=0.0)}, False, "young"),
        ({"age": 50, "trial": Trial(days_ago=10, gain=-0.1)}, False, "not yet"),
        ({"age": 50, "trial": Trial(days_ago=10, gain=0.02)}, True, "pays"),
        ({"age": 90, "trial": Trial(days_ago=30, gain=0.0)}, False, "not yet"),
    ],
    ids=str,
)
def test_when_retraining_pays(given, retrain, reason):
    decision = look(**given)
    assert (decision.retrain, decision.reason) == (retrain, reason)


def test_a_decision_shows_its_figures():
    decision = look(45)
    assert decision.text == "expected to save 54 over 30 days, costs 50"
    assert decision.ageing == pytest.approx(45 * 0.0002)
    assert decision.expected == pytest.approx(45 * 0.0002 * 200 * 30)
    assert decision.recalibration < decision.ageing


def test_ageing_is_learned_from_lessons_shrunk_towards_the_prior():
    lessons = (Lesson(age=60, gain=0.06), Lesson(age=60, gain=-0.006))
    expected = (0.0002 * 60 + 0.06 - 0.006) / 180
    assert look(45, lessons=lessons).ageing == pytest.approx(45 * expected)


def test_ageing_never_makes_better():
    assert look(45, lessons=(Lesson(age=30, gain=-0.5),)).ageing == 0.0


def test_a_champion_that_stood_a_trial_is_weighed_from_there():
    given = {"age": 200, "scores": np.full(100, 0.5), "labels": np.tile([0, 1], 50).astype(np.int8)}
    stood = Trial(days_ago=10, gain=-0.001)
    found = decide(SETTINGS, **given, days=10, lessons=[], trial=stood)
    assert (found.reason, found.retrain) == ("not yet", False)
    assert found.ageing == pytest.approx(SETTINGS.staleness * 10)
    fresh = decide(SETTINGS, **given, days=10, lessons=[], trial=Trial(days_ago=9, gain=1.0))
    assert found.age == fresh.age == 200
    assert fresh.reason == "young"
    assert fresh.text == "the last trial was 9 days old, younger than 10"
