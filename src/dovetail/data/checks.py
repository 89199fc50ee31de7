"""Compare rows with a schema and say what is wrong, in words that name the column and the count.

One polars pass a column. Drift is judged against what chance explains at both sample sizes, so
that a small batch does not cry wolf.
"""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from dovetail.base.extras import require
from dovetail.data.infer import DECILES, kind_of
from dovetail.data.schema import Column, Rule, Schema

if TYPE_CHECKING:
    import polars as pl

DRIFT_FLOOR = 0.1
SMALLEST_SAMPLE = 100


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong with rows.

    Attributes:
        column: The column, or columns with commas between; empty for the whole table.
        rule: The rule that is broken.
        text: What is wrong, in words.
        refuses: Whether rows with it are kept out of the table.
        rows: How many rows have it; 0 where it is no matter of single rows.
    """

    column: str
    rule: Rule
    text: str
    refuses: bool = True
    rows: int = 0


def check(frame: "pl.DataFrame", schema: Schema) -> list[Finding]:
    """Return what is wrong with rows; empty when they are as the schema says.

    Args:
        frame: The rows.
        schema: What they must be like.

    Examples:
        >>> import polars as pl
        >>> from dovetail.data import infer
        >>> schema = infer(pl.DataFrame({"seats": [100, 200]}))
        >>> [f.text for f in check(pl.DataFrame({"seats": [150, None]}), schema)]
        ["column 'seats' has 1 nulls in 2 rows (50%), at most 0% allowed"]
    """
    require("polars", extra="data", feature="checking rows")
    found = list(_columns(frame, schema))
    for column in schema.columns:
        if column.name in frame.columns:
            found += _column(frame[column.name], column, schema.sample_rows)
    for key in schema.keys:
        found += _unique(frame, key)
    return [
        msgspec.structs.replace(f, refuses=False) if f.rule in schema.warn_only else f
        for f in found
    ]


def _columns(frame: "pl.DataFrame", schema: Schema) -> Iterator[Finding]:
    names = {c.name for c in schema.columns}
    for column in schema.columns:
        if column.name not in frame.columns:
            yield Finding(column.name, "columns", f"column {column.name!r} is missing")
    for name in frame.columns:
        if name not in names and not schema.extra_columns:
            yield Finding(name, "columns", f"column {name!r} is not in the schema")


def _column(values: "pl.Series", column: Column, sample_rows: int) -> list[Finding]:
    import polars as pl

    if not len(values):
        return []
    kind = kind_of(values.dtype)
    if (
        values.dtype != pl.Null
        and kind != column.kind
        and {kind, column.kind}
        != {
            "integer",
            "number",
        }
    ):
        text = f"column {column.name!r} holds {values.dtype}, expected {column.kind}"
        return [Finding(column.name, "type", text, rows=len(values))]
    found = list(_nulls(values, column))
    known = values.drop_nulls()
    if kind in ("integer", "number"):
        known = known.cast(pl.Float64).drop_nans()
    if not len(known):
        return found
    for rule in _RULES.get(kind, ()):
        found += rule(known, column)
    found += _constant(known, column)
    found += _repeat(known, column)
    found += _drift(known, column, sample_rows)
    return found


def _nulls(values: "pl.Series", column: Column) -> Iterator[Finding]:
    nulls, share = values.null_count(), column.null_share
    chance = 3 * math.sqrt(share * (1 - share) * len(values))
    if nulls > share * len(values) + chance + 1e-9:
        yield Finding(
            column.name,
            "null",
            f"column {column.name!r} has {nulls} nulls in {len(values)} rows "
            f"({nulls / len(values):.0%}), at most {column.null_share:.0%} allowed",
            rows=nulls,
        )


def _range(known: "pl.Series", column: Column) -> Iterator[Finding]:
    for bound, low in ((column.minimum, True), (column.maximum, False)):
        if bound is None:
            continue
        outside = int((known < bound).sum() if low else (known > bound).sum())
        if outside:
            worst = known.min() if low else known.max()
            word = "below" if low else "above"
            said = f"{outside} values {word} {bound:g}, up to {worst!r}"
            text = f"column {column.name!r} has {said}"
            yield Finding(column.name, "range", text, rows=outside)


def _times(known: "pl.Series", column: Column) -> Iterator[Finding]:
    for bound, low in ((column.minimum, True), (column.maximum, False)):
        if bound is None:
            continue
        at = datetime.fromisoformat(bound)
        naive = getattr(known.dtype, "time_zone", None) is None
        at = at.replace(tzinfo=None) if naive else at if at.tzinfo else at.replace(tzinfo=UTC)
        outside = int((known < at).sum() if low else (known > at).sum())
        if outside:
            word = "before" if low else "after"
            text = f"column {column.name!r} has {outside} times {word} {bound}"
            yield Finding(column.name, "range", text, rows=outside)


def _domain(known: "pl.Series", column: Column) -> Iterator[Finding]:
    if column.values is None:
        return
    texts = known.cast(str)
    strange = texts.filter(~texts.is_in(list(column.values)))
    share = column.unseen or 0.0
    chance = 3 * math.sqrt(share * (1 - share) * len(known))
    if len(strange) > share * len(known) + chance:
        shown = ", ".join(repr(v) for v in strange.unique().sort().head(3))
        text = f"column {column.name!r} has {len(strange)} values not seen before: {shown}"
        yield Finding(column.name, "domain", text, rows=len(strange))


def _lengths(known: "pl.Series", column: Column) -> Iterator[Finding]:
    if column.shortest is None or column.longest is None:
        return
    lengths = known.cast(str).str.len_chars()
    outside = int(((lengths < column.shortest) | (lengths > column.longest)).sum())
    if outside:
        text = (
            f"column {column.name!r} has {outside} texts that are not "
            f"{column.shortest} to {column.longest} long"
        )
        yield Finding(column.name, "length", text, rows=outside)


def _constant(known: "pl.Series", column: Column) -> Iterator[Finding]:
    if column.varies and len(known) >= SMALLEST_SAMPLE and known.n_unique() == 1:
        text = f"column {column.name!r} holds only {known[0]!r}"
        yield Finding(column.name, "constant", text, rows=len(known))


def _repeat(known: "pl.Series", column: Column) -> Iterator[Finding]:
    repeated = len(known) - known.n_unique() if column.differs else 0
    if repeated:
        text = f"column {column.name!r} repeats {repeated} values"
        yield Finding(column.name, "repeat", text, rows=repeated)


def _drift(known: "pl.Series", column: Column, sample_rows: int) -> Iterator[Finding]:
    """Compare distribution functions at the deciles, or shares of values, with chance."""
    if len(known) < SMALLEST_SAMPLE or not sample_rows:
        return
    if column.deciles:
        pairs = [
            (q, _share(known < cut), _share(known <= cut))
            for q, cut in zip(DECILES, column.deciles, strict=True)
        ]
        distance = max(max(q - upto, below - q, 0.0) for q, below, upto in pairs)
    elif column.shares:
        counts = dict(known.cast(str).value_counts().iter_rows())
        distance = max(
            abs(share - counts.get(value, 0) / len(known)) for value, share in column.shares.items()
        )
    else:
        return
    chance = 1.95 * math.sqrt((len(known) + sample_rows) / (len(known) * sample_rows))
    if distance > max(DRIFT_FLOOR, chance):
        text = f"column {column.name!r} is distributed otherwise: {distance:.0%} of rows moved"
        yield Finding(column.name, "drift", text)


def _share(flags: "pl.Series") -> float:
    return int(flags.sum()) / len(flags)


def _unique(frame: "pl.DataFrame", key: tuple[str, ...]) -> Iterator[Finding]:
    if all(name in frame.columns for name in key):
        repeated = frame.height - frame.select(key).n_unique()
        if repeated:
            text = f"{repeated} rows repeat a key ({', '.join(key)})"
            yield Finding(",".join(key), "unique", text, rows=repeated)


_Check = Callable[["pl.Series", Column], Iterator[Finding]]
_RULES: dict[str, tuple[_Check, ...]] = {
    "integer": (_range,),
    "number": (_range,),
    "text": (_domain, _lengths),
    "time": (_times,),
}
