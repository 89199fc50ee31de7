"""Writing pushed rows to the table behind a source, for `to="offline"`."""

from collections.abc import Sequence
from pathlib import Path

from dovetail.base.extras import require
from dovetail.features.errors import RowsError
from dovetail.features.moments import moment
from dovetail.features.online.events import Event
from dovetail.features.sources import DeltaSource, Source


def append(source: Source, events: Sequence[Event], root: Path, *, name: str = "") -> None:
    """Append events to a Delta table, which is made if there is none.

    Args:
        source: The source that the table is behind.
        events: Its rows.
        root: Folder that relative paths start from.
        name: Of the commit, for `has_appended`.

    Raises:
        RowsError: The source is no Delta table, or the rows do not fit the table.
    """
    if not isinstance(source, DeltaSource) or not source.path:
        raise RowsError(
            f"Source {source.name!r} has no table that rows can be appended to",
            fix='Push with to="online", or make it a DeltaSource',
        )
    if not events:
        return
    pl = require("polars", extra="features", feature="writing to offline tables")
    deltalake = require("deltalake", extra="features", feature="writing to offline tables")
    path = str(root / source.path)
    times = {
        source.event_time: [moment(e.event_us) for e in events],
        source.known_at: [moment(e.known_us) for e in events],
    }
    stamp = pl.Datetime("us", "UTC")
    rows = [{k: v for k, v in e.row.items() if k not in source.derive} for e in events]
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.Series(name, values, dtype=stamp)
        for name, values in times.items()
        if name in source.time_columns and name not in source.derive
    )
    try:
        if deltalake.DeltaTable.is_deltatable(path):
            held = pl.scan_delta(path).collect_schema()
            frame = frame.with_columns(
                pl.col(name).cast(kind) for name, kind in held.items() if name in frame.columns
            )
        marks = [deltalake.Transaction(name, 1)] if name else None
        properties = deltalake.CommitProperties(app_transactions=marks)
        deltalake.write_deltalake(path, frame, mode="append", commit_properties=properties)
    except (deltalake.exceptions.DeltaError, pl.exceptions.PolarsError) as error:
        raise RowsError(
            f"The rows do not fit the table of source {source.name!r}",
            why=str(error).splitlines()[0],
        ) from error


def has_appended(source: Source, root: Path, name: str) -> bool:
    """Whether the table behind a source has the commit of a name."""
    if not isinstance(source, DeltaSource) or not source.path:
        return False
    deltalake = require("deltalake", extra="features", feature="writing to offline tables")
    path = str(root / source.path)
    if not deltalake.DeltaTable.is_deltatable(path):
        return False
    return deltalake.DeltaTable(path).transaction_version(name) is not None
