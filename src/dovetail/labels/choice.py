"""Which model of the sources fits these answers: none wins everywhere, and the wrong one costs.

Each answer is left out in turn and told from the others on its item. A model must tell such answers
better than the vote shares do, or majority vote it is.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.labels.models import Fitted, dawid_skene, majority, one_coin, vote_ratio
from dovetail.labels.votes import Floats, Votes, softmax

__all__ = ["Trial", "choose", "left_out_of_majority", "one_sided", "temper", "try_out"]

_ONE_LABEL = 0.95
_MARGIN = 0.03  # left-out answers that a model may tell worse before majority vote is taken
_REFUTED = 0.2  # nats an answer by which a richer model may win before one coin is refuted
_TEMPERS = (1.0, 0.7, 0.5, 0.35, 0.25)


@dataclass(frozen=True)
class Trial:
    """How well a model tells answers that were left out.

    Attributes:
        right: Share of them that were its likeliest label.
        kappa: The same beyond chance: 0 for a model that says one label only.
        likelihood: Mean log-likelihood, nats; not a number for majority vote, which has none.
    """

    right: float
    kappa: float
    likelihood: float


def one_sided(votes: Votes) -> float:
    """Share of answers by sources that say one label in 95 of 100 answers, or more."""
    told = np.bincount(votes.cell, minlength=votes.sources * votes.classes)
    told = told.reshape(votes.sources, votes.classes)
    total = told.sum(1)
    sided = told.max(1) > _ONE_LABEL * np.maximum(total, 1)
    return float(total[sided].sum() / max(total.sum(), 1))


def choose(votes: Votes, weight: Floats) -> Fitted:
    """Return the model that fits the answers, majority vote where none does better.

    Args:
        votes: The answers, a sample of them where there are many.
        weight: float[sources], what an answer of each counts.
    """
    if np.bincount(votes.item, minlength=votes.items).max(initial=0) < 2:
        return majority(votes, weight)  # nobody overlaps, so nothing tells good sources from bad
    if one_sided(votes) > 0.5:
        return vote_ratio(votes, weight)
    rich, coin = dawid_skene(votes, weight), one_coin(votes, weight)
    plain = left_out_of_majority(votes, weight)
    of_rich, of_coin = try_out(rich, votes), try_out(coin, votes)
    refuted = of_rich.likelihood - of_coin.likelihood > _REFUTED
    best, trial = rich, of_rich
    if of_coin.right > max(of_rich.right, plain.right) and not refuted:
        best, trial = coin, of_coin
    worse = trial.right < plain.right - _MARGIN and trial.kappa < plain.kappa
    return majority(votes, weight) if worse else best


def try_out(fitted: Fitted, votes: Votes) -> Trial:
    """Leave out each answer of an item that has others, and tell it from them."""
    others, told, weight = _without_each(fitted, votes)
    posterior = softmax(others)
    table = np.exp(fitted.table)[votes.cell[told]]
    likely = np.maximum((posterior * table).sum(1), 1e-12)
    hit = posterior.argmax(1) == votes.label[told]
    right, kappa = _agreement(posterior, hit, votes.label[told], weight)
    return Trial(right, kappa, float(np.average(np.log(likely), weights=weight)))


def left_out_of_majority(votes: Votes, weight: Floats) -> Trial:
    """Do the same by majority vote; a tie is right by its share."""
    counted = weight[votes.source]
    place = votes.item * votes.classes + votes.label
    totals = np.bincount(place, counted, votes.items * votes.classes)
    told = _has_others(votes)
    left = totals.reshape(votes.items, votes.classes)[votes.item[told]]
    left[np.arange(len(left)), votes.label[told]] -= counted[told]
    ties = left >= left.max(1, keepdims=True) - 1e-9
    chances = ties / ties.sum(1, keepdims=True)
    hit = chances[np.arange(len(left)), votes.label[told]]
    right, kappa = _agreement(chances, hit, votes.label[told], counted[told])
    return Trial(right, kappa, float("nan"))


def temper(fitted: Fitted, votes: Votes) -> float:
    """Return the power of the posterior that tells left-out answers best, at most 1.

    Sources that err together on hard items make products of their answers too sure; what they say
    of each other shows by how much.
    """
    if not len(_has_others(votes)):
        return 1.0
    others, told, weight = _without_each(fitted, votes)
    table = np.exp(fitted.table)[votes.cell[told]]
    scores = []
    for power in _TEMPERS:
        likely = (softmax(power * others) * table).sum(1)
        scores.append(np.average(np.log(np.maximum(likely, 1e-12)), weights=weight))
    return _TEMPERS[int(np.argmax(scores))]


def _without_each(fitted: Fitted, votes: Votes) -> tuple[Floats, np.ndarray, Floats]:
    """Log-posteriors of items less each answer, which answers, and their weights."""
    told = _has_others(votes)
    weighted = fitted.weighted
    others = fitted.evidence(votes)[votes.item[told]] - weighted[votes.cell[told]]
    return others, told, fitted.weight[votes.source[told]]


def _has_others(votes: Votes) -> np.ndarray:
    return np.flatnonzero(np.bincount(votes.item, minlength=votes.items)[votes.item] > 1)


def _agreement(
    posterior: Floats, hit: np.ndarray, label: np.ndarray, weight: Floats
) -> tuple[float, float]:
    """Share of hits, and the same beyond chance (Cohen's kappa)."""
    classes = posterior.shape[1]
    right = float(np.average(hit, weights=weight))
    guessed = np.bincount(posterior.argmax(1), weight, classes) / weight.sum()
    given = np.bincount(label, weight, classes) / weight.sum()
    chance = float(guessed @ given)
    return right, (right - chance) / max(1 - chance, 1e-9)
