"""Texts as a few numbers a row: length, kinds of characters, unknown words, what they sound like.

No model is needed: trigrams of characters, hashed to 256 numbers, tell languages, topics and codes
from each other well enough to see that texts have changed, and are looked at as a vector
(`view_vectors.py`). Words of the rows that shaped are the vocabulary, kept as hashes. Everything is
counted on the bytes of all texts at once.

Source: W. B. Cavnar and J. M. Trenkle, "N-gram-based text categorization" (1994).
"""

from collections.abc import Sequence
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.view_vectors import Vectors, VectorView

__all__ = ["TextView", "is_text"]

WORDS = 8192
"""Most words of the vocabulary."""
LONGEST = 4096
"""Characters of a text that are looked at."""
_BUCKETS = 256
_PLAIN = ("length", "words", "letters beyond ASCII", "upper case", "digits", "punctuation")
_MIXER = np.uint64(0x9E3779B97F4A7C15)
_BASE = np.uint64(1099511628211)
_FEW_WORDS = 3.0
_DISTINCT = 0.5
_LEAST = 100
Bytes = npt.NDArray[np.uint8]


def is_text(values: Sequence[str | None]) -> bool:
    """Whether strings are texts rather than levels: most differ, and they have several words."""
    known = [v for v in values if v is not None][:1000]
    if len(known) < _LEAST or len(set(known)) < _DISTINCT * len(known):
        return False
    return sum(len(v.split()) for v in known) >= _FEW_WORDS * len(known)


class TextView(msgspec.Struct, frozen=True, kw_only=True):
    """What texts looked like on the rows that shaped.

    Attributes:
        words: Hashes of the words known, increasing, uint64.
        sound: Their trigrams, as vectors.
    """

    words: bytes
    sound: VectorView

    @classmethod
    def fit(cls, texts: Sequence[str | None]) -> "TextView":
        """Learn the vocabulary and the trigrams."""
        read = _Read(texts)
        hashes, counts = np.unique(read.hashes, return_counts=True)
        kept = np.sort(hashes[np.argsort(-counts, kind="stable")[:WORDS]])
        sound = VectorView.fit(read.trigrams(), norm=False)
        return cls(words=kept.astype("<u8").tobytes(), sound=sound)

    def is_sound(self) -> bool:
        """Whether the parts fit together."""
        return len(self.words) % 8 == 0 and self.sound.size == _BUCKETS and self.sound.is_sound()

    def outputs(self) -> list[str]:
        """Names of the numbers."""
        return [*_PLAIN, "unknown words", *self.sound.outputs()]

    def __call__(self, texts: Sequence[str | None]) -> dict[str, Floats]:
        """The numbers of each row, NaN where there is no text."""
        read = _Read(texts)
        found = read.plain()
        known = np.isin(read.hashes, np.frombuffer(self.words, "<u8"))
        unknown = np.bincount(read.word_rows[~known], minlength=len(texts))
        found["unknown words"] = unknown / np.maximum(1, found["words"])
        found |= self.sound(read.trigrams())
        missing = np.array([text is None for text in texts], dtype=np.bool_)
        for values in found.values():
            values[missing] = np.nan
        return found


class _Read:
    """The bytes of many texts, one after the other.

    Args:
        texts: The texts, None where missing.
    """

    def __init__(self, texts: Sequence[str | None]) -> None:
        parts = [(text or "")[:LONGEST].encode("utf-8", "replace") for text in texts]
        self.count = len(parts)
        sizes = np.array([len(part) for part in parts], dtype=np.int64)
        self.bytes: Bytes = np.frombuffer(b"".join(parts), np.uint8)
        self.rows = np.repeat(np.arange(self.count), sizes)

    def plain(self) -> dict[str, Floats]:
        """Length and kinds of characters."""
        b = self.bytes
        # A character is counted at its first byte; the others of it begin with the bits 10.
        length = self._count((b & 0xC0) != 0x80)
        shares = (b >= 0xC0, self._between("A", "Z"), self._between("0", "9"), self._punctuation)
        words = np.bincount(self.word_rows, minlength=self.count).astype(np.float64)
        found = [length, words, *(self._count(mark) / np.maximum(1, length) for mark in shares)]
        return dict(zip(_PLAIN, found, strict=True))

    @cached_property
    def _letters(self) -> npt.NDArray[np.bool_]:
        """Bytes of words: letters, digits and all beyond ASCII."""
        cases = self._between("a", "z") | self._between("A", "Z")
        return np.asarray(cases | self._between("0", "9") | (self.bytes >= 0x80))

    @property
    def _punctuation(self) -> npt.NDArray[np.bool_]:
        return np.asarray(~self._letters & (self.bytes > ord(" ")))

    @cached_property
    def _starts(self) -> npt.NDArray[np.int64]:
        before = np.r_[False, self._letters[:-1] & (self.rows[1:] == self.rows[:-1])]
        return np.flatnonzero(self._letters & ~before[: len(self._letters)])

    @property
    def word_rows(self) -> npt.NDArray[np.int64]:
        """The row of each word."""
        return self.rows[self._starts]

    @cached_property
    def hashes(self) -> npt.NDArray[np.uint64]:
        """A hash of each word, in lower case."""
        if not len(self._starts):
            return np.empty(0, np.uint64)
        b = self.bytes + np.where(self._between("A", "Z"), 32, 0).astype(np.uint8)
        number = np.cumsum(np.bincount(self._starts, minlength=len(b))) - 1
        place = np.arange(len(b)) - self._starts[np.maximum(number, 0)]
        powers = np.cumprod(np.full(LONGEST * 4 + 1, _BASE, np.uint64))
        terms = np.where(self._letters, (b.astype(np.uint64) + np.uint64(1)) * powers[place], 0)
        return np.add.reduceat(terms.astype(np.uint64), self._starts)

    def trigrams(self) -> Vectors:
        """How often each hashed trigram of bytes is there: roots of shares, float32 [rows, 256]."""
        b = self.bytes.astype(np.uint64)
        codes = b[:-2] | b[1:-1] << np.uint64(8) | b[2:] << np.uint64(16)
        whole = self.rows[2:] == self.rows[:-2]
        bucket = (codes * _MIXER >> np.uint64(56)).astype(np.int64)
        at = self.rows[:-2] * _BUCKETS + bucket
        counts = np.bincount(at[whole], minlength=self.count * _BUCKETS).reshape(-1, _BUCKETS)
        shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        return np.asarray(np.sqrt(shares), dtype=np.float32)

    def _between(self, first: str, last: str) -> npt.NDArray[np.bool_]:
        return np.asarray((self.bytes >= ord(first)) & (self.bytes <= ord(last)))

    def _count(self, marked: npt.NDArray[np.bool_]) -> Floats:
        return np.bincount(self.rows[marked], minlength=self.count).astype(np.float64)
