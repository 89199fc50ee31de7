"""What a source's answer says about the truth: four ways to learn it without any gold.

Each gives a table of logarithms that answers are added up from (`Fitted`), so combining, leaving
one answer out and adding one later are the same small sums for all.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dovetail.labels.votes import Floats, Votes, softmax

__all__ = [
    "LEARNERS",
    "Fitted",
    "confusions",
    "dawid_skene",
    "learned",
    "majority",
    "one_coin",
    "refit",
    "vote_ratio",
]

_ROUNDS = 8  # more only confirm what the first believed
_MORE = 1  # after a fit of a sample
_SETTLED = 1e-2
_POOLED = 20.0  # answers by which a class's difficulty is shrunk to the pool's


@dataclass(frozen=True)
class Fitted:
    """A model of sources.

    Attributes:
        name: Which.
        table: float[sources * classes, classes], log-evidence of an answer for each truth.
        prior: float[classes], the logarithm of the class balance.
        weight: float[sources], what an answer counts: below 1 for copies.
        power: What posteriors are raised to, at most 1: answers err together, so sums of them
            are too sure.
        held: Share of the plain vote shares in the posterior.
    """

    name: str
    table: Floats
    prior: Floats
    weight: Floats
    power: float = 1.0
    held: float = 0.0

    @property
    def weighted(self) -> Floats:
        """The table with every source's weight."""
        return self.table * np.repeat(self.weight, self.table.shape[1])[:, None]

    def evidence(self, votes: Votes) -> Floats:
        """float[items, classes]: log-posteriors, up to a constant an item."""
        return votes.evidence(self.weighted) + self.prior

    def posterior(self, votes: Votes) -> Floats:
        """float[items, classes]: probability of each label."""
        evidence = self.evidence(votes)
        if not self.held:
            return self.settle(evidence)
        return self.settle(evidence, votes.shares(self.weight))

    def settle(self, evidence: Floats, shares: Floats | None = None) -> Floats:
        """float[.., classes]: probabilities from log-posteriors, and shares where some are held."""
        told = softmax(evidence * self.power)
        return told if shares is None else (1 - self.held) * told + self.held * shares


def dawid_skene(
    votes: Votes, weight: Floats, shrink: float = 20.0, start: Fitted | None = None
) -> Fitted:
    """Dawid and Skene (1979) with confusion matrices that are shrunk to what the pool confuses.

    Each source's matrix has a Dirichlet prior of `shrink` answers a class: the source's own
    accuracy, itself shrunk to the pool's by 5 answers, harder for classes that are hard for all,
    with errors going where the pool's go. The prior keeps sources of a handful of answers from
    being fitted to their noise (Kim and Ghahramani 2012 put one at a fixed place).

    Args:
        votes: The answers.
        weight: float[sources], what an answer of each counts.
        shrink: Strength of the prior, in answers a class.
        start: A fit of a sample to go on from; the vote shares, if not given.
    """

    def learn(counts: Floats) -> Floats:
        return confusions(counts, shrink)

    return _expect("dawid-skene", votes, weight, learn, start)


def one_coin(votes: Votes, weight: Floats, start: Fitted | None = None) -> Fitted:
    """One accuracy a source, errors spread evenly: right where answers are few or one-sided.

    Args:
        votes: The answers.
        weight: float[sources], what an answer of each counts.
        start: A fit of a sample to go on from; the vote shares, if not given.
    """
    return _expect("one-coin", votes, weight, lambda counts: _coins(counts, 10.0), start)


def vote_ratio(votes: Votes, weight: Floats) -> Fitted:
    """What a vote changes of the odds, for labelling functions that mostly abstain.

    A function that says one label or nothing has no confusion matrix: given that it speaks, it says
    that label whatever the truth, and Dawid-Skene runs into one class. So P(truth | vote) over
    P(truth) is learned instead (data programming, Ratner et al. 2016, in the other direction),
    shrunk to an accuracy of .75 by 100 answers, the class balance held near the vote shares' by 50
    items, and stopped after two rounds: more rounds only confirm what the first believed.

    Args:
        votes: The answers.
        weight: float[sources], what an answer of each counts.
    """
    posterior, classes = votes.shares(weight), votes.classes
    answered = votes.answered()
    start = posterior[answered].mean(0)
    believed = _believed(classes)
    for _ in range(2):
        prior = posterior[answered].sum(0) + 50 * start + 1e-6
        prior /= prior.sum()
        cells = votes.counts(posterior) + 100 * believed
        cells /= cells.sum(2, keepdims=True)
        table = np.log(cells / prior).reshape(-1, classes)
        fitted = Fitted("vote-ratio", table, np.log(prior), weight)
        posterior = fitted.posterior(votes)
    return replace(fitted, held=0.5)


def majority(votes: Votes, weight: Floats) -> Fitted:
    """Every source as good as the pool, so that most votes win; ties go to the commoner label.

    Args:
        votes: The answers.
        weight: float[sources], what an answer of each counts.
    """
    shares, classes = votes.shares(weight), votes.classes
    pool = votes.counts(shares).sum(0, keepdims=True)
    table = np.log(np.repeat(_coins(pool, 10.0), votes.sources, 0)).reshape(-1, classes)
    common = shares[votes.answered()].mean(0) + 1e-6
    return Fitted("majority", table, 1e-3 * np.log(common / common.sum()), weight)


def learned(fitted: Fitted, counts: Floats, pool: Floats) -> Floats:
    """float[sources, label, truth]: tables of some sources anew, under the same model.

    Args:
        fitted: The model; its class balance stays.
        counts: float[sources, label, truth], expected answers of these sources.
        pool: float[label, truth], those of all sources.
    """
    if fitted.name == "majority":
        return np.broadcast_to(fitted.table[: len(pool)], counts.shape)
    if fitted.name == "vote-ratio":
        cells = counts + 100 * _believed(len(pool))
        return _logged(cells / cells.sum(2, keepdims=True) / np.exp(fitted.prior))
    if fitted.name == "one-coin":
        return _logged(_coins(counts, 10.0, pool))
    return _logged(confusions(counts, pool=pool))


def _logged(cells: Floats) -> Floats:
    logs: Floats = np.log(cells)
    return logs


def _believed(classes: int) -> Floats:
    """float[label, truth]: P(truth | vote) of a function that nothing is known of."""
    believed = np.full((classes, classes), 0.25 / (classes - 1))
    np.fill_diagonal(believed, 0.75)
    return believed


def confusions(counts: Floats, shrink: float = 20.0, pool: Floats | None = None) -> Floats:
    """float[sources, label, truth]: P(label | truth), shrunk to what the pool confuses.

    Args:
        counts: float[sources, label, truth], expected answers.
        shrink: Strength of the prior, in answers a class.
        pool: float[label, truth], those of all sources, where `counts` holds but some.
    """
    told = counts.sum(0) if pool is None else pool
    cells = _expected(_accuracy(counts, 5.0, told), told)
    cells *= shrink
    cells += counts
    cells /= cells.sum(1, keepdims=True)
    return cells


def _expected(accuracy: Floats, pool: Floats) -> Floats:
    """float[sources, label, truth]: confusions of sources of these accuracies, by the pool's.

    The odds of a right answer are the source's times the class's, over the pool's.
    """
    classes, total = len(pool), max(float(pool.sum()), 1e-9)
    own = pool.diagonal()
    common = (float(own.sum()) + 1) / (total + 2)
    easy = (own + _POOLED * common) / (pool.sum(0) + _POOLED)
    odds = (accuracy / (1 - accuracy))[:, None] * (easy / (1 - easy) / (common / (1 - common)))
    sure = odds / (1 + odds)
    _clip(sure)
    wrong = pool + _POOLED / (classes - 1)
    wrong.flat[:: classes + 1] = 0
    wrong /= wrong.sum(0)
    cells: Floats = wrong * (1 - sure)[:, None, :]
    cells.reshape(-1, classes**2)[:, :: classes + 1] = sure
    return cells


def _accuracy(counts: Floats, shrink: float, pool: Floats) -> Floats:
    """float[sources]: share of right answers, shrunk to the pool's by some answers."""
    flat = counts.reshape(len(counts), -1)
    right = flat[:, :: len(pool) + 1].sum(1)
    right += shrink * float(pool.diagonal().sum()) / max(float(pool.sum()), 1e-9)
    right /= flat.sum(1) + shrink
    return _clip(right)


def _clip(shares: Floats) -> Floats:
    """The same, in place, away from what is impossible and what is certain."""
    np.maximum(shares, 1e-3, out=shares)
    return np.minimum(shares, 1 - 1e-3, out=shares)


def _coins(counts: Floats, shrink: float, pool: Floats | None = None) -> Floats:
    """P(label | truth) of sources with one accuracy each, shrunk to the pool's."""
    classes = counts.shape[1]
    accuracy = _accuracy(counts, shrink, counts.sum(0) if pool is None else pool)
    cells = np.empty((len(counts), classes**2))
    cells[:] = ((1 - accuracy) / (classes - 1))[:, None]
    cells[:, :: classes + 1] = accuracy[:, None]
    return cells.reshape(counts.shape)


def _expect(
    name: str, votes: Votes, weight: Floats, learn: Callable[[Floats], Floats], start: Fitted | None
) -> Fitted:
    """Expectation and maximisation in turn, from the vote shares, until nothing moves."""
    shares, answered = votes.shares(weight), votes.answered()
    told = slice(None) if answered.all() else answered
    common = shares[told].mean(0)
    posterior = start.posterior(votes) if start else shares
    for rounds in range(_MORE if start else _ROUNDS, 0, -1):
        prior = posterior[told].sum(0) + 10 * common + 1e-6
        table = np.log(learn(votes.counts(posterior))).reshape(-1, votes.classes)
        fitted = Fitted(name, table, np.log(prior / prior.sum()), weight)
        if rounds == 1:
            break
        before, posterior = posterior, fitted.posterior(votes)
        if np.abs(posterior - before).max() < _SETTLED:
            break
    return fitted


def refit(fitted: Fitted, votes: Votes) -> Fitted:
    """Return the same model of more answers, from what a sample of them told.

    Args:
        fitted: The model of the sample.
        votes: All answers of the same sources.
    """
    weight = fitted.weight
    if fitted.name == "dawid-skene":
        return dawid_skene(votes, weight, start=fitted)
    return (
        one_coin(votes, weight, fitted)
        if fitted.name == "one-coin"
        else (LEARNERS[fitted.name](votes, weight))
    )


LEARNERS: dict[str, Callable[[Votes, Floats], Fitted]] = {
    "majority": majority,
    "dawid-skene": dawid_skene,
    "one-coin": one_coin,
    "vote-ratio": vote_ratio,
}
