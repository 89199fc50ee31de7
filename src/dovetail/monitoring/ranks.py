"""Conformal ranks of a day's values: exactly uniform for as long as nothing has changed.

A day is known by its counts per bin. Its rows are put into a random order, and each is ranked
among the calibration rows, all days before, and the rows of its own day that come before it:

    u_i = (below_i + theta_i (equal_i + 1)) / (seen_i + 1),

where below and equal count, among the seen_i rows so far, those in lower bins and in the same bin,
and theta_i is uniform on [0, 1].

Why it is exact: let all rows, those of the calibration and those since, be exchangeable given what
the bins were made from. Given the bag of the first n rows, each of them is equally likely to be
the last, so u_n is uniform, whatever the bag. The ranks before depend on the bag without its last
row and on its order, and by induction are independent and uniform given that bag, whatever it is;
so they are independent of u_n. Hence u_1, u_2, ... are independent and uniform: for any number of
calibration rows (even none), any size of a day, any ties, categories and missing values. Three
things must hold, and are seen to by the callers: the bins are made from rows that do not calibrate
(`columns.profile`), every row is ranked among all before it and not only among those before its
day, and neither the order nor theta depends on the values. A random order of exchangeable rows is
as exchangeable, so the ranks of a day do not depend on how its rows arrived or were sharded.

Source: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic Learning in a Random World" (2005),
chapter 2 (smoothed conformal predictors are exactly valid).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

Bins = npt.NDArray[np.int64]


def day_ranks(counts: Bins, pool: Bins, seed: list[int]) -> Floats:
    """The ranks of a day's rows, in a random order.

    Args:
        counts: Rows of the day in each bin, shape (K,).
        pool: Rows before that day in each bin, shape (K,); the day is added in place.
        seed: Of the order and of theta; must not depend on the values.

    Returns:
        Shape (sum of counts,).
    """
    random = np.random.default_rng(seed)
    bins = np.repeat(np.arange(len(counts), dtype=np.uint16), counts)
    random.shuffle(bins)
    found = conformal(bins, pool, random.random(len(bins)))
    pool += counts
    return found


def conformal(bins: npt.NDArray[np.uint16], pool: Bins, theta: Floats) -> Floats:
    """Each row's randomised rank among the pool and the rows before it.

    Args:
        bins: The bin of every row in order, shape (n,).
        pool: Rows before the first one in each bin, shape (K,).
        theta: Uniform random numbers, shape (n,).
    """
    below, equal = _earlier(bins, len(pool))
    below += (np.cumsum(pool) - pool)[bins]
    equal += pool[bins]
    seen = np.arange(len(bins)) + int(pool.sum())
    return np.asarray((below + theta * (equal + 1)) / (seen + 1), dtype=np.float64)


def _earlier(bins: npt.NDArray[np.uint16], size: int) -> tuple[Bins, Bins]:
    """Count for each row the earlier rows in lower bins, and those in its own bin.

    A wavelet tree, walked from the highest bit of the bins to the lowest: O(n log K). At each bit,
    rows that agree in the bits above form a group, in their order; a row with the bit set has
    below it the rows of its group before it that have it clear.
    """
    below = np.zeros(len(bins), dtype=np.int64)
    place = np.arange(len(bins))
    sorted_bins = bins
    for bit in reversed(range(max(1, (size - 1).bit_length()))):
        clear = 1 - (sorted_bins >> bit & 1).astype(np.int64)
        before = np.cumsum(clear) - clear
        before -= before[_starts(sorted_bins >> (bit + 1))]
        below[place] += np.where(clear, 0, before)
        order = np.argsort(sorted_bins >> bit, kind="stable")
        place, sorted_bins = place[order], sorted_bins[order]
    equal = np.empty(len(bins), dtype=np.int64)
    equal[place] = np.arange(len(bins)) - _starts(sorted_bins)
    return below, equal


def _starts(keys: npt.NDArray[np.integer[Any]]) -> Bins:
    """For each row of sorted keys, where the run of its key begins."""
    first = np.r_[True, keys[1:] != keys[:-1]] if len(keys) else np.zeros(0, dtype=bool)
    return np.asarray(np.flatnonzero(first)[np.cumsum(first) - 1], dtype=np.int64)
