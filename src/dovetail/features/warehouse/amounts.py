"""What events add to measures, and figures of totals, as SQL."""

from collections.abc import Callable, Sequence

from dovetail.features.aggregations import Aggregation, Count, Mean, Ratio, Share, Sum
from dovetail.features.errors import DefinitionError
from dovetail.features.expressions.sql import Dialect
from dovetail.features.extremes import CountDistinct, Std
from dovetail.features.measures import Measure

HALF_EVEN = {
    "duckdb": "ROUND_EVEN({0}, 0)",
    "postgres": "ROUND({0})",
    "snowflake": "ROUND({0}, 0, 'HALF_TO_EVEN')",
    "spark": "BROUND({0})",
    "bigquery": (
        "(FLOOR({0}) + CASE WHEN {0} - FLOOR({0}) > 0.5 OR ({0} - FLOOR({0}) = 0.5 "
        "AND MOD(CAST(FLOOR({0}) AS INT64), 2) <> 0) THEN 1 ELSE 0 END)"
    ),
}


def amount(
    measure: Measure, dialect: Dialect, number: Callable[[str], str], value: str, where: str
) -> str:
    """Write what one event adds to a measure.

    Args:
        measure: The measure.
        dialect: The database.
        number: Writes a column as a double.
        value: The column as it is; empty where there is none.
        where: The condition of the measure; empty for none.

    Returns:
        A whole number that is never null; of folded measures a value or null.
    """
    if measure.kind in ("first", "last"):
        text, otherwise = "__rank", "NULL"
    elif measure.kind == "distinct":
        text, otherwise = value, "NULL"
    elif measure.is_folded:
        text, otherwise = number(measure.column), "NULL"
    else:
        text, otherwise = _added(measure, dialect, number), "0"
    return f"CASE WHEN {where} THEN {text} ELSE {otherwise} END" if where else text


def _added(measure: Measure, dialect: Dialect, number: Callable[[str], str]) -> str:
    if measure.kind == "rows":
        return "1"
    x = number(measure.column)
    if measure.kind == "present":
        return f"CASE WHEN {x} IS NOT NULL THEN 1 ELSE 0 END"
    if measure.kind == "above":
        return f"CASE WHEN {x} > {dialect.literal(measure.above)} THEN 1 ELSE 0 END"
    rounded = HALF_EVEN[dialect.name].format(f"({x} * {dialect.literal(10.0**measure.decimals)})")
    if measure.kind == "square":
        whole = f"CAST({rounded} AS {dialect.huge})"
        return f"COALESCE({whole} * {whole}, 0)"
    return f"COALESCE(CAST({rounded} AS {dialect.bigint}), 0)"


def figure(aggregation: Aggregation, totals: Sequence[str], dialect: Dialect) -> str:
    """Write a figure of the totals of its measures."""

    def real(text: str) -> str:
        return f"CAST({text} AS {dialect.double})"

    if isinstance(aggregation, Count):
        return f"CAST({totals[0]} AS {dialect.bigint})"
    if isinstance(aggregation, Sum):
        return f"({real(totals[0])} / {dialect.literal(10.0**aggregation.decimals)})"
    if isinstance(aggregation, Mean):
        total = f"({real(totals[1])} / {dialect.literal(10.0**aggregation.decimals)})"
        return f"({total} / NULLIF({real(totals[0])}, 0))"
    if isinstance(aggregation, Share):
        return f"({real(totals[1])} / NULLIF({real(totals[0])}, 0))"
    if isinstance(aggregation, Std):
        return _std(aggregation, totals, dialect)
    if isinstance(aggregation, Ratio):
        count = len(aggregation.over.measures)
        over = figure(aggregation.over, totals[:count], dialect)
        under = figure(aggregation.under, totals[count:], dialect)
        return f"({real(over)} / NULLIF({real(under)}, 0))"
    if isinstance(aggregation, CountDistinct):
        limit = aggregation.limit
        return f"CASE WHEN {totals[0]} > {limit} THEN {limit} ELSE COALESCE({totals[0]}, 0) END"
    if len(totals) == 1:
        return totals[0]
    raise DefinitionError(f"{aggregation.stem!r} cannot be written in SQL")


def _std(aggregation: Std, totals: Sequence[str], dialect: Dialect) -> str:
    count, total, squares = (f"CAST({t} AS {dialect.huge})" for t in totals)
    spread = f"CAST({count} * {squares} - {total} * {total} AS {dialect.double})"
    pairs = f"CAST({count} * ({count} - 1) AS {dialect.double})"
    size = dialect.literal(10.0**aggregation.decimals)
    return f"CASE WHEN {totals[0]} >= 2 THEN SQRT({spread} / {pairs}) / {size} END"
