"""Promised and achieved quality, side by side, each with an interval.

The promise is what the answers themselves lead to expect; it is never the bare posterior, which on
hard items stands far above what is reached. What was achieved is measured: on items whose label is
known, or else by fresh answers to items that were already done. Answers cannot tell of errors that
everybody makes, so without known labels both intervals are wide, and say so.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.labels.routing.belief import Belief, Known, without
from dovetail.labels.routing.intervals import clopper_pearson, prediction_powered
from dovetail.labels.votes import Floats, Votes

__all__ = ["Estimate", "Standing", "standing"]

# What everybody gets wrong: on six public crowds the labels that many answers settle on were wrong
# more often than tempered posteriors say, by 1 to 5 points.
_SHARED = 0.03
_SHARED_ANSWERS = 20.0  # known labels that weigh as much as that assumption
_LEAST, _MOST = 0.4, 2.0  # an error that is expected may be so many times as large
_FEW = 20  # known labels, or fresh answers, below which they do not speak for the rest
_ERRORS = 5  # errors among known labels before a mean of them has a normal error
_TUNED = 1.2  # wider, as the model was tempered against the same labels
_Z = 1.959964


@dataclass(frozen=True)
class Estimate:
    """A share of items that are right.

    Attributes:
        value: The share.
        lower: Lower end of a 95 % interval.
        upper: Upper end.
        basis: What it rests on, in words.
        counted: Known labels or fresh answers behind it; 0 for a promise without any.
    """

    value: float
    lower: float
    upper: float
    basis: str
    counted: int = 0


@dataclass(frozen=True)
class Standing:
    """Where the labels of a project stand.

    Attributes:
        promised: What the answers lead to expect.
        achieved: What was measured; None where nothing was yet.
        answers: How many there are.
        items: Of how many items.
        rho: How much errors are shared: 0 not at all, 1 entirely.
    """

    promised: Estimate
    achieved: Estimate | None
    answers: int
    items: int
    rho: float

    @property
    def per_item(self) -> float:
        """Answers an item."""
        return self.answers / max(self.items, 1)


def standing(
    belief: Belief, votes: Votes, gold: Known | None = None, fresh: np.ndarray | None = None
) -> Standing:
    """Return promised and achieved quality of the likeliest labels.

    Args:
        belief: The model of the sources.
        votes: The answers.
        gold: Items whose label is known, a random sample of all items.
        fresh: bool[a], answers that were asked for after their item was done.
    """
    posterior = belief.posterior(votes)
    answered = votes.answered()
    known = gold if gold is not None and len(gold.item) else None
    promised = _promised(posterior, answered, known)
    achieved = None
    if known is not None and len(known.item) >= _FEW:
        achieved = _by_gold(posterior, answered, known)
    elif fresh is not None and int(fresh.sum()) >= _FEW:
        achieved = _by_agreement(belief, votes, fresh)
    elif known is not None:
        achieved = _by_gold(posterior, answered, known)
    return Standing(promised, achieved, len(votes.item), int(answered.sum()), belief.rho)


def _promised(posterior: Floats, answered: np.ndarray, gold: Known | None) -> Estimate:
    said = posterior[answered] if answered.any() else np.full((1, posterior.shape[1]), 1.0)
    sure = said.max(1) / said.sum(1)
    doubt = float(1 - sure.mean())
    if gold is None:
        error = doubt + _SHARED
        noise = _Z * (error * (1 - min(error, 1)) / len(sure)) ** 0.5
        most = max(_MOST * doubt, 1 - _recall(said))
        lower, upper = 1 - most - _SHARED - noise, 1 - _LEAST * doubt + noise
        basis = "agreement of the answers; no label is known, so shared errors stay unseen"
        return _estimate(1 - error, lower, upper, basis, 0)
    at = posterior[gold.item].max(1)
    right = (posterior[gold.item].argmax(1) == gold.label).astype(float)
    held = _SHARED_ANSWERS + len(at)
    shared = (_SHARED * _SHARED_ANSWERS + float((at - right).sum())) / held
    error = min(max(doubt + shared, 0.002), 1.0)
    half = _Z * (max(error * (1 - error), 0.03) * (1 / len(at) + 1 / len(sure))) ** 0.5
    basis = f"answers, tempered against {len(at)} known labels"
    return _estimate(1 - error, 1 - error - half, 1 - error + half, basis, len(at))


def _recall(posterior: Floats) -> float:
    """Share of items that are right, expected, if all classes that occur were equally common.

    Where one class makes up most items it carries the mean, and the others may be mostly wrong.
    """
    chosen = posterior.argmax(1)
    held = posterior.sum(0)
    right = np.array(
        [posterior[chosen == label, label].sum() for label in range(posterior.shape[1])]
    )
    common = held > 0.02 * held.sum()
    return float((right[common] / held[common]).mean())


def _by_gold(posterior: Floats, answered: np.ndarray, gold: Known) -> Estimate:
    right = posterior[gold.item].argmax(1) == gold.label
    count, all_ = int(right.sum()), len(right)
    if all_ - count >= _ERRORS and count >= _ERRORS:
        said = posterior[answered].max(1)
        at = posterior[gold.item].max(1)
        basis = f"{all_} known labels and the posteriors of all items, prediction-powered"
        value, lower, upper = prediction_powered(said, at, right.astype(float))
        ends = value - _TUNED * (value - lower), value + _TUNED * (upper - value)
        return _estimate(value, *ends, basis, all_)
    basis = f"{all_} known labels, exact binomial"
    return _estimate(count / all_, *clopper_pearson(count, all_), basis, all_)


def _by_agreement(belief: Belief, votes: Votes, fresh: np.ndarray) -> Estimate:
    """Bounds from how often a fresh answer agrees with the label of a done item.

    If whoever is asked afresh is always right where the label is, quality is that agreement; if
    errors are as independent as they can be, it is the agreement corrected for theirs.
    """
    labels = belief.posterior(without(votes, fresh)).argmax(1)
    agreed = labels[votes.item[fresh]] == votes.label[fresh]
    count, all_ = int(agreed.sum()), len(agreed)
    lower, upper = clopper_pearson(count, all_)
    lower = min(lower, _evenly(labels[votes.item[fresh]], agreed))
    cells = belief.confusion()
    accuracy, chance = float(np.diag(cells).mean()), float(1 - np.diag(cells).mean())
    chance /= len(cells) - 1
    most, best = (
        min(max((share - chance) / max(accuracy - chance, 0.05), share), 1.0)
        for share in (count / all_, upper)
    )
    value = (count / all_ + most) / 2
    basis = f"{all_} fresh answers to items that were done"
    return _estimate(value, lower, best, basis, all_)


def _evenly(labels: np.ndarray, agreed: np.ndarray) -> float:
    """Lower end of how often fresh answers agree, with all labels equally common."""
    ends = []
    for label in np.unique(labels):
        of_label = agreed[labels == label]
        if len(of_label) >= _ERRORS:
            share = (of_label.sum() + 1) / (len(of_label) + 2)
            ends.append((share, share * (1 - share) / len(of_label)))
    if not ends:
        return 0.0
    shares, spreads = np.array(ends).T
    return float(shares.mean() - _Z * spreads.sum() ** 0.5 / len(ends))


def _estimate(value: float, lower: float, upper: float, basis: str, counted: int) -> Estimate:
    low, high = max(min(lower, value), 0.0), min(max(upper, value), 1.0)
    return Estimate(min(max(value, 0.0), 1.0), low, high, basis, counted)
