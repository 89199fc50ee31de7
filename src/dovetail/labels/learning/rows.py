"""Rows of features, part dense and part sparse, as the models and strategies of learning take them.

The sparse part is compressed rows over hashed columns (CSR). Products with it are whole-array
sums, so no library beyond numpy is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dovetail.labels.votes import Codes, Floats

__all__ = ["Rows", "Singles", "beside", "minus", "stacked"]

Singles = npt.NDArray[np.float32]
_CHUNK = 4_000_000  # products that are held at one time


@dataclass(frozen=True)
class Rows:
    """Features of n rows.

    Attributes:
        dense: float32[n, d].
        start: int[n + 1], where each row begins among `columns`.
        columns: int[entries], hashed columns, ascending within a row.
        values: float32[entries].
        width: How many sparse columns there could be.
    """

    dense: Singles
    start: Codes
    columns: Codes
    values: Singles
    width: int

    def __len__(self) -> int:
        return len(self.dense)

    @classmethod
    def of_dense(cls, dense: Any) -> "Rows":
        """Rows without a sparse part."""
        block = np.ascontiguousarray(dense, np.float32)
        none = np.zeros(0, np.int64)
        return cls(block, np.zeros(len(block) + 1, np.int64), none, np.zeros(0, np.float32), 0)

    @cached_property
    def row(self) -> Codes:
        """int[entries]: the row of each sparse entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def take(self, chosen: Any) -> "Rows":
        """The rows of some numbers, in that order."""
        places = np.asarray(chosen)
        if places.dtype == bool:
            places = np.flatnonzero(places)
        sizes = np.diff(self.start)[places]
        start = np.concatenate([[0], np.cumsum(sizes)])
        entry = np.arange(start[-1]) + np.repeat(self.start[places] - start[:-1], sizes)
        return Rows(self.dense[places], start, self.columns[entry], self.values[entry], self.width)

    def over(self, kept: Codes) -> "Rows":
        """The same rows over some columns only, numbered 0.. in that order.

        Args:
            kept: int[m], ascending.
        """
        if not self.width:
            return self
        place = np.searchsorted(kept, self.columns)
        found = place < len(kept)
        found[found] = kept[place[found]] == self.columns[found]
        start = np.concatenate([[0], np.cumsum(found)])[self.start]
        return Rows(self.dense, start, place[found], self.values[found], len(kept))

    def times(self, weights: Floats) -> Floats:
        """float[n, k]: the product with weights float[d + width, k], the dense columns first."""
        size = self.dense.shape[1]
        found: Floats = self.dense @ weights[:size]
        if len(self.columns):
            found = found + self._sparse_times(weights[size:])
        return found

    def _sparse_times(self, weights: Floats) -> Floats:
        found = np.zeros((len(self), weights.shape[1]))
        each = max(1, int(_CHUNK * len(self) / (len(self.columns) * weights.shape[1] + 1)))
        for first in range(0, len(self), each):
            last = min(first + each, len(self))
            here = slice(self.start[first], self.start[last])
            product = weights[self.columns[here]] * self.values[here, None]
            starts = self.start[first:last] - self.start[first]
            filled = np.flatnonzero(np.diff(self.start[first : last + 1]))
            if len(filled):
                found[first + filled] = np.add.reduceat(product, starts[filled], axis=0)
        return found

    def back(self, slopes: Floats) -> Floats:
        """float[d + width, k]: the transposed product with float[n, k]."""
        size = self.dense.shape[1]
        found = np.empty((size + self.width, slopes.shape[1]))
        found[:size] = self.dense.T @ slopes
        if self.width:
            row = self.row
            for k, slope in enumerate(slopes.T):
                told = self.values * slope[row]
                found[size:, k] = np.bincount(self.columns, told, self.width)
        return found

    def products(self) -> Floats:
        """float[n, n]: the inner product of each row with each."""
        found: Floats = (self.dense @ self.dense.T).astype(float)
        if not len(self.columns):
            return found
        used = np.unique(self.columns)
        sparse = self.over(used)
        each = max(1, _CHUNK // len(self))
        for first in range(0, len(used), each):
            here = (sparse.columns >= first) & (sparse.columns < first + each)
            block = np.zeros((len(self), min(each, len(used) - first)), np.float32)
            block[sparse.row[here], sparse.columns[here] - first] = sparse.values[here]
            found += block @ block.T
        return found

    def projected(self, size: int, seed: int = 0) -> Floats:
        """float[n, at most size]: dense points that keep the distances between rows, roughly.

        A dense part that is small enough stays as it is; sparse columns go through random signs
        (Achlioptas 2003), always the same.
        """
        rng = np.random.default_rng(seed)
        dense = self.dense.astype(float)
        if dense.shape[1] > size:
            dense = dense @ (rng.choice((-1.0, 1.0), (dense.shape[1], size)) / np.sqrt(size))
        if not len(self.columns):
            return dense
        used = np.unique(self.columns)
        found = self.over(used)._sparse_times(_signs(used, size, seed) / np.sqrt(size))
        return np.hstack([dense, found]) if dense.shape[1] else found


def _signs(columns: Codes, size: int, seed: int) -> Floats:
    """float[columns, size]: a sign for each, by hash: always the same, whatever else there is."""
    place = np.arange(1, size + 1, dtype=np.uint64) + np.uint64(seed * size)
    mixed = (columns.astype(np.uint64)[:, None] + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) + place * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    found: Floats = np.where(mixed >> np.uint64(63), 1.0, -1.0)
    return found


def stacked(parts: Sequence[Rows]) -> Rows:
    """Rows below rows."""
    starts = [parts[0].start]
    for part in parts[1:]:
        starts.append(part.start[1:] + starts[-1][-1])
    return Rows(
        np.concatenate([part.dense for part in parts]),
        np.concatenate(starts),
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.values for part in parts]),
        parts[0].width,
    )


def minus(left: Rows, right: Rows) -> Rows:
    """The differences of rows; what both have alike is gone."""
    count, width = len(left), max(left.width, 1)
    row = np.concatenate([left.row, right.row])
    values = np.concatenate([left.values, -right.values])
    key, place = np.unique(
        row * width + np.concatenate([left.columns, right.columns]), return_inverse=True
    )
    told = np.bincount(place, values, len(key)).astype(np.float32)
    key, told = key[told != 0], told[told != 0]
    start = np.searchsorted(key, np.arange(count + 1) * width)
    return Rows(left.dense - right.dense, start, key % width, told, left.width)


def beside(parts: Sequence[Rows]) -> Rows:
    """The columns of rows next to each other; the parts are equally long."""
    if len(parts) == 1:
        return parts[0]
    shifts = np.cumsum([0, *(part.width for part in parts)])
    row = np.concatenate([part.row for part in parts])
    columns = np.concatenate(
        [part.columns + shift for part, shift in zip(parts, shifts[:-1], strict=True)]
    )
    order = np.argsort(row, kind="stable")  # shifts grow from part to part, so columns do too
    start = np.sum([part.start for part in parts], axis=0)
    values = np.concatenate([part.values for part in parts])[order]
    dense = np.hstack([part.dense for part in parts])
    return Rows(dense, start, columns[order], values, int(shifts[-1]))
