"""Which model of the sources fits these answers: none wins everywhere, and the wrong one costs.

Each answer is left out in turn and told from the others on its item. A model must tell such answers
better than the vote shares do, or majority vote it is. A matrix of confusions for each source must
tell them clearly better than one accuracy does, which needs far fewer answers to be known.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.labels.models import Fitted, dawid_skene, majority, one_coin, vote_ratio
from dovetail.labels.votes import Codes, Floats, Votes, softmax

__all__ = ["LeftOut", "Trial", "choose", "one_sided"]

_ONE_LABEL = 0.95
_MARGIN = 0.03  # left-out answers that a model may tell worse before majority vote is taken
_REFUTED = 0.2  # nats an answer by which a richer model may win before one coin is refuted
_GOLDEN = (5**0.5 - 1) / 2
_LEFT_OUT = 2500  # answers; more would only tell the third digit
_PAYS = 0.02  # nats an answer that a matrix a source must win over one accuracy
_TEMPERS = np.asarray([1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.0])
_AS_WELL = 0.99  # of what the best posterior tells: of those that tell this much, the least sure


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


def choose(votes: Votes, weight: Floats, left: "LeftOut | None" = None) -> Fitted:
    """Return the model that fits the answers, majority vote where none does better.

    Args:
        votes: The answers, a sample of them where there are many.
        weight: float[sources], what an answer of each counts.
        left: Those that are left out, where they are known already.
    """
    if np.bincount(votes.item, minlength=votes.items).max(initial=0) < 2:
        return majority(votes, weight)  # nobody overlaps, so nothing tells good sources from bad
    if one_sided(votes) > 0.5:
        return vote_ratio(votes, weight)
    rich, coin = dawid_skene(votes, weight), one_coin(votes, weight)
    left = left or LeftOut(votes)
    plain, of_rich, of_coin = left.by_majority(weight), left.by(rich), left.by(coin)
    gain = of_rich.likelihood - of_coin.likelihood
    closer = of_coin.right > max(of_rich.right, plain.right) and gain < _REFUTED
    best, trial = (coin, of_coin) if gain < _PAYS or closer else (rich, of_rich)
    worse = trial.right < plain.right - _MARGIN and trial.kappa < plain.kappa
    return majority(votes, weight) if worse else best


class LeftOut:
    """Answers of items that have others, each left out and told from those; a sample of many.

    Args:
        votes: The answers.

    Attributes:
        label: int[..], the answers that are left out.
    """

    def __init__(self, votes: Votes) -> None:
        told = np.flatnonzero(np.bincount(votes.item, minlength=votes.items)[votes.item] > 1)
        if len(told) > _LEFT_OUT:  # spread evenly, out of step with who answers in which order
            place = np.arange(_LEFT_OUT) * _GOLDEN % 1.0 * len(told)
            told = told[place.astype(np.int64)]
        self._votes = votes
        self._item, self._source = votes.item.take(told), votes.source.take(told)
        self._cell, self.label = votes.cell.take(told), votes.label.take(told)
        self._rows = np.arange(len(told))

    def by(self, fitted: Fitted) -> Trial:
        """Tell them by a model."""
        others, table = self._told(fitted)
        posterior = softmax(others)
        guess, weight = posterior.argmax(1), fitted.weight.take(self._source)
        right, kappa = self._agreement(guess, guess == self.label, weight)
        return Trial(right, kappa, _likelihood(posterior, table, weight))

    def by_majority(self, weight: Floats) -> Trial:
        """Tell them by majority vote; a tie is right by its share."""
        votes = self._votes
        place = votes.item * votes.classes + votes.label
        totals = np.bincount(place, weight.take(votes.source), votes.items * votes.classes)
        left = totals.reshape(votes.items, votes.classes).take(self._item, 0)
        counted = weight.take(self._source)
        own = self._rows, self.label
        left[own] = left[own] - counted
        ties = left >= left.max(1)[:, None] - 1e-9
        guess, hit = left.argmax(1), ties[own] / ties.sum(1)
        return Trial(*self._agreement(guess, hit, counted), float("nan"))

    def temper(self, fitted: Fitted) -> float:
        """Return the power of a model's posterior that tells them best, at most 1.

        Sources that err together on hard items make products of their answers too sure; what they
        say of each other shows by how much. It shows too little where all are wrong alike, so of
        powers that tell about as much the lowest is taken.
        """
        if not len(self.label):
            return 1.0
        others, table = self._told(fitted)
        weight = fitted.weight.take(self._source)
        found = np.asarray([_likelihood(softmax(p * others), table, weight) for p in _TEMPERS])
        told = (found - found[-1]) / max(found.max() - found[-1], 1e-9)
        return float(_TEMPERS[:-1][told[:-1] >= min(_AS_WELL, told[:-1].max())].min())

    def _told(self, fitted: Fitted) -> tuple[Floats, Floats]:
        """float[.., classes]: log-posteriors from the others, and each answer's likelihoods."""
        told = fitted.evidence(self._votes).take(self._item, 0)
        others: Floats = told - fitted.weighted.take(self._cell, 0)
        return others, np.exp(fitted.table).take(self._cell, 0)

    def _agreement(self, guess: Codes, hit: np.ndarray, weight: Floats) -> tuple[float, float]:
        """Share of hits, and the same beyond chance (Cohen's kappa)."""
        classes, total = self._votes.classes, weight.sum()
        right = float(hit @ weight) / total
        guessed = np.bincount(guess, weight, classes) / total
        chance = float(guessed @ np.bincount(self.label, weight, classes) / total)
        return right, (right - chance) / max(1 - chance, 1e-9)


def _likelihood(posterior: Floats, table: Floats, weight: Floats) -> float:
    """Mean log-likelihood of answers, from what is thought of their items."""
    likely = np.einsum("ij,ij->i", posterior, table)
    return float(np.log(np.maximum(likely, 1e-12)) @ weight / weight.sum())
