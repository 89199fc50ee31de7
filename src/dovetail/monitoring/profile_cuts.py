"""Cuts that profiles of different rows agree upon, so that they can be merged without loss.

Quantiles of two samples never coincide, so counts between them cannot be added up. Here the cuts
come from one fixed binary tree over all floating-point numbers, the same for every sample, column
and computer: the numbers in order, halved again and again by the bits of their representation. A
sample only chooses how deep the tree goes where: a cell is halved while it holds more than its
share of the rows, and a value that holds as much by itself gets a cell of its own. Cuts of two
samples then differ in depth, never in place. What both have in common is again such a set of cuts,
and counts in its cells are sums of counts: exact, in any order.

A cut is the rounder the less deep it lies (0.5, 0.75, 0.8125), and the tree goes as deep as the
data needs: it tells 1,700,000,000 from 1,700,000,001, or 1e-300 from 2e-300, as well as 1 from 2.

Source: N. Shrivastava, C. Buragohain, D. Agrawal and S. Suri, "Medians and beyond: new aggregation
techniques for sensor networks", SenSys 2004 (the q-digest: counts in a fixed dyadic tree). Theirs
is over integers, and pushes counts to parents; here a sample only shapes the tree, and no count is
ever approximate. KLL sketches and t-digests keep values of rows and are merged to within an error.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

__all__ = ["common_cuts", "cuts_of", "gathered", "recount"]

Keys = npt.NDArray[np.uint64]
_BITS = 64
_SIGN = np.uint64(1 << 63)
_ONE = np.uint64(1)


def cuts_of(values: Floats, cells: int) -> Floats:
    """Cuts of the fixed tree such that no cell holds more than a share of the values.

    A cell holds what is above the cut before it, up to and with its own.

    Args:
        values: Finite numbers, shape (n,).
        cells: One part in so many is the largest share of a cell, but for equal values.

    Returns:
        Increasing cuts, about 1.5 `cells` of them.

    Example:
        >>> cuts_of(np.arange(1.0, 65.0), 4).tolist()
        [0.0, 2.0, 8.0, 16.0, 32.0, 48.0, 64.0]
    """
    # A cell ends with its cut, so what is halved are the numbers just below.
    keys = _keys(np.sort(values)) - _ONE
    edges, filled = _split(keys, len(keys) / cells)
    cuts = _numbers(np.array(edges, dtype=np.uint64))
    # The way down leaves empty cells beside it; of several in a row one is enough.
    busy = np.array(filled, dtype=np.bool_)
    useful = (busy[:-1] | busy[1:]) & np.isfinite(cuts)
    return np.asarray(cuts[useful], dtype=np.float64)


def _split(keys: Keys, most: float) -> tuple[list[int], list[bool]]:
    """Halve the tree where it holds more than `most` rows.

    Returns:
        The keys of the cuts in order, and whether each of the cells around them holds any row.
    """
    edges: list[int] = []
    filled: list[bool] = []
    # Cells still to look at, the lowest last: first and last row, first key, bits within; or an
    # edge between two of them.
    waiting: list[tuple[int, int, int, int]] = [(0, len(keys), 0, _BITS)]
    while waiting:
        low, high, base, bits = waiting.pop()
        if low < 0:
            edges.append(base)
        elif high - low <= most:
            filled.append(high > low)
        elif keys[low] == keys[high - 1]:
            around = _alone(int(keys[low]), base, base + (1 << bits))
            edges += around[0]
            filled += around[1]
        else:
            half = base + (1 << (bits - 1))
            middle = low + int(np.searchsorted(keys[low:high], np.uint64(half)))
            waiting += [(middle, high, half, bits - 1), (-1, -1, half, 0)]
            waiting.append((low, middle, base, bits - 1))
    return edges, filled


def _alone(key: int, base: int, end: int) -> tuple[list[int], list[bool]]:
    """Give one value a cell of its own between the edges of a larger one."""
    before, after = key > base, key + 1 < end
    edges = [*([key] if before else []), *([key + 1] if after else [])]
    return edges, [*([False] if before else []), True, *([False] if after else [])]


def _keys(values: Floats) -> Keys:
    """Unsigned integers in the order of the numbers, one after the other; zero has one only."""
    bits = (np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64)
    return np.where(bits & _SIGN, ~bits + _ONE, bits | _SIGN)


def _numbers(keys: Keys) -> Floats:
    """The inverse of `_keys`."""
    return np.where(keys & _SIGN, keys & ~_SIGN, ~(keys - _ONE)).view(np.float64)


def common_cuts(some: Floats, others: Floats) -> Floats:
    """The cuts that two sets of cuts share: the finest cells that both can count in."""
    return np.asarray(np.intersect1d(some, others), dtype=np.float64)


def recount(before: Floats, after: Floats, counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Add up counts into larger cells.

    Args:
        before: Cuts of the cells counted in, k of them.
        after: Some of the same cuts, m of them.
        counts: One for each of the k + 1 cells, last axis.

    Returns:
        One for each of the m + 1 cells, last axis.
    """
    into = np.append(np.searchsorted(after, before), len(after))
    return gathered(counts, into, len(after) + 1)


def gathered(counts: Any, into: Any, cells: int) -> npt.NDArray[Any]:
    """Add up counts, last axis, each into the cell of the number beside it."""
    found = np.zeros((cells, *counts.shape[:-1]), dtype=counts.dtype)
    np.add.at(found, np.asarray(into), counts.T)
    return found.T
