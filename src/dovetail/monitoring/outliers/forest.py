"""How soon random cuts set a row apart from the others: an isolation forest."""

import math

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

_TREES = 100
_SAMPLE = 256
Numbers = npt.NDArray[np.int64]


class Forest:
    """An isolation forest, scored for all trees at once.

    Every tree is a full binary tree in one row of an array, so a row is led down a hundred trees
    by eight steps of indexing.

    Source: F. T. Liu, K. M. Ting and Z.-H. Zhou, Isolation forest, ICDM 2008.

    Args:
        rows: float64 [n, width].
        seed: Seeds samples and cuts.
    """

    def __init__(self, rows: Floats, seed: int = 0) -> None:
        r = np.random.default_rng(seed)
        size = min(_SAMPLE, len(rows))
        self._depth = max(1, math.ceil(math.log2(max(2, size))))
        nodes = 2 ** (self._depth + 1) - 1
        self._column: Numbers = np.zeros((_TREES, nodes), dtype=np.int64)
        self._cut = np.full((_TREES, nodes), np.inf)
        self._length = np.zeros((_TREES, nodes))
        for tree in range(_TREES):
            some = rows[r.choice(len(rows), size, replace=False)]
            self._grow(tree, some, r)
        self._usual = _path(size) or 1.0
        # No cut tells apart what never varied; a row that differs there is alone at once.
        self._still = np.flatnonzero(rows.max(axis=0) == rows.min(axis=0))
        self._value = rows[0, self._still]

    def score(self, rows: Floats) -> Floats:
        """The anomaly score of each row: float64 [n], larger is stranger.

        Between 0 and 1, and 1 more for each column in which the row has what no other had.
        """
        trees = np.arange(_TREES)
        here = np.arange(len(rows))[:, None]
        at = np.zeros((len(rows), _TREES), dtype=np.int64)
        for _ in range(self._depth):
            right = rows[here, self._column[trees, at]] >= self._cut[trees, at]
            at = 2 * at + 1 + right
        alone = (rows[:, self._still] != self._value).sum(axis=1)
        return np.asarray(2.0 ** (-self._length[trees, at].mean(axis=1) / self._usual) + alone)

    def _grow(self, tree: int, rows: Floats, r: np.random.Generator) -> None:
        """Cut until one row is left; a node that is not cut sends everything to the left."""
        open_nodes = [(0, 0, rows)]
        while open_nodes:
            node, depth, held = open_nodes.pop()
            if depth == self._depth:
                self._length[tree, node] = depth + _path(len(held))
                continue
            spread = held.max(axis=0) > held.min(axis=0) if len(held) > 1 else np.zeros(0, bool)
            if not spread.any():
                self._end(tree, node, depth, depth + _path(len(held)))
                continue
            column = int(r.choice(np.flatnonzero(spread)))
            values = held[:, column]
            cut = float(r.uniform(values.min(), values.max()))
            right = values >= cut
            self._column[tree, node], self._cut[tree, node] = column, cut
            open_nodes += [
                (2 * node + 1, depth + 1, held[~right]),
                (2 * node + 2, depth + 1, held[right]),
            ]

    def _end(self, tree: int, node: int, depth: int, length: float) -> None:
        """Give the leaf's length to where the steps to the left from it end."""
        for _ in range(self._depth - depth):
            node = 2 * node + 1
        self._length[tree, node] = length


def _path(count: int) -> float:
    """The mean length of an unsuccessful search among `count` rows."""
    if count < 2:
        return 0.0
    if count == 2:
        return 1.0
    return 2 * (math.log(count - 1) + 0.5772156649015329) - 2 * (count - 1) / count
