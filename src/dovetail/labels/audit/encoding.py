"""A table's columns as numbers: standardised numbers, indicators of categories, hashed words.

An encoder is made from some rows and used on others, so that a million rows pass by in pieces.
Dates, and columns that differ in each row without saying anything, such as ids, are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.labels.votes import Floats

if TYPE_CHECKING:
    import polars as pl

__all__ = ["WORD", "Encoder", "Kinds", "kinds_of"]

_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"
WORD = rf"[{_ALONE}]|[\w--[{_ALONE}]]+"
"""A word, or a character of a script that puts nothing between words."""
_LEVELS = 50  # distinct texts up to which a column is a category, not text
_WORDS = 512  # places that the words of texts are hashed to
_TEXTS = 4.0  # length of a text beside standardised columns
_LOOKED_AT = 2000
_FEW = 20
_LONG = 60


@dataclass(frozen=True)
class Kinds:
    """Columns of a table by what they hold.

    Attributes:
        numbers: Numbers and booleans.
        levels: Texts of few different values.
        texts: Texts of several words.
        vectors: Lists of numbers, all of one length, such as embeddings and pixels.
        left_out: The others.
    """

    numbers: list[str]
    levels: list[str]
    texts: list[str]
    vectors: list[str]
    left_out: list[str]


def kinds_of(table: "pl.DataFrame") -> Kinds:
    """Tell what each column holds."""
    found = Kinds([], [], [], [], [])
    for name in table.columns:
        getattr(found, _kind(table[name])).append(name)
    return found


def _kind(values: "pl.Series") -> str:
    if values.null_count() == len(values):
        return "left_out"
    if values.dtype.is_numeric() or str(values.dtype) == "Boolean":
        counts_rows = values.dtype.is_integer() and len(values) > _FEW and _is_sequence(values)
        return "left_out" if counts_rows else "numbers"
    if values.dtype.is_nested():
        return "vectors" if _is_vector(values) else "left_out"
    if str(values.dtype) == "String" or str(values.dtype).startswith(("Categorical", "Enum")):
        texts = values.cast(require("polars", extra="labels", feature="audits").String)
        if texts.n_unique() <= min(_LEVELS, max(len(texts) // 2, 2)):
            return "levels"
        some = texts.drop_nulls().head(_LOOKED_AT)
        prose = some.str.contains(rf"\w\s+\S*\w|[{_ALONE}]") | (some.str.len_chars() > _LONG)
        return "texts" if prose.any() else "left_out"  # names, ids and addresses are one word
    return "left_out"


def _is_sequence(values: "pl.Series") -> bool:
    """Whether these are the numbers of the rows."""
    known = values.drop_nulls()
    if known.n_unique() < len(values):
        return False
    low, high = known.min(), known.max()
    return int(high) - int(low) < 2 * len(values)  # type: ignore[arg-type]


def _is_vector(values: "pl.Series") -> bool:
    inner = getattr(values.dtype, "inner", None)
    if inner is None or not inner.is_numeric():
        return False
    lists = values.drop_nulls()
    length = (lists.list if str(values.dtype).startswith("List") else lists.arr).len()
    return bool(length.n_unique() == 1 and length[0] > 0)


Part = Callable[["pl.DataFrame"], Floats]


class Encoder:
    """Columns of a table as numbers of comparable size.

    Args:
        table: Rows to learn from.
        kinds: What its columns hold.

    Raises:
        InvalidInputError: no column is of use.
    """

    def __init__(self, table: "pl.DataFrame", kinds: Kinds) -> None:
        self._parts: list[Part] = [_numbers(table, name) for name in kinds.numbers]
        self._parts += [_levels(table, name) for name in kinds.levels]
        self._parts += [_vectors(table, name) for name in kinds.vectors]
        self._parts += [_words(table, name) for name in kinds.texts]
        self.columns = sum(part(table.head(1)).shape[1] for part in self._parts)
        if not self.columns:
            raise InvalidInputError(
                "no column tells anything about the label",
                fix="give predictions of a model of yours",
            )

    def __call__(self, table: "pl.DataFrame") -> Floats:
        """float[rows, columns]: the rows encoded."""
        return np.hstack([part(table) for part in self._parts])


def _standard(make: Callable[["pl.DataFrame"], Floats], table: "pl.DataFrame") -> Part:
    """Columns of mean 0 and deviation 1, without those that never change."""
    columns = make(table)
    mean, deviation = columns.mean(0), columns.std(0)
    kept = deviation > 1e-12
    mean, deviation = mean[kept], deviation[kept]

    def part(rows: "pl.DataFrame") -> Floats:
        found: Floats = (make(rows)[:, kept] - mean) / deviation
        return found

    return part


def _numbers(table: "pl.DataFrame", name: str) -> Part:
    usual = _array(table[name])
    known = usual[np.isfinite(usual)]
    middle = float(np.median(known)) if len(known) else 0.0

    def make(rows: "pl.DataFrame") -> Floats:
        numbers = _array(rows[name])
        there = np.isfinite(numbers)
        return np.stack([np.where(there, numbers, middle), ~there], 1).astype(float)

    return _standard(make, table)


def _array(values: "pl.Series") -> Floats:
    return np.asarray(values.cast(float, strict=False).to_numpy(), float)


def _levels(table: "pl.DataFrame", name: str) -> Part:
    text = require("polars", extra="labels", feature="audits").String
    known = np.array(sorted({str(x or "") for x in table[name].unique().to_list()}))

    def make(rows: "pl.DataFrame") -> Floats:
        said = np.asarray(rows[name].cast(text).fill_null("").to_numpy(), str)
        same: Floats = (said[:, None] == known[None]).astype(float)
        return same

    return _standard(make, table)


def _vectors(table: "pl.DataFrame", name: str) -> Part:
    polars = require("polars", extra="labels", feature="audits")
    length = len(table[name].drop_nulls()[0])

    def make(rows: "pl.DataFrame") -> Floats:
        found = rows[name].cast(polars.Array(polars.Float64, length)).to_numpy()
        return cast("Floats", np.nan_to_num(found).reshape(rows.height, length))

    scaled = _standard(make, table)
    width = max(scaled(table.head(1)).shape[1], 1)
    return lambda rows: scaled(rows) * (_TEXTS / np.sqrt(width))


def _words(table: "pl.DataFrame", name: str) -> Part:
    seen = _hashed(table, name)
    rare = np.log((1 + len(seen)) / (1 + seen.sum(0)))

    def part(rows: "pl.DataFrame") -> Floats:
        found: Floats = _hashed(rows, name) * rare
        length = np.sqrt((found**2).sum(1, keepdims=True))
        found *= _TEXTS / np.maximum(length, 1e-9)
        return found

    return part


def _hashed(table: "pl.DataFrame", name: str) -> Floats:
    """float[rows, 512]: which words and pairs of words are there, by hash."""
    words: Any = table[name].fill_null("").str.to_lowercase().str.extract_all(WORD)
    length = words.list.len().to_numpy().astype(np.int64)
    flat = words.explode().drop_nulls().hash(seed=1).to_numpy()
    row = np.repeat(np.arange(len(length)), length)
    follow = np.flatnonzero(row[1:] == row[:-1])
    pair = flat[follow] * np.uint64(0x9E3779B97F4A7C15) + flat[follow + 1]
    found = np.zeros((len(length), _WORDS))
    found[row, flat >> np.uint64(55)] = 1
    found[row[follow], pair >> np.uint64(55)] = 1
    return found
