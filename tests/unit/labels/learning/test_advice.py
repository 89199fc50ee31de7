"""Whether more labelling is worth it."""

import numpy as np
from tests.unit.labels.learning.examples import CONFIG, answered, choice, comments

from dovetail.labels.learning import Answered, Said, train
from dovetail.labels.learning.advice import Curve, advise


def test_few_answers_say_nothing() -> None:
    labeller = train(CONFIG, answered(comments(20)))
    assert labeller.advice is not None
    assert labeller.advice.verdict == "too few answers to say"
    assert str(labeller.advice) == "too few answers to say: 20 answers"


def test_a_model_that_still_gets_better_is_worth_more_answers() -> None:
    rng = np.random.default_rng(0)
    wrong = np.array([rng.random(400) < rate for rate in (0.4, 0.3, 0.22)], float)
    found = advise(Curve((100, 180, 320), wrong, np.ones(400)), 400)
    assert found.verdict == "worth it"
    assert found.gain_lower is not None
    assert found.gain is not None
    assert found.gain_upper is not None
    assert found.gain_lower < found.gain < found.gain_upper
    assert "expected error" in str(found)


def test_a_model_that_has_learned_all_has_nothing_to_gain() -> None:
    wrong = np.zeros((3, 400))
    assert advise(Curve((100, 180, 320), wrong, np.ones(400)), 400).verdict == "nothing to gain"


def test_pure_noise_is_not_worth_more_answers() -> None:
    pairs = comments(200)
    rng = np.random.default_rng(0)
    noise = [(text, str(rng.choice(["good", "bad"]))) for text, _ in pairs]
    advice = train(CONFIG, answered(noise)).advice
    assert advice is not None
    assert advice.error is not None
    assert advice.error > 0.35
    assert advice.gain is not None
    assert advice.gain < 0.08


def test_figures_hold_for_open_items_although_hard_ones_were_chosen() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4000, 4))
    hard = np.abs(points[:, 0]) < 0.35
    truth = np.where(hard, rng.random(4000) < 0.5, points[:, 0] > 0)

    def task(row: int) -> Answered:
        label = "good" if truth[row] else "bad"
        return Answered({"text": points[row].tolist()}, [Said("ann", choice(label))])

    chosen = np.concatenate([np.flatnonzero(hard)[:120], np.flatnonzero(~hard)[:40]])
    rest = np.setdiff1d(np.arange(4000), chosen)
    pool = [{"text": points[row].tolist()} for row in rest]
    labeller = train(CONFIG, [task(row) for row in chosen], pool)
    found = labeller.predict(pool)
    right = [
        (one.result[0]["value"]["choices"] == ["good"]) == truth[row]
        for one, row in zip(found, rest, strict=True)
    ]
    quality = labeller.skills[0].quality
    assert quality is not None
    assert np.mean(right) > 0.8
    assert abs(quality.accuracy - np.mean(right)) < 0.1  # as it stands it is about 0.6
    assert quality.lower < np.mean(right) < quality.upper
