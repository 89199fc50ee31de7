"""Which sources say the same thing twice: near-copies share the weight of one.

Ten functions written from one keyword list are one opinion, not ten. Sources are compared in pairs:
how often they give the same answer on the same item, against how often they would if each erred on
its own (the idea of structure learning, Bach et al. 2017, with counts in place of a regression).
"""

import numpy as np

from dovetail.labels.votes import Floats, Votes

__all__ = ["copy_weights"]

_SOURCES = 200  # pairs are counted among those with the most answers
_ITEMS = 4000
_TOGETHER = 10  # answers on the same items before a pair can be judged
_ALIKE = 0.5
_OVERLAP = 0.4
_WORD_FOR_WORD = 0.9


def copy_weights(votes: Votes) -> Floats:
    """float[sources]: what an answer of each source counts; 1 unless it is a near-copy.

    A pair counts as copies when their shared answers exceed chance by half of what is possible, and
    they also speak on the same items beyond chance or agree word for word. People who were all
    asked about every item and find the same ones hard are not copies.

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
    judged = judged[np.argsort(-answers[judged], kind="stable")][:_SOURCES]
    if len(judged) < 2:
        return weight
    part = votes.only(judged).sample(_ITEMS)
    alike = _alikeness(part)
    np.fill_diagonal(alike, 1.0)
    weight[judged] = 1 / alike.sum(1)
    return weight


def _alikeness(votes: Votes) -> Floats:
    """float[sources, sources]: how alike copies are, 0 for pairs that are none."""
    shares, size = votes.shares(), votes.sources
    spoke = np.zeros((votes.items, size), np.float32)
    spoke[votes.item, votes.source] = 1
    together = (spoke.T @ spoke).astype(float)
    counts = votes.counts(shares) + 1.0
    confusion = counts / counts.sum(1, keepdims=True)
    same, expected = np.zeros((size, size)), np.zeros((size, size))
    for label in range(votes.classes):
        said = np.zeros((votes.items, size), np.float32)
        one = votes.label == label
        said[votes.item[one], votes.source[one]] = 1
        same += said.T @ said
        likely = (spoke * shares[:, label : label + 1].astype(np.float32)).T @ spoke
        expected += likely * (confusion[:, :, label] @ confusion[:, :, label].T)
    seen = np.maximum(together, 1)
    by_chance = expected / seen
    agree = _beyond(same / seen, by_chance)
    own = np.diag(together)
    either = own[:, None] + own[None] - together
    met = own[:, None] * own[None] / max(votes.items, 1)
    would = np.maximum(own[:, None] + own[None] - met, 1)
    overlap = _beyond(together / np.maximum(either, 1), met / would)
    alike = _beyond(same / np.maximum(either, 1), met * by_chance / would)
    copies = (alike > _ALIKE) & (together >= _TOGETHER)
    copies &= (overlap > _OVERLAP) | (agree > _WORD_FOR_WORD)
    return np.where(copies, alike, 0.0)


def _beyond(seen: Floats, chance: Floats) -> Floats:
    """What was seen beyond chance, as a share of what is possible."""
    return (seen - chance) / np.maximum(1 - chance, 0.05)
