"""The Arrow twin of a lookup: entities and features as one IPC stream each way.

JSON spends most of a large lookup on writing and reading numbers as text. Columns here keep their
types; a value that is not PRESENT is null, and the statuses come as columns where asked for.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from dovetail.base.extras import require
from dovetail.features.errors import RowsError
from dovetail.features.online.answers import Answer, Block
from dovetail.features.online.lines import columns_of

__all__ = ["MEDIA_TYPE", "question_of", "read_columns", "write_arrow"]

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
STATUS = "__status"


def read_columns(body: bytes) -> dict[str, list[Any]]:
    """Read the columns of an IPC stream; times become RFC 3339 text.

    Raises:
        RowsError: The body is no stream, or two columns have one name.
    """
    pl = require("polars", extra="features", feature="lookups in Arrow")
    try:
        frame = pl.read_ipc_stream(io.BytesIO(body))
    except Exception as error:  # whatever the decoder meets in bytes from anywhere
        raise RowsError(
            "The body is not an Arrow IPC stream",
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix=f"Send one with content type {MEDIA_TYPE}, or JSON",
        ) from error
    times = [
        pl.col(name).cast(pl.Datetime("us")).dt.to_string("iso:strict")
        for name, kind in frame.schema.items()
        if kind.is_temporal()
    ]
    found: dict[str, list[Any]] = frame.with_columns(times).to_dict(as_series=False)
    return found


def write_arrow(answer: Answer, *, statuses: bool = False) -> bytes:
    """Write an answer as an IPC stream of one table.

    Args:
        answer: The answer.
        statuses: Whether each feature is followed by a column of its statuses.
    """
    pl = require("polars", extra="features", feature="lookups in Arrow")
    series = [_series(pl, name, values) for name, values in answer.entities.items()]
    names = iter(answer.names)
    for block in answer.blocks:
        found = columns_of(block.rows) if block.rows else [()] * (max(block.wanted, default=-1) + 1)
        for at in block.wanted:
            name = next(names)
            series.append(_series(pl, name, found[at]))
            if statuses:
                series.append(pl.Series(name + STATUS, _statuses(block, at), dtype=pl.String))
    stream = io.BytesIO()
    pl.DataFrame(series).write_ipc_stream(stream, compat_level=pl.CompatLevel.oldest())
    return stream.getvalue()


def _statuses(block: Block, at: int) -> list[str]:
    return [row[1][at] for row in block.rows]


def _series(pl: Any, name: str, values: Sequence[Any]) -> Any:
    kinds = {value.__class__ for value in values if value is not None}
    if len(kinds) > 1 and kinds <= {int, float}:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    if len(kinds) > 1:  # a column of Arrow has one type
        return pl.Series(name, [None if v is None else str(v) for v in values], dtype=pl.String)
    return pl.Series(name, values)


def question_of(body: bytes, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the message of a question whose entities are in Arrow and the rest in the query."""
    asked: dict[str, Any] = {"entities": read_columns(body)}
    if query.get("features"):
        asked["features"] = [f for text in query["features"] for f in text.split(",") if f]
    for name in ("feature_service", "as_of"):
        if query.get(name):
            asked[name] = query[name][-1]
    if query.get("full_feature_names"):
        asked["full_feature_names"] = query["full_feature_names"][-1].lower() == "true"
    return asked
