"""Errors are counted and predictions calibrated at once, whatever errors and predictions are."""

from typing import Any

import numpy as np
import pytest

from dovetail.labels import find_issues
from dovetail.labels.audit.error_model import fit_errors


def world(confused: Any, rows: int = 4000, power: float = 1.0, seed: int = 0) -> Any:
    """Labels by a confusion matrix float[true, given], predictions of these, and what is wrong."""
    rng, classes = np.random.default_rng(seed), len(confused)
    truth = rng.integers(0, classes, rows)
    score = rng.normal(0, 1, (rows, classes))
    score[np.arange(rows), truth] += 3.5
    clean = np.exp(score - score.max(1, keepdims=True)) ** 2
    clean /= clean.sum(1, keepdims=True)
    given = (rng.random(rows)[:, None] > np.cumsum(confused, 1)[truth]).sum(1)
    shown = (clean @ confused) ** power
    return given, shown / shown.sum(1, keepdims=True), given != truth


def confusion(kind: str, classes: int, rate: float) -> Any:
    own = np.eye(classes)
    if kind == "spread":
        return own * (1 - rate) + (1 - own) * rate / (classes - 1)
    share = 2 * rate * (np.arange(classes) % 2 == 0)[:, None]
    return own * (1 - share) + np.roll(own, 1, 1) * share


def f1(suspects: Any, wrong: Any) -> float:
    return float(2 * wrong[suspects].sum() / (len(suspects) + wrong.sum()))


@pytest.mark.parametrize("power", [0.4, 1.0, 3.0], ids=["unsure", "as it is", "too sure"])
@pytest.mark.parametrize("kind", ["spread", "one way"])
@pytest.mark.parametrize(("classes", "rate"), [(2, 0.05), (2, 0.15), (5, 0.1), (5, 0.15)])
def test_as_many_are_suspected_as_find_most(
    classes: int, rate: float, kind: str, power: float
) -> None:
    given, shown, wrong = world(confusion(kind, classes, rate), power=power)
    found = find_issues(given, shown)
    right = fit_errors(given, shown).sums(given, shown)[0]
    hit = np.cumsum(wrong[np.argsort(right)])
    best = (2 * hit / (np.arange(1, len(hit) + 1) + wrong.sum())).max()
    assert f1(found.suspects, wrong) > max(best - 0.05, 0.88)
    assert found.wrong == pytest.approx(wrong.sum(), rel=0.3)


def test_a_stiff_models_predictions_are_read_as_such() -> None:
    given, shown, wrong = world(confusion("spread", 3, 0.2))
    rng = np.random.default_rng(1)
    truth = np.where(wrong, -1, given)
    score = rng.normal(0, 1, shown.shape)
    score[np.arange(len(given)), np.where(truth < 0, (given + 1) % 3, truth)] += 3
    stiff = np.exp(0.5 * score)  # sure of nothing, but in the right order
    found = find_issues(given, stiff / stiff.sum(1, keepdims=True))
    model = fit_errors(given, stiff / stiff.sum(1, keepdims=True))
    assert model.stiff.score > model.flexible.score
    assert f1(found.suspects, wrong) > 0.85


def test_confusions_are_found_without_being_told_their_kind() -> None:
    for confused in (confusion("one way", 4, 0.1), confusion("spread", 4, 0.2)):
        given, shown, _ = world(confused, rows=8000)
        assert np.abs(fit_errors(given, shown).confused - confused).max() < 0.06


@pytest.mark.parametrize("classes", [2, 5])
def test_most_errors_are_found_where_two_fifths_of_classes_go_one_way(classes: int) -> None:
    given, shown, wrong = world(confusion("one way", classes, 0.2))
    assert f1(find_issues(given, shown).suspects, wrong) > 0.75


def test_what_is_known_of_errors_is_used() -> None:
    confused = np.array([[0.4, 0.6], [0.0, 1.0]])
    given, shown, wrong = world(confused, rows=300)
    true = np.bincount(np.where(wrong, 1 - given, given))
    found = find_issues(given, shown, (confused * true[:, None]).T)
    assert f1(found.suspects, wrong) > 0.85
    assert found.wrong == pytest.approx(0.6 * true[0])


def test_predictions_that_tell_nothing_do_not_make_every_row_a_suspect() -> None:
    rng = np.random.default_rng(0)
    given = rng.integers(0, 2, 2000)
    shown = 0.5 + rng.normal(0, 0.02, 2000)
    found = find_issues(given, np.stack([shown, 1 - shown], 1))
    assert len(found.suspects) <= 1.5 * found.wrong + 1
    assert len(found.suspects) < 1600


@pytest.mark.parametrize("rows", [0, 1, 40])
@pytest.mark.parametrize("classes", [1, 2, 3])
def test_tiny_tables_and_absent_classes_have_no_suspects(rows: int, classes: int) -> None:
    given = np.zeros(rows, np.int64)
    shown = np.full((rows, classes), 0.05 / max(classes - 1, 1))
    shown[:, 0] = 0.95
    found = find_issues(given, shown)
    assert len(found.suspects) == 0
    assert found.joint.sum() == pytest.approx(rows)


def test_large_tables_are_fitted_on_a_part_and_suspected_whole() -> None:
    given, shown, wrong = world(confusion("one way", 3, 0.1), rows=60_000)
    found = find_issues(given, shown)
    assert f1(found.suspects, wrong) > 0.9
    assert found.suspects.max() > 59_000
