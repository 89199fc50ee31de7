"""What answers say of an item when answers err together: posteriors that may be believed.

Ten people are not ten independent witnesses: what is hard for one is hard for the next. A product
of their answers is therefore far too sure, and stopping where it is sure enough stops too early.
Two things hold it back here. The evidence of n answers counts as that of n / (1 + (n - 1) rho), the
design effect of survey statistics (Kish 1965), so that it saturates at 1 / rho answers. And what is
known of single sources is mixed with what is known of all of them together, until a source has
given enough answers to be told apart.
"""

from dataclasses import dataclass, replace

import numpy as np

from dovetail.labels.choice import choose
from dovetail.labels.copies import copy_weights
from dovetail.labels.models import Fitted
from dovetail.labels.votes import Codes, Floats, Votes, softmax

__all__ = ["Belief", "Known", "believe", "effective", "pair_agreement", "without"]

RHO = 0.25  # shared error that is assumed until gold or fresh answers tell: see benchmarks/labels
_RHOS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
_SPREAD = 0.12  # standard deviation of that assumption
_TOLD_APART = 20.0  # answers after which a source's own numbers weigh half
_STRENGTHS = (_TOLD_APART, 100.0, 1e9)
_DOUBT = (0.0, 1.0, 2.0)  # nats by which the other strengths are thought less likely
_ACCURACY, _ANSWERS = 0.75, 20.0  # of sources nobody has seen, in pairs of answers
_POOL_ROUNDS, _POOL_HELD = 5, 50.0
_FITTED_ON = 20_000


@dataclass(frozen=True)
class Known:
    """Items whose true label is known.

    Attributes:
        item: int[g], codes of the items.
        label: int[g], codes of their labels.
    """

    item: Codes
    label: Codes


@dataclass(frozen=True)
class Belief:
    """A model of the sources that knows how far it can be trusted.

    Attributes:
        own: What each source's answers say, learned source by source.
        pool: What any source's answers say.
        trust: float[sources], how much of `own` is believed, 0 to 1.
        rho: How much errors are shared: 0 not at all, 1 entirely.
        strength: Answers after which a source's own numbers weigh half.
    """

    own: Fitted
    pool: Fitted
    trust: Floats
    rho: float
    strength: float = _TOLD_APART

    def widened(self, sources: int) -> "Belief":
        """Return it with more sources, each as good as any."""
        more = sources - len(self.trust)
        if more <= 0:
            return self
        classes = self.pool.table.shape[1]
        table = np.tile(self.pool.table[:classes], (more, 1))
        own, pool = (
            replace(one, table=np.vstack([one.table, table]),
                    weight=np.append(one.weight, np.ones(more)))
            for one in (self.own, self.pool)
        )  # fmt: skip
        return replace(self, own=own, pool=pool, trust=np.append(self.trust, np.zeros(more)))

    def posterior(self, votes: Votes) -> Floats:
        """float[items, classes]: probability of each label."""
        told = _told(votes)
        pooled = softmax(self.pool.prior + _evidence(self.pool, votes) / effective(told, self.rho))
        if self.own.name == "majority":
            return pooled
        owned = softmax(self.own.prior + _evidence(self.own, votes) / effective(told, self.rho))
        share = self.share(votes, told)
        return share * owned + (1 - share) * pooled

    def share(self, votes: Votes, told: Codes) -> Floats:
        """float[items, 1]: how much of `own` is believed of each item."""
        trusted = np.bincount(votes.item, self.trust[votes.source], votes.items)
        share: Floats = (trusted / np.maximum(told, 1))[:, None]
        return share

    def confusion(self, source: int | None = None) -> Floats:
        """float[label, truth]: P(answer | truth) of one source, or of any."""
        classes = self.pool.table.shape[1]
        pooled: Floats = np.exp(self.pool.table[:classes])
        if source is None or self.own.name == "majority":
            return pooled
        cells = np.exp(self.own.table[source * classes : (source + 1) * classes])
        cells /= cells.sum(0, keepdims=True)
        trust = float(self.trust[source])
        mixed: Floats = trust * cells + (1 - trust) * pooled
        return mixed


def effective(answers: Codes | int, rho: float) -> Floats:
    """float[items, 1]: what the evidence of so many answers is to be divided by."""
    divisor: Floats = 1 + np.maximum(np.asarray(answers) - 1, 0) * rho
    return divisor[..., None]


def pair_agreement(votes: Votes) -> tuple[float, int]:
    """Return how often the first two answers on an item agree, and on how many items there are two.

    Only the first two count: later answers were asked for because the first ones disagreed, so
    what they agree on is no sample. Answers on one item stand in the order in which they came.
    """
    order = np.argsort(votes.item, kind="stable")
    item, label = votes.item[order], votes.label[order]
    first = np.flatnonzero(np.diff(item, prepend=-1))
    two = first[first + 1 < len(item)]
    two = two[item[two] == item[two + 1]]
    if not len(two):
        return float("nan"), 0
    return float((label[two] == label[two + 1]).mean()), len(two)


def believe(votes: Votes, gold: Known | None = None, fresh: np.ndarray | None = None) -> Belief:
    """Learn what the sources' answers are worth, and how far sums of them can be trusted.

    Args:
        votes: The answers, those on one item in the order in which they came.
        gold: Items whose label is known; they set how sure posteriors are.
        fresh: bool[a], answers that were asked for after their item was done, to see whether they
            agree; they set the same where there is no gold.
    """
    part = votes.sample(_FITTED_ON)
    pool = _pool(part)
    own = choose(part, copy_weights(part)) if len(part.item) else pool
    answers = np.bincount(votes.source, minlength=votes.sources)
    belief = Belief(own, pool, answers / (answers + _TOLD_APART), RHO)
    return _tempered(belief, votes, answers, gold, fresh)


def _tempered(
    belief: Belief, votes: Votes, answers: Codes, gold: Known | None, fresh: np.ndarray | None
) -> Belief:
    """Choose what tells known labels and fresh answers best, from where it was assumed to be."""
    checked = fresh is not None and bool(fresh.any())
    if (gold is None or not len(gold.item)) and not checked:
        return belief
    before = votes if fresh is None else without(votes, fresh)
    scores: dict[tuple[float, float], float] = {}
    for strength, doubt in zip(_STRENGTHS, _DOUBT, strict=True):
        for rho in _RHOS:
            tried = replace(belief, rho=rho, trust=answers / (answers + strength))
            score = -doubt - ((rho - RHO) / _SPREAD) ** 2 / 2
            posterior = tried.posterior(before)
            if gold is not None:
                score += _log(posterior[gold.item, gold.label])
            if checked:
                cells = tried.confusion()[votes.label[fresh]]
                score += _log((posterior[votes.item[fresh]] * cells).sum(1))
            scores[rho, strength] = score
    rho, strength = max(scores, key=lambda key: scores[key])
    return replace(belief, rho=rho, trust=answers / (answers + strength), strength=strength)


def _pool(votes: Votes) -> Fitted:
    """One accuracy for all sources, from how often first answers agree.

    If all items are alike, two that are right with probability a agree with a^2 + (1 - a)^2 /
    (classes - 1). If some are easy and the rest a toss-up, a is no more than their agreement. The
    truth lies between, so the middle is taken.
    """
    classes = votes.classes
    agreed, pairs = pair_agreement(votes)
    believed = _ACCURACY**2 + (1 - _ACCURACY) ** 2 / (classes - 1)
    seen = agreed * pairs if pairs else 0.0
    rate = (seen + _ANSWERS * believed) / (pairs + _ANSWERS)
    chance = 1 / classes
    beyond = max(rate - chance, 0.0) / (1 - chance)
    alike, mixed = chance + (1 - chance) * beyond**0.5, rate
    accuracy = float(np.clip((alike + mixed) / 2, chance + 0.02, 0.995))
    cells = np.full((classes, classes), (1 - accuracy) / (classes - 1))
    np.fill_diagonal(cells, accuracy)
    common = votes.shares()[votes.answered()].sum(0) + 10 / classes
    prior = 0.5 * np.log(common / common.sum())  # half: vote shares lean to what is often wrong
    table = np.tile(np.log(_by_class(votes, cells)), (votes.sources, 1))
    return Fitted("majority", table, prior, np.ones(votes.sources))


def _by_class(votes: Votes, cells: Floats) -> Floats:
    """float[label, truth]: one confusion matrix for all sources, by expectation-maximisation.

    Each class is held to `cells` by 50 answers, so that only what many answers say counts: a class
    that is mostly taken for another one shows here.
    """
    one = replace(votes, source=np.zeros_like(votes.source), sources=1)
    shares = one.shares()
    prior = np.log(shares[one.answered()].sum(0) + 10 / votes.classes)
    for _ in range(_POOL_ROUNDS):
        counts = one.counts(shares)[0] + _POOL_HELD * cells
        learned: Floats = counts / counts.sum(0)
        shares = softmax(one.evidence(np.log(learned)) + prior)
    return learned


def _told(votes: Votes) -> Codes:
    return np.bincount(votes.item, minlength=votes.items)


def _evidence(fitted: Fitted, votes: Votes) -> Floats:
    return votes.evidence(fitted.weighted)


def without(votes: Votes, left: np.ndarray) -> Votes:
    """Return the answers less some, as bool[a]."""
    kept = ~left
    return replace(votes, item=votes.item[kept], source=votes.source[kept], label=votes.label[kept])


def _log(likely: Floats) -> float:
    return float(np.log(np.maximum(likely, 1e-6)).sum())
