"""Rows that are nearly the same: texts by their words, vectors and tables by their numbers.

No pair of rows is compared unless a hash says that it may be alike, so a million rows take seconds.
Texts are compared by MinHash (Broder 1997): the share of equal minima is the share of words and
pairs of words that two texts have in common. Numbers are hashed by cells of shifted grids on some
columns each, and by the sides of random planes they are on where there are many columns.
"""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from dovetail.base.extras import require
from dovetail.labels.audit.encoding import WORD
from dovetail.labels.votes import Codes, Floats

if TYPE_CHECKING:
    import polars as pl

__all__ = ["components", "near_texts", "near_vectors"]

Hashes = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]

_BANDS, _DEEP = 8, 4  # texts that share .8 of their words meet in a band with probability .98
_ALIKE = 0.8  # share of words and pairs of words that near texts have in common
_CHECKED = 100_000  # pairs whose texts are compared word by word; beyond, their minima tell
_MAYBE = 0.7
_CHUNK = 50_000
_FEW_WORDS = 3  # with fewer a text is only compared as a whole
_TABLES = 8
_PLANES = 20
_GRID = 6  # columns of a grid
_WIDE = 24  # columns beyond which planes are used
_NEIGHBOURS = 4


def near_texts(texts: "pl.Series") -> tuple[Codes, Codes]:
    """Pairs of rows whose texts share most of their words and pairs of words.

    Args:
        texts: One text a row; a missing one is alike to none.

    Returns:
        The rows of each pair, both int[pairs]; chains of pairs are left to `components`.
    """
    polars = require("polars", extra="labels", feature="comparing texts")
    plain = texts.fill_null("").str.to_lowercase().str.extract_all(WORD)
    joined = plain.list.join(" ")
    have = np.flatnonzero((joined.str.len_bytes() > 0).to_numpy())
    _, first, code = np.unique(
        joined.gather(have).hash(seed=7).to_numpy(), return_index=True, return_inverse=True
    )
    one, other = have[first][code], have
    same = one != other
    words = plain.gather(have[first])
    near = _min_hashed(words.cast(polars.List(polars.String)))
    rows = have[first]
    return (
        np.concatenate([one[same], rows[near[0]]]),
        np.concatenate([other[same], rows[near[1]]]),
    )


def _min_hashed(words: "pl.Series") -> tuple[Codes, Codes]:
    """Pairs of texts, given as lists of words, that MinHash finds alike."""
    rng = np.random.default_rng(0)
    size = _BANDS * _DEEP
    odd = rng.integers(1, 2**63, size, dtype=np.uint64) | np.uint64(1)
    shift = rng.integers(0, 2**63, size, dtype=np.uint64)
    parts = [
        _signatures(words.slice(at, _CHUNK), odd, shift) for at in range(0, len(words), _CHUNK)
    ]
    signed = np.concatenate(parts) if parts else np.zeros((0, size), np.uint32)
    long = np.flatnonzero(words.list.len().to_numpy() >= _FEW_WORDS)
    ones, others = [], []
    for band in range(_BANDS):
        part = signed[long, band * _DEEP : (band + 1) * _DEEP].astype(np.uint64)
        key = part @ odd[:_DEEP]
        one, other = _beside(key, np.zeros(len(key)))
        alike = (signed[long[one]] == signed[long[other]]).mean(1) >= _MAYBE
        ones.append(long[one[alike]])
        others.append(long[other[alike]])
    one, other = np.unique(np.stack([np.concatenate(ones), np.concatenate(others)]), axis=1)
    return _checked(words, one, other) if len(one) <= _CHECKED else (one, other)


def _checked(words: "pl.Series", one: Codes, other: Codes) -> tuple[Codes, Codes]:
    """The pairs that are alike, word by word."""
    rows = np.unique(np.concatenate([one, other]))
    said = {
        int(row): {*text, *itertools.pairwise(text)}
        for row, text in zip(rows, words.gather(rows).to_list(), strict=True)
    }
    pairs = zip(one.tolist(), other.tolist(), strict=True)
    alike = [len(said[a] & said[b]) >= _ALIKE * len(said[a] | said[b]) for a, b in pairs]
    kept = np.flatnonzero(alike)
    return one[kept], other[kept]


def _signatures(words: "pl.Series", odd: Hashes, shift: Hashes) -> np.ndarray:
    """uint32[texts, minima]: for each hash function the least over words and pairs of words."""
    length = words.list.len().to_numpy().astype(np.int64)
    flat = words.explode().drop_nulls().hash(seed=3).to_numpy()
    row = np.repeat(np.arange(len(length)), length)
    follow = np.flatnonzero(row[1:] == row[:-1])
    pair = flat[follow] * np.uint64(0x9E3779B97F4A7C15) + flat[follow + 1]
    shingles, owner = np.concatenate([flat, pair]), np.concatenate([row, row[follow]])
    order = np.argsort(owner, kind="stable")
    shingles, owner = shingles[order], owner[order]
    found = np.full((len(length), len(odd)), np.uint32(2**32 - 1))
    if not len(owner):
        return found
    starts = np.flatnonzero(np.append(True, np.diff(owner) != 0))
    for place, (times, plus) in enumerate(zip(odd, shift, strict=True)):
        mixed = ((shingles * times + plus) >> np.uint64(32)).astype(np.uint32)
        found[owner[starts], place] = np.minimum.reduceat(mixed, starts)
    return found


def near_vectors(values: Floats, kind: Codes, within: float = 0.02) -> tuple[Codes, Codes]:
    """Pairs of rows of one kind whose numbers differ by little.

    Args:
        values: float[rows, columns], of comparable size.
        kind: int[rows], what rows must share to be alike, such as their categories.
        within: Largest distance, in units of that between two rows drawn at random; and at most a
            tenth of what rows usually keep from their nearest.

    Returns:
        The rows of each pair, both int[pairs].
    """
    rows = len(values)
    rng = np.random.default_rng(0)
    some = rng.integers(0, rows, (2, 1000))
    typical = _apart(values, some[0], some[1])
    ones, others, distances = [], [], []
    nearest = np.full(rows, np.inf)
    for _ in range(_TABLES):
        cell, along = _cells(values, rng)
        key = cell * np.uint64(0x9E3779B97F4A7C15) + kind.astype(np.uint64)
        one, other = _beside(key, along)
        apart = _apart(values, one, other)
        np.minimum.at(nearest, one, apart)
        near = apart <= within * float(np.median(typical))
        ones.append(one[near])
        others.append(other[near])
        distances.append(apart[near])
    limit = 0.1 * float(np.median(nearest))
    close = np.concatenate(distances) <= limit + 1e-12
    return np.concatenate(ones)[close], np.concatenate(others)[close]


def _apart(values: Floats, one: Codes, other: Codes) -> Floats:
    """float[pairs]: Euclidean distances, some pairs at a time."""
    found = np.empty(len(one))
    for at in range(0, len(one), _CHUNK):
        part = slice(at, at + _CHUNK)
        found[part] = np.sqrt(((values[one[part]] - values[other[part]]) ** 2).sum(1))
    return found


def _cells(values: Floats, rng: np.random.Generator) -> tuple[Hashes, Floats]:
    """uint64[rows] and float[rows]: a hash that near rows likely share, and where they lie."""
    rows, columns = values.shape
    along = values @ rng.normal(0, 1, columns)
    if columns > _WIDE:
        planes = rng.normal(0, 1, (columns, _PLANES))
        side = (values - values[rng.integers(0, rows, min(rows, 1000))].mean(0)) @ planes > 0
        bits: Hashes = side.astype(np.uint64) @ (
            np.uint64(1) << np.arange(_PLANES, dtype=np.uint64)
        )
        return bits, along
    chosen = rng.choice(columns, min(columns, _GRID), replace=False)
    spread = np.maximum(values[:, chosen].std(0), 1e-9)
    place = np.floor(values[:, chosen] / (0.5 * spread) + rng.random(len(chosen)))
    odd = rng.integers(1, 2**63, len(chosen), dtype=np.uint64) | np.uint64(1)
    return place.astype(np.int64).astype(np.uint64) @ odd, along


def _beside(key: Hashes, along: Floats) -> tuple[Codes, Codes]:
    """Pairs of rows of one key that lie beside each other."""
    order = np.lexsort((along, key))
    ones, others = [], []
    for step in range(1, _NEIGHBOURS + 1):
        same = np.flatnonzero(key[order[step:]] == key[order[:-step]])
        ones.append(order[same])
        others.append(order[same + step])
    return np.concatenate(ones), np.concatenate(others)


def components(rows: int, one: Codes, other: Codes) -> Codes:
    """int[rows]: the lowest row that each is joined to by pairs, itself where by none.

    Example:
        >>> components(5, np.array([3, 0]), np.array([1, 4])).tolist()
        [0, 1, 2, 1, 0]
    """
    lowest = np.arange(rows)
    while True:
        first, second = lowest[one], lowest[other]
        least = np.minimum(first, second)
        if (first == second).all():
            return lowest
        np.minimum.at(lowest, np.maximum(first, second), least)
        while (lowest[lowest] != lowest).any():
            lowest = lowest[lowest]
