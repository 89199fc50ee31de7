"""One label of many answers: at least as good as majority vote, whatever the sources are like."""

import time

import numpy as np
import pytest
from tests.unit.labels.worlds import crowd, functions, majority

from dovetail.base.errors import InvalidInputError
from dovetail.labels import Votes, combine, combine_votes
from dovetail.labels.copies import copy_weights


def right(posterior: object, truth: object) -> float:
    return float((np.asarray(posterior).argmax(1) == truth).mean())


MIXED = [0.9, 0.85, 0.6, 0.55, 0.55, 0.55, 0.55]


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("model", ["auto", "dawid-skene", "one-coin"])
def test_good_sources_outvote_many_poor_ones(model: str, classes: int) -> None:
    said, truth = crowd(2000, MIXED, classes)
    _, posterior = combine_votes(Votes.of_matrix(said, classes), model)
    assert right(posterior, truth) > (majority(said, classes) == truth).mean() + 0.02


def test_functions_of_one_label_do_not_run_into_one_class() -> None:
    said, truth = functions(3000)
    fitted, posterior = combine_votes(Votes.of_matrix(said, 2))
    assert fitted.name == "vote-ratio"
    assert right(posterior, truth) >= (majority(said, 2) == truth).mean() - 0.01
    assert 0.3 < posterior.argmax(1).mean() < 0.7


def test_copies_of_a_poor_source_do_not_win() -> None:
    said, truth = crowd(3000, [0.8, 0.8, 0.8, 0.6], coverage=0.6)
    copied = np.hstack([said, np.repeat(said[:, 3:], 6, 1)])
    _, posterior = combine_votes(Votes.of_matrix(copied, 2))
    _, alone = combine_votes(Votes.of_matrix(said, 2))
    assert right(posterior, truth) > (majority(copied, 2) == truth).mean() + 0.05
    assert right(posterior, truth) > right(alone, truth) - 0.01
    assert copy_weights(Votes.of_matrix(copied, 2))[3:].sum() == pytest.approx(1, abs=0.2)


def test_people_who_answer_everything_are_no_copies() -> None:
    said, _ = crowd(500, [0.9] * 6)
    assert (copy_weights(Votes.of_matrix(said, 2)) == 1).all()


def test_two_people_who_never_err_count_twice_beside_a_third() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 500)
    third = np.where(rng.random(500) < 0.8, truth, 1 - truth)
    votes = Votes.of_matrix(np.column_stack([truth, truth, third]), 2)
    assert copy_weights(votes).tolist() == [1, 1, 1]
    assert (combine_votes(votes)[1].argmax(1) == truth).all()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("coverage", [0.15, 0.5, 1.0])
def test_never_a_point_below_majority_vote(seed: int, coverage: float) -> None:
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 6))
    accuracies = rng.uniform(1.3 / classes, 0.95, int(rng.integers(3, 15))).tolist()
    said, truth = crowd(3000, accuracies, classes, coverage, seed)
    _, posterior = combine_votes(Votes.of_matrix(said, classes))
    answered = (said >= 0).any(1)
    plain = (majority(said, classes) == truth)[answered].mean()
    assert right(posterior[answered], truth[answered]) > plain - 0.01


def test_probabilities_are_calibrated_where_sources_err_alone() -> None:
    said, truth = crowd(4000, MIXED, coverage=0.7)
    _, posterior = combine_votes(Votes.of_matrix(said, 2))
    assert posterior.sum(1) == pytest.approx(np.ones(4000))
    assert posterior.max(1).mean() == pytest.approx(right(posterior, truth), abs=0.03)


def test_nothing_is_drawn_at_random() -> None:
    votes = Votes.of_matrix(crowd(30_000, MIXED, coverage=0.5)[0], 2)
    assert (combine_votes(votes)[1] == combine_votes(votes)[1]).all()


def test_one_answer_an_item_is_that_answer() -> None:
    combined = combine([1, 2, 3], ["a", "b", "c"], ["x", "y", "y"])
    assert (combined.model, combined.labels) == ("majority", ["x", "y", "y"])


def test_the_last_answer_of_a_source_counts_and_none_abstains() -> None:
    items, sources = [1, 1, 2, 2, 1], ["a", "b", "a", "b", "a"]
    combined = combine(items, sources, ["x", "y", "x", None, "y"], classes=["x", "y"])
    assert combined.labels == ["y", "x"]
    assert [q.answers for q in combined.quality()] == [2, 1]


def test_an_item_without_answers_is_unsure() -> None:
    combined = combine([1, 1, 2], ["a", "b", "a"], ["x", "x", None], classes=["x", "y"])
    assert combined.items == [1, 2]
    assert combined.confidence[1] < combined.confidence[0]


def test_quality_has_an_interval_around_it() -> None:
    said, truth = crowd(600, [0.9, 0.8, 0.7, 0.6, 0.8])
    item, source = np.nonzero(said >= 0)
    label = said[item, source].tolist()
    found = combine(item.tolist(), [f"w{s}" for s in source], label).quality()
    for quality, column in zip(found, said.T, strict=True):
        assert quality.lower < quality.accuracy < quality.upper
        assert quality.accuracy == pytest.approx((column == truth).mean(), abs=0.06)


def test_a_million_items_by_ten_functions_take_less_than_two_seconds() -> None:
    said, _ = crowd(1_000_000, [0.7] * 10, coverage=0.3)
    votes = Votes.of_matrix(said.astype(np.int8), 2)
    begun = time.process_time()
    combine_votes(votes)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (([1], ["a"], ["x", "y"]), {}, "items, sources and labels differ in length."),
        (([1, 1], ["a", "b"], ["x", "z"]), {"classes": ["x", "y"]}, "the label 'z' is not among"),
        (([1, 1], ["a", "b"], ["x", "x"]), {}, "fewer than two different labels"),
        (([1, 1], ["a", "b"], ["x", "y"]), {"model": "magic"}, "there is no model 'magic'"),
        (([1], ["a"], [None]), {"classes": ["x", "y"]}, "there are no answers to combine"),
    ],
    ids=["lengths", "strange label", "one label", "no such model", "all abstain"],
)
def test_wrong_use_is_explained(
    columns: tuple[list[object], ...], options: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        combine(*columns, **options)  # type: ignore[arg-type]


def test_a_matrix_has_two_axes_and_known_labels() -> None:
    with pytest.raises(InvalidInputError, match="two axes"):
        Votes.of_matrix([1, 2], 2)
    with pytest.raises(InvalidInputError, match="outside the 2 classes"):
        Votes.of_matrix([[0, 5]], 2)
