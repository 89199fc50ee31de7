"""Rows in the columns and types of the table that they go to."""

from typing import TYPE_CHECKING, Any

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.data.errors import SchemaChangeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl


def as_frame(rows: Any) -> "pl.DataFrame":
    """Return rows as a polars frame, without copying where Arrow allows.

    Raises:
        InvalidInputError: They are no table.
    """
    pl = require("polars", extra="data", feature="versioned tables")
    if isinstance(rows, pl.DataFrame):
        return rows  # type: ignore[no-any-return]
    if isinstance(rows, pl.LazyFrame):
        return rows.collect()  # type: ignore[no-any-return]
    if hasattr(rows, "__arrow_c_stream__") or hasattr(rows, "__arrow_c_array__"):
        return pl.DataFrame(rows)  # type: ignore[no-any-return]
    raise InvalidInputError(
        f"{type(rows).__name__} is no table", fix="Give a polars frame or an Arrow table"
    )


def storable(rows: "pl.DataFrame") -> "pl.DataFrame":
    """Give columns the types that Delta has: times in microseconds and UTC, plain text.

    Raises:
        SchemaChangeError: A column holds nothing but nulls and so has no type.
    """
    import polars as pl

    casts = []
    for name, kind in rows.schema.items():
        if isinstance(kind, pl.Datetime):
            value = pl.col(name).dt.cast_time_unit("us")
            casts.append(value.dt.convert_time_zone("UTC") if kind.time_zone else value)
        elif kind in (pl.Categorical, pl.Enum):
            casts.append(pl.col(name).cast(pl.String))
    return rows.with_columns(casts) if casts else rows


def aligned(
    table: str, rows: "pl.DataFrame", held: "Mapping[str, pl.DataType]", evolve: bool
) -> "pl.DataFrame":
    """Put columns in the table's order and give them its types where no value changes.

    Args:
        table: Name of the table, for messages.
        rows: The rows.
        held: Types of the table's columns.
        evolve: Whether columns may be new.

    Raises:
        SchemaChangeError: A column is missing or new, or a type cannot be kept exactly.
    """
    import polars as pl

    missing = [name for name in held if name not in rows.columns]
    new = [name for name in rows.columns if name not in held]
    if missing or (new and not evolve):
        said = [f"lack the columns {missing}"] if missing else []
        said += [f"have new columns {new}"] if new and not evolve else []
        raise SchemaChangeError(
            f"The rows for table {table!r} {' and '.join(said)}",
            fix="Send the table's columns, or allow new ones with evolve=True (--evolve)",
        )
    try:
        return rows.select(
            *(pl.col(n) if rows.schema[n] == t else _cast(n, rows.schema[n], t, table)
              for n, t in held.items()),
            *new,
        )  # fmt: skip
    except pl.exceptions.InvalidOperationError as error:
        raise SchemaChangeError(
            f"The rows for table {table!r} hold values of another type",
            why=str(error).splitlines()[0],
        ) from error


def _cast(name: str, came: "pl.DataType", held: "pl.DataType", table: str) -> "pl.Expr":
    import polars as pl

    numbers = came.is_numeric() and held.is_numeric()
    narrowing = came.is_float() and held.is_integer()
    times = isinstance(came, pl.Datetime) and isinstance(held, pl.Datetime)
    if came == pl.Null or (numbers and not narrowing):
        return pl.col(name).cast(held, strict=True)
    if times:
        return pl.col(name).dt.replace_time_zone(held.time_zone)  # type: ignore[attr-defined]
    raise SchemaChangeError(
        f"Column {name!r} of table {table!r} holds {held}, the rows hold {came}",
        fix="Cast the column before it is written",
    )
