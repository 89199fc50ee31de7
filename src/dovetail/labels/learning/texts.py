"""Texts as hashed n-grams: words, pairs of words, and pieces of words, all texts at one time.

No vocabulary is kept and no loop runs over words: the texts become one buffer of bytes, hashes of
words are sums over it, hashes of pieces are shifted copies of it. A megabyte of text takes about
a tenth of a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dovetail.labels.learning.rows import Singles
from dovetail.labels.votes import Codes, Floats

__all__ = ["WIDTH", "Grams", "grams", "weighed"]

Hashes = npt.NDArray[np.uint64]
_BITS = 17
WIDTH = 2 << _BITS
"""Columns: the lower half for words, the upper for pieces."""
_HALF = 1 << _BITS
_LONGEST = 20_000  # bytes of a text that are read
_PIECES = (3, 4, 5)  # bytes
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_PLACES = 64
_SHARE = 2.0  # squared length of the words beside the pieces'


@dataclass(frozen=True)
class Grams:
    """How often each text has each column.

    Attributes:
        start: int[texts + 1], where each text begins.
        columns: int[entries], ascending within a text.
        counts: int[entries].
    """

    start: Codes
    columns: Codes
    counts: Codes


def grams(texts: Sequence[str]) -> Grams:
    """Count the words, pairs and pieces of each text.

    Args:
        texts: Any; of each the first 20,000 bytes are read.
    """
    said = [text[:_LONGEST].lower().encode("utf-8", "replace")[:_LONGEST] for text in texts]
    sizes = np.array([len(one) + 2 for one in said], np.int64)
    buffer = np.frombuffer(b"".join(b" " + one + b" " for one in said), np.uint8)
    owner = np.repeat(np.arange(len(said)), sizes)
    plain = np.where(_is_word(buffer), buffer, np.uint8(32))
    row, column = _words(plain, owner)
    more_row, more_column = _pieces(plain, owner)
    key = np.concatenate([row, more_row]) * WIDTH + np.concatenate([column, more_column])
    found, counts = np.unique(key, return_counts=True)
    starts = np.searchsorted(found, np.arange(len(said) + 1) * WIDTH)
    return Grams(starts, found % WIDTH, counts)


def weighed(
    found: Grams, rarity: Singles, kept: npt.NDArray[np.bool_]
) -> tuple[Codes, Codes, Singles]:
    """Weigh counts by rarity and give words and pieces their lengths: start, columns, values.

    Args:
        found: Counts.
        rarity: float32[WIDTH], the weight of each column.
        kept: bool[WIDTH], the columns that are of use.
    """
    use = kept[found.columns]
    row = np.repeat(np.arange(len(found.start) - 1), np.diff(found.start))[use]
    columns = found.columns[use]
    values = (1 + np.log(found.counts[use])) * rarity[columns]
    is_piece = columns >= _HALF
    group = row * 2 + is_piece
    length = np.sqrt(np.bincount(group, values**2, 2 * (len(found.start) - 1)))
    share = np.where(is_piece, 1.0, np.sqrt(_SHARE)) / np.sqrt(1 + _SHARE)
    values = values * share / length[group]
    start = np.concatenate([[0], np.cumsum(use)])[found.start]
    return start, columns, values.astype(np.float32)


def _is_word(buffer: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    table = np.zeros(256, bool)
    table[[*b"abcdefghijklmnopqrstuvwxyz0123456789_"]] = True
    table[128:] = True  # letters beyond ASCII
    return table[buffer]


def _mixed(hashes: Hashes) -> Codes:
    """Columns 0.._HALF-1 from sums that differ in any bit (the finaliser of MurmurHash3)."""
    found = hashes ^ (hashes >> np.uint64(33))
    found = found * np.uint64(0xFF51AFD7ED558CCD)
    found ^= found >> np.uint64(33)
    return (found >> np.uint64(64 - _BITS)).astype(np.int64)


def _words(plain: npt.NDArray[np.uint8], owner: Codes) -> tuple[Codes, Codes]:
    inside = plain != 32
    edge = np.diff(inside.astype(np.int8), prepend=0)
    begin = np.flatnonzero(edge == 1)
    if not len(begin):
        none = np.zeros(0, np.int64)
        return none, none
    word = np.cumsum(edge == 1) - 1
    place = np.arange(len(plain)) - begin[np.maximum(word, 0)]
    power = np.cumprod(np.full(_PLACES, _PRIME, np.uint64))
    told = np.where(inside, (plain.astype(np.uint64) + np.uint64(7)), np.uint64(0))
    hashes = np.add.reduceat(told * power[place % _PLACES], begin)
    row = owner[begin]
    together = row[1:] == row[:-1]
    pairs = (hashes[:-1] * np.uint64(31) + _PRIME) ^ hashes[1:]
    return (
        np.concatenate([row, row[1:][together]]),
        np.concatenate([_mixed(hashes), _mixed(pairs[together])]),
    )


def _pieces(plain: npt.NDArray[np.uint8], owner: Codes) -> tuple[Codes, Codes]:
    # A run of other characters counts as one space.
    twice = (plain[1:] == 32) & (plain[:-1] == 32) & (owner[1:] == owner[:-1])
    kept = np.concatenate([[True], ~twice])[: len(plain)]
    plain, owner = plain[kept].astype(np.uint64), owner[kept]
    rows, columns = [], []
    hashes = np.zeros(len(plain), np.uint64)
    for size in range(1, max(_PIECES) + 1):
        if size > len(plain):
            break
        last = len(plain) - size + 1
        hashes = hashes[:last] * _PRIME + plain[size - 1 :]
        if size in _PIECES:
            within = owner[:last] == owner[size - 1 :]
            rows.append(owner[:last][within])
            columns.append(_mixed(hashes[within] + np.uint64(size)) + _HALF)
    if not rows:
        none = np.zeros(0, np.int64)
        return none, none
    return np.concatenate(rows), np.concatenate(columns)


def rarities(found: Grams, texts: int) -> tuple[Singles, npt.NDArray[np.bool_]]:
    """The weight of each column by how many texts have it, and whether two or more do.

    Args:
        found: Counts of a sample of texts.
        texts: How many that are.
    """
    seen: Floats = np.bincount(found.columns, minlength=WIDTH).astype(float)
    rarity = np.log((1 + texts) / (1 + seen)) + 1
    return rarity.astype(np.float32), seen >= min(2, texts)
