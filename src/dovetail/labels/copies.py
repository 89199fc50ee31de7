"""Which sources say the same thing twice: near-copies share the weight of one.

Ten functions written from one keyword list are one opinion, not ten. Sources are compared in pairs:
how often they give the same answer on the same item, against how often they would if each erred on
its own (the idea of structure learning, Bach et al. 2017, with counts in place of a regression).
"""

import numpy as np

from dovetail.labels.votes import Codes, Floats, Votes

__all__ = ["copy_weights"]

_SOURCES = 200  # pairs are counted among those with the most answers
_ITEMS = 4000
_PAIRS = 100_000  # pairs of answers on one item that are looked at
_TOGETHER = 10  # answers on the same items before a pair can be judged
_ALIKE = 0.5
_OVERLAP = 0.4
_WORD_FOR_WORD = 0.9
_OPINIONS = 3  # what is left of fewer cannot tell copies from sources that are both right


def copy_weights(votes: Votes) -> Floats:
    """float[sources]: what an answer of each source counts; 1 unless it is a near-copy.

    A pair counts as copies when their shared answers exceed chance by half of what is possible, and
    they also speak on the same items beyond chance or agree word for word. People who were all
    asked about every item and find the same ones hard are not copies. Nor is anything taken for a
    copy where fewer than three opinions would be left: two people who never err say the same as
    well, and nothing in the answers of a third tells which it is.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.integers(0, 2, 500)
        >>> said = np.where(rng.random((500, 3)) < 0.7, truth[:, None], 1 - truth[:, None])
        >>> matrix = np.hstack([said, said[:, :1]])
        >>> copy_weights(Votes.of_matrix(matrix, 2)).round(1).tolist()
        [0.5, 1.0, 1.0, 0.5]
    """
    weight = np.ones(votes.sources)
    answers = np.bincount(votes.source, minlength=votes.sources)
    judged = np.flatnonzero(answers >= _TOGETHER)
    judged = np.sort(judged[np.argsort(-answers[judged], kind="stable")][:_SOURCES])
    if len(judged) < 2:
        return weight
    part = votes.sample(_few_enough(votes))
    if len(judged) < votes.sources:
        part = part.only(judged)
    alike = _alikeness(_once(part))
    if alike is not None:
        np.fill_diagonal(alike, 1.0)
        weight[judged] = 1 / alike.sum(1)
    return weight if weight[answers > 0].sum() >= _OPINIONS else np.ones(votes.sources)


def _few_enough(votes: Votes) -> int:
    """How many items to look at, so that their pairs of answers are not too many."""
    answers = np.bincount(votes.item, minlength=votes.items)
    pairs = float((answers * (answers - 1)).sum()) / 2 / max(int((answers > 0).sum()), 1)
    return int(np.clip(_PAIRS / max(pairs, 1e-9), _ITEMS // 4, _ITEMS))


def _alikeness(votes: Votes) -> Floats | None:
    """float[sources, sources]: how alike copies are, 0 for pairs that are none; None: no copies.

    Only pairs of answers on one item are looked at, so that a thousand people who each saw a
    hundredth of the items cost no more than ten who saw all.
    """
    size = votes.sources
    one, other, item = _pairs(votes)
    pair = votes.source.take(one) * size + votes.source.take(other)
    equal = votes.label.take(one) == votes.label.take(other)
    together = np.bincount(pair, minlength=size**2).astype(float)
    same = np.bincount(pair, equal, size**2)
    own = np.bincount(votes.source, minlength=size).astype(float)
    first, second = np.divmod(np.arange(size**2), size)
    either = np.maximum(own[first] + own[second] - together, 1)
    maybe = (together >= _TOGETHER) & (same > _ALIKE * either)
    if not maybe.any():
        return None
    kept = maybe[pair]
    by_chance = _by_chance(votes, pair[kept], item[kept], np.maximum(together, 1))
    agree = _beyond(same / np.maximum(together, 1), by_chance)
    met = own[first] * own[second] / max(votes.items, 1)
    would = np.maximum(own[first] + own[second] - met, 1)
    overlap = _beyond(together / either, met / would)
    alike = _beyond(same / either, met * by_chance / would)
    copies = maybe & (alike > _ALIKE) & ((overlap > _OVERLAP) | (agree > _WORD_FOR_WORD))
    found = np.where(copies, alike, 0.0).reshape(size, size)
    return np.maximum(found, found.T)


def _pairs(votes: Votes) -> tuple[Codes, Codes, Codes]:
    """Pairs of answers on one item, the lower source first, and the item of each."""
    item = votes.item
    most = int(np.bincount(item, minlength=1).max())
    ones = [np.flatnonzero(item[lag:] == item[:-lag]) for lag in range(1, most)]
    one = np.concatenate([*ones, item[:0]])
    other = one + np.repeat(np.arange(1, most), [len(found) for found in ones])
    return one, other, item.take(one)


def _once(votes: Votes) -> Votes:
    """The same, sorted, without what a source says of an item again."""
    place = votes.item * votes.sources + votes.source
    if (np.diff(place) > 0).all():
        return votes
    _, first = np.unique(place, return_index=True)
    parts = votes.item[first], votes.source[first], votes.label[first]
    return Votes(*parts, votes.items, votes.sources, votes.classes)


def _by_chance(votes: Votes, pair: Codes, item: Codes, together: Floats) -> Floats:
    """float[pairs]: how often each pair would agree if both erred on their own."""
    shares, size = votes.shares(), votes.sources
    counts = votes.counts(shares) + 1.0
    confusion = counts / counts.sum(1, keepdims=True)
    first, second = np.divmod(pair, size)
    likely = np.zeros(len(pair))
    for truth in range(votes.classes):
        agree = confusion[:, :, truth] @ confusion[:, :, truth].T
        likely += shares[:, truth].take(item) * agree[first, second]
    return np.bincount(pair, likely, size**2) / together


def _beyond(seen: Floats, chance: Floats) -> Floats:
    """What was seen beyond chance, as a share of what is possible."""
    return (seen - chance) / np.maximum(1 - chance, 0.05)
