"""Which items need another answer."""

import time

import numpy as np
import numpy.typing as npt
import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.labels import Votes
from dovetail.labels.routing import Known, Target, believe, need, standing
from dovetail.labels.routing.belief import pair_agreement
from dovetail.labels.routing.value import gain_of_each

Codes = npt.NDArray[np.int64]


def crowd(
    items: int, hard: float, seed: int = 0, people: int = 40, each: int = 15
) -> tuple[Codes, Codes, Codes, Codes]:
    """Answers sorted by item, and the truth; on `hard` items most people err in the same way."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, items)
    misled = np.where(rng.random(items) < hard, rng.uniform(0.3, 0.8, items), 0.0)
    item = np.repeat(np.arange(items), each)
    source = np.concatenate([rng.choice(people, each, replace=False) for _ in range(items)])
    skill = rng.beta(12, 3, people)[source]
    said = np.where(rng.random(len(item)) < skill, truth[item], 1 - truth[item])
    said = np.where(rng.random(len(item)) < misled[item], 1 - truth[item], said)
    return item, source, said, truth


def bought(target: Target, hard: float, gold: int = 0) -> tuple[Votes, Known | None, Codes]:
    """Buy answers until the policy is content."""
    item, source, said, truth = crowd(600, hard)
    known = Known(np.arange(gold), truth[:gold]) if gold else None
    place, got = np.tile(np.arange(15), 600), np.ones(600, np.int64)
    while True:
        have = place < got[item]
        votes = Votes(item[have], source[have], said[have], 600, 40, 2)
        wanted = need(votes, target, known).wanted & (got < 15)
        if not wanted.any():
            return votes, known, truth
        got += wanted


def test_easy_items_stop_early_and_reach_what_was_wanted() -> None:
    votes, _, truth = bought(Target(quality=0.9), hard=0.0)
    labels = believe(votes).posterior(votes).argmax(1)
    assert len(votes.item) / 600 < 4.5
    assert (labels == truth).mean() > 0.9


@pytest.mark.parametrize("gold", [0, 50])
@pytest.mark.parametrize("hard", [0.0, 0.3])
def test_the_promise_holds_the_truth_where_errors_are_shared(hard: float, gold: int) -> None:
    votes, known, truth = bought(Target(quality=0.9), hard, gold)
    belief = believe(votes, known)
    right = float((belief.posterior(votes).argmax(1) == truth).mean())
    told = standing(belief, votes, known)
    assert told.promised.lower <= right <= told.promised.upper
    assert (told.achieved is not None) == (gold > 0)
    if told.achieved is not None:
        assert told.achieved.lower <= right <= told.achieved.upper
        assert told.achieved.upper - told.achieved.lower < 0.3


def test_fresh_answers_measure_where_nothing_is_known() -> None:
    votes, _, truth = bought(Target(quality=0.9), hard=0.2)
    item, source, said, _ = crowd(600, 0.2)
    got = np.bincount(votes.item, minlength=600)
    extra = np.flatnonzero(np.tile(np.arange(15), 600) == got[item])[::8]
    parts = [
        np.concatenate(both)
        for both in (
            (votes.item, item[extra]),
            (votes.source, source[extra]),
            (votes.label, said[extra]),
        )
    ]
    more = Votes(*parts, 600, 40, 2)
    fresh = np.arange(len(more.item)) >= len(votes.item)
    belief = believe(more, fresh=fresh)
    told = standing(belief, more, fresh=fresh)
    right = float((belief.posterior(more).argmax(1) == truth).mean())
    assert told.achieved is not None
    assert told.achieved.counted == int(fresh.sum())
    assert told.achieved.lower <= right <= told.achieved.upper
    assert "fresh answers" in told.achieved.basis


def test_nobody_is_done_before_the_floor() -> None:
    votes = Votes.of_matrix([[0, -1, -1], [0, 0, -1], [0, 0, 0]] * 3, 2)
    wanted = need(votes, Target(quality=0.6, floor=3)).wanted
    assert wanted[:3].tolist() == [True, True, False]


def test_an_item_that_stays_disputed_is_given_up() -> None:
    agreed = [[0] * 3 + [-1] * 7, [1] * 3 + [-1] * 7] * 40
    votes = Votes.of_matrix([*agreed, [0, 1] * 5], 2)
    assert not need(votes, Target(quality=0.95, most=30)).wanted[-1]
    assert need(votes, Target(quality=0.999, most=30)).wanted[-1]


def test_known_labels_take_back_confidence_that_is_wrong() -> None:
    votes = Votes.of_matrix([[0, 0, 0], [1, 1, 1]] * 40, 2)
    known = Known(np.arange(40), np.array([0, 1, 0, 0, 1, 1, 0, 1] * 5))
    told = standing(believe(votes, known), votes, known)
    alone = standing(believe(votes), votes)
    assert told.promised.value < alone.promised.value
    assert told.rho > alone.rho


def test_agreement_counts_first_answers_only() -> None:
    votes = Votes.of_matrix([[0, 1, 1, 1], [0, 0, -1, -1], [1, -1, -1, -1]], 2)
    assert pair_agreement(votes) == (0.5, 2)


def test_better_sources_tell_more() -> None:
    good, poor = np.array([[0.95, 0.05], [0.05, 0.95]]), np.array([[0.6, 0.4], [0.4, 0.6]])
    nats = gain_of_each(np.array([0.6, 0.4]), 1, np.stack([good, poor]), 0.25)
    assert nats[0] > 5 * nats[1]


@pytest.mark.parametrize(
    "wrong", [{"quality": 1.0}, {"floor": 0}, {"floor": 9, "most": 5}, {"budget": -1.0}]
)
def test_targets_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError):
        Target(**wrong)  # type: ignore[arg-type]


def test_a_hundred_thousand_items_are_decided_at_once() -> None:
    item, source, said, _ = crowd(100_000, 0.1, each=3)
    votes = Votes(item, source, said, 100_000, 40, 2)
    started = time.process_time()
    need(votes, Target())
    assert time.process_time() - started < 5
