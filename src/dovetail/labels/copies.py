"""Which sources say the same thing twice: near-copies share the weight of one.

Ten functions written from one keyword list are one opinion, not ten. Sources are compared in pairs:
how often they give the same answer on the same item, against how often they would if each erred on
its own (the idea of structure learning, Bach et al. 2017, with counts in place of a regression).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dovetail.labels.votes import Floats, Votes

__all__ = ["copy_weights"]

_SOURCES = 200  # pairs are counted among those with the most answers
_ITEMS = 1000, 4000  # that are looked at: at least, and at most
_LOOKED_AT = 200_000  # what they make with the sources
_TOGETHER = 10  # answers on the same items before a pair can be judged
_ALIKE = 0.5
_OVERLAP = 0.4
_WORD_FOR_WORD = 0.9
_OPINIONS = 3  # what is left of fewer cannot tell copies from sources that are both right

_Counts = npt.NDArray[np.float32]  # exact up to 16 million, and twice as fast to multiply


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
    part = votes.sample(int(np.clip(_LOOKED_AT / len(judged), *_ITEMS)))
    alike = _alikeness(_table(part if len(judged) == votes.sources else part.only(judged)))
    if alike is not None:
        np.fill_diagonal(alike, 1.0)
        weight[judged] = 1 / alike.sum(1)
    return weight if weight[answers > 0].sum() >= _OPINIONS else np.ones(votes.sources)


def _table(votes: Votes) -> npt.NDArray[np.int64]:
    """int[items, sources]: the answers, -1 where there is none."""
    table = np.full((votes.items, votes.sources), -1)
    table[votes.item, votes.source] = votes.label
    return table


def _alikeness(table: npt.NDArray[np.int64]) -> Floats | None:
    """float[sources, sources]: how alike copies are, 0 for pairs that are none; None: no copies.

    Every pair is counted by products of whole tables, which a processor does faster than it looks
    up the pairs that met. Labels are looked at only of sources that speak on the items of another.
    """
    there = (table >= 0).astype(np.float32)
    together, own = there.T @ there, there.sum(0)
    either = np.maximum(own[:, None] + own - together, 1)
    maybe = (together >= _TOGETHER) & (together > _ALIKE * either)
    np.fill_diagonal(maybe, val=False)
    some = np.flatnonzero(maybe.any(0))
    if not len(some):
        return None
    found = np.zeros(maybe.shape)
    among = np.ix_(some, some)
    alike = _copies(table[:, some], there[:, some], together[among], either[among], len(table))
    found[among] = np.where(maybe[among], alike, 0.0)
    return found


def _copies(
    table: npt.NDArray[np.int64], there: _Counts, together: _Counts, either: _Counts, items: int
) -> Floats:
    """float[sources, sources]: the same, of those whose pairs can be copies."""
    said = [(table == label).astype(np.float32) for label in range(int(table.max()) + 1)]
    same = np.sum([one.T @ one for one in said], 0)
    if not (same > _ALIKE * either)[~np.eye(len(same), dtype=bool)].any():
        return np.zeros(same.shape)
    by_chance, own = _by_chance(said, there, together), there.sum(0)
    met = np.outer(own, own) / max(items, 1)
    would = np.maximum(own[:, None] + own - met, 1)
    agree = _beyond(same / np.maximum(together, 1), by_chance)
    overlap = _beyond(together / either, met / would)
    alike = _beyond(same / either, met * by_chance / would)
    copies = (same > _ALIKE * either) & (alike > _ALIKE)
    return np.where(copies & ((overlap > _OVERLAP) | (agree > _WORD_FOR_WORD)), alike, 0.0)


def _by_chance(said: list[_Counts], there: _Counts, together: _Counts) -> Floats:
    """float[sources, sources]: how often each pair would agree if both erred on their own."""
    shares = np.stack([one.sum(1) for one in said], 1)
    shares /= np.maximum(shares.sum(1, keepdims=True), 1)
    confusion = np.stack([one.T @ shares for one in said], 1) + 1
    confusion /= confusion.sum(1, keepdims=True)
    likely = np.zeros(together.shape)
    for truth in range(len(said)):
        agree = confusion[:, :, truth] @ confusion[:, :, truth].T
        likely += ((there * shares[:, truth, None]).T @ there) * agree
    return likely / np.maximum(together, 1)


def _beyond(seen: npt.NDArray[Any], chance: npt.NDArray[Any]) -> Floats:
    """What was seen beyond chance, as a share of what is possible."""
    found: Floats = (seen - chance) / np.maximum(1 - chance, 0.05)
    return found
