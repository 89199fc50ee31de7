"""Tables of sources as polars frames with the two times that every rule needs.

Serves training and materialisation. Here, once, a row gets its event time and the time it
became known in microseconds, rows without a time fall away, and an event that is told
twice becomes one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dovetail.base.extras import require
from dovetail.features.databases import read_sql
from dovetail.features.errors import RowsError, SourceNotFoundError
from dovetail.features.moments import column_us
from dovetail.features.sources import CsvSource, DeltaSource, ParquetSource, Source, SqlSource

if TYPE_CHECKING:
    import polars as pl

EVENT = "__event_us"
KNOWN = "__known_us"
WHY = "reading feature sources"


@dataclass
class Tables:
    """The tables behind sources, each read and prepared once.

    Attributes:
        root: Folder that relative paths start from.
        frames: Frames that stand in for the tables of the sources they name.
        versions: Version to read of a Delta source, by its name; the newest otherwise.
        since: When the first question is asked, in microseconds, for whoever leaves out what is
            too old for it; None for no bound.
        until: When the last question is asked: what became known later is left out.
    """

    root: Path = Path()
    frames: "Mapping[str, pl.DataFrame]" = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    since: int | None = None
    until: int | None = None
    _prepared: dict[Any, Any] = field(default_factory=dict, repr=False)

    def events(self, source: Source, columns: Sequence[str]) -> "pl.DataFrame":
        """Return the rows of a source with `EVENT` and `KNOWN`, each event once.

        Args:
            source: The source.
            columns: Columns that are wanted beside the times.

        Raises:
            RowsError: A column is missing or a time cannot be read.
            SourceNotFoundError: There is no table behind the source.
        """
        wanted = tuple(sorted(set(columns)))
        key = (source.name, source.derive, wanted)
        if key not in self._prepared:
            raw = self.raw(source, source.brought(wanted))
            self._prepared[key] = prepared(raw, source, wanted)
        return self._prepared[key]  # type: ignore[no-any-return]

    def raw(self, source: Source, columns: Sequence[str] = ()) -> "pl.DataFrame":
        """Return the rows of a source as they are: of the frame that stands in, or the table.

        Args:
            source: The source.
            columns: What to read, if the table has all of it; everything otherwise.
        """
        frame = self.frames.get(source.name)
        return self.read(source, columns) if frame is None else self._known(frame.lazy(), source)

    def holding(self, wanted: Mapping[Source, Sequence[str]]) -> "Tables":
        """Return tables that were read already, for an engine that asks for them many times.

        Args:
            wanted: By source, which columns are wanted beside its times.
        """
        frames = {s.name: self.raw(s, s.brought(columns)) for s, columns in wanted.items()}
        return replace(self, frames={**self.frames, **frames}, _prepared={})

    def _known(
        self, table: "pl.LazyFrame", source: Source, columns: Sequence[str] = ()
    ) -> "pl.DataFrame":
        """Collect those columns and rows of a table that may be needed."""
        import polars as pl

        schema = table.collect_schema()
        if all(name in schema for name in columns) and columns:
            table = table.select(columns)
        known = source.known_at
        if self.until is not None and known in schema and known not in source.derive:
            table = table.filter(column_us(schema, known) <= pl.lit(self.until, dtype=pl.Int64))
        return table.collect()

    def read(self, source: Source, columns: Sequence[str] = ()) -> "pl.DataFrame":
        """Read the table behind a source: some columns, or all.

        Raises:
            SourceNotFoundError: There is no table behind the source, or it cannot be read.
        """
        pl = require("polars", extra="features", feature=WHY)
        if not source.path:
            raise SourceNotFoundError(
                f"Source {source.name!r} has no table", fix="Give it a path, or pass frames="
            )
        if isinstance(source, SqlSource):
            return self._known(read_sql(source, self.root).lazy(), source, columns)
        at = str(self.root / source.path)
        try:
            return self._known(self._scanned(source, at), source, columns)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _unreadable(source, at, error) from error
        except Exception as error:
            if type(error).__name__ in {"TableNotFoundError", "DeltaError"}:
                raise _unreadable(source, at, error) from error
            raise

    def _scanned(self, source: Source, at: str) -> "pl.LazyFrame":
        import polars as pl

        if isinstance(source, DeltaSource):
            require("deltalake", extra="features", feature=WHY)
            return pl.scan_delta(at, version=self.versions.get(source.name))
        if isinstance(source, CsvSource):
            return pl.scan_csv(at)
        if isinstance(source, ParquetSource):
            return pl.scan_parquet(at)
        raise SourceNotFoundError(f"Source {source.name!r} has no table that can be read")


def prepared(frame: "pl.DataFrame", source: Source, columns: Sequence[str]) -> "pl.DataFrame":
    """Keep the wanted columns, derived or not, add the two times and make each event one row.

    Rows keep their order, save that of one id the row known first is kept. A row without an
    event time or a time of knowing never happened (a flight that was cancelled has no
    departure) and falls away.
    """
    needed = source.brought(columns)
    if missing := [c for c in needed if c not in frame.columns]:
        raise RowsError(
            f"Source {source.name!r} lacks the columns {missing}",
            fix=f"It has {frame.columns}",
        )
    rows = _derived(frame.select(needed), source, columns)
    rows = rows.with_columns(
        _known_time(rows, source.event_time).alias(EVENT),
        _known_time(rows, source.known_at).alias(KNOWN),
    ).drop_nulls([EVENT, KNOWN])
    if source.id_columns:
        if not rows[KNOWN].is_sorted():
            rows = rows.sort(KNOWN, maintain_order=True)
        rows = rows.unique(list(source.id_columns), keep="first", maintain_order=True)
    return rows.select(list(dict.fromkeys((*columns, EVENT, KNOWN, *source.id_columns))))


def _derived(rows: "pl.DataFrame", source: Source, columns: Sequence[str]) -> "pl.DataFrame":
    """Filter rows by the source's condition, and add those of the columns that are derived."""
    import polars as pl

    if source.condition is not None:
        rows = rows.filter(source.condition.over(rows.schema))
    found = {}
    for name in dict.fromkeys((*source.time_columns, *source.id_columns, *columns)):
        if (read := source.expressions.get(name)) is not None:
            value = read.over(rows.schema)
            found[name] = value.cast(pl.Datetime("us", "UTC")) if read.kind == "time" else value
    return rows.with_columns(**found) if found else rows


def _known_time(rows: "pl.DataFrame", column: str) -> "pl.Expr":
    import polars as pl

    return column_us(rows.schema, column) if column else pl.lit(0, dtype=pl.Int64)


def microseconds(frame: "pl.DataFrame", column: str) -> "pl.Expr":
    """Return a time column of a frame as microseconds since 1970; see `column_us`."""
    return column_us(frame.schema, column)


def _unreadable(source: Source, at: str, error: Exception) -> SourceNotFoundError:
    return SourceNotFoundError(
        f"The table {at!r} of source {source.name!r} cannot be read",
        why=str(error).splitlines()[0] if str(error) else type(error).__name__,
        fix="Check the path and the root of the definitions",
    )
