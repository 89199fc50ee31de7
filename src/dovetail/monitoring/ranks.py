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

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

Bins = npt.NDArray[np.int64]
Keys = npt.NDArray[np.unsignedinteger[Any]]


def day_ranks(counts: Sequence[Bins], pools: Sequence[Bins], random: np.random.Generator) -> Floats:
    """The ranks of a day's rows of several streams, each in a random order of its own.

    Args:
        counts: For each stream the day's rows in each bin, shape (K_j,).
        pools: For each stream the rows before that day in each bin, shape (K_j,); the day is
            added in place.
        random: Of the orders and of theta; must not depend on the values.

    Returns:
        Stream by stream, shape (sum of all counts,).
    """
    rows = [np.repeat(np.arange(len(c), dtype=np.uint16), c) for c in counts]
    for bins in rows:
        random.shuffle(bins)
    found = conformal(rows, pools, random.random(sum(map(len, rows))))
    for pool, seen in zip(pools, counts, strict=True):
        pool += seen
    return found


def conformal(
    streams: Sequence[npt.NDArray[np.uint16]], pools: Sequence[Bins], theta: Floats
) -> Floats:
    """Each row's randomised rank among its stream's pool and the rows before it.

    Args:
        streams: The bin of every row in order, shape (n_j,) each.
        pools: Rows before the first one in each bin, shape (K_j,) each.
        theta: Uniform random numbers, one a row.

    Returns:
        Stream by stream, shape (sum of n_j,).
    """
    bits = (max(map(len, pools)) - 1).bit_length()
    below, equal = _earlier(_keys(streams, bits), bits)
    sizes = [len(bins) for bins in streams]
    pairs = list(zip(streams, pools, strict=True))
    below += np.concatenate([(np.cumsum(pool) - pool)[bins] for bins, pool in pairs])
    equal += np.concatenate([pool[bins] for bins, pool in pairs])
    ends = np.cumsum(sizes)
    before = np.repeat([int(pool.sum()) for pool in pools] - (ends - sizes), sizes)
    seen = np.arange(len(below)) + before
    return np.asarray((below + theta * (equal + 1)) / (seen + 1), dtype=np.float64)


def _keys(streams: Sequence[npt.NDArray[np.uint16]], bits: int) -> Keys:
    """One number a row: its stream in the high bits, its bin in the low ones."""
    # Sixteen bits, where they suffice, are sorted by radix: several times quicker.
    kind: type[np.unsignedinteger[Any]] = (
        np.uint16 if len(streams) << bits <= 1 << 16 else np.uint32
    )
    return np.concatenate([bins.astype(kind) + kind(j << bits) for j, bins in enumerate(streams)])


def _earlier(keys: Keys, bits: int) -> tuple[Bins, Bins]:
    """Count for each row the earlier rows of its stream in lower bins, and in its own bin.

    A wavelet tree, walked from the highest bit of the bins to the lowest: O(n log K). At each bit,
    rows that agree in the bits above form a group, in their order; a row with the bit set has
    below it the rows of its group before it that have it clear.

    Args:
        keys: Of rows by stream, in order, from `_keys`.
        bits: How many low bits are the bin.
    """
    # Numbers of 32 bits halve the memory to walk; no day of one stream has 2^31 rows.
    index = np.arange(len(keys), dtype=np.int32)
    place, below = index, np.zeros(len(keys), dtype=np.int32)
    one = keys.dtype.type(1)
    for bit in reversed(range(bits)):
        upper: Keys = keys >> keys.dtype.type(bit)
        marked = (upper & one).astype(np.bool_)
        clear = np.cumsum(~marked, dtype=np.int32)
        starts, sizes = _runs(upper >> one)
        clear -= np.repeat(np.where(starts > 0, clear[starts - 1], np.int32(0)), sizes)
        below += clear * marked
        order = np.argsort(upper, kind="stable")
        place, keys, below = place[order], keys[order], below[order]
    starts, sizes = _runs(keys)
    found = np.empty((2, len(keys)), dtype=np.int64)
    found[0, place] = below
    found[1, place] = index - np.repeat(starts, sizes)
    return found[0], found[1]


def _runs(keys: Keys) -> tuple[Bins, Bins]:
    """Where each run of equal keys begins, and how long it is."""
    first = np.ones(len(keys), dtype=np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    return starts, np.diff(starts, append=len(keys))
