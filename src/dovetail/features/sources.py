"""Where events and states come from: tables offline, pushed rows online.

A source says which column tells when something happened (`event_time`), which tells when
it became known (`known_at`) and which identifies an event (`id`). The same rules hold for
a table that is read and for rows that are pushed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from dovetail.features.errors import DefinitionError
from dovetail.features.expressions import Expression, expression
from dovetail.features.frozen import Frozen
from dovetail.features.moments import moment_text

S = TypeVar("S", bound="Source")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Rows with times; base of DeltaSource, ParquetSource and CsvSource.

    Attributes:
        name: Name of the source; `POST /push` calls it `push_source_name`.
        path: File or table, relative to the root of the definitions.
        event_time: Column that tells when it happened; empty for a table without times, whose
            rows were always known.
        known_at: Column that tells when it became known; the event time when empty.
            A row is never used for a question asked before it was known.
        id: Column or columns that identify one event. The first row of an id stands;
            later rows of the same id are the same event told again.
        derive: Columns computed from the others, by name: SQL text of one row, for example
            `{"late": "dep_delay > 15"}`. They are computed alike for tables and pushed rows.
        where: Condition, SQL text; rows of which it is not true do not exist.
        description: What the rows are, for people.
        owner: Who answers for them.
        tags: Words to find it by, `{"team": "ops"}`.
    """

    name: str = field(kw_only=False)
    path: str = ""
    event_time: str = "event_timestamp"
    known_at: str = ""
    id: str | tuple[str, ...] | list[str] = ()
    derive: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    description: str = ""
    owner: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name:
            raise DefinitionError("A source has no name")
        object.__setattr__(self, "derive", Frozen(self.derive))
        object.__setattr__(self, "tags", Frozen(self.tags))
        ids = (self.id,) if isinstance(self.id, str) and self.id else tuple(self.id)
        object.__setattr__(self, "id", ids)
        object.__setattr__(self, "known_at", self.known_at or self.event_time)
        if self.known_at and not self.event_time:
            raise DefinitionError(f"Source {self.name!r} has known_at but no event_time")
        if self.derive or self.where:
            _ = self.expressions, self.condition

    @property
    def id_columns(self) -> tuple[str, ...]:
        """The columns that identify an event; empty where rows have no identity."""
        return tuple(self.id)

    @property
    def time_columns(self) -> tuple[str, ...]:
        """The event time, and the time of knowing where that is another column."""
        return tuple(dict.fromkeys(t for t in (self.event_time, self.known_at) if t))

    def is_time(self, column: str) -> bool:
        """Whether a column is known to hold times."""
        derived = self.expressions.get(column)
        return column in self.time_columns or (derived is not None and derived.kind == "time")

    @cached_property
    def expressions(self) -> Mapping[str, Expression]:
        """The derived columns by name, in terms of the columns that the rows bring."""
        found: dict[str, Expression] = {}
        for name, text in self.derive.items():
            read = expression(text)
            if early := [c for c in read.columns if c in self.derive and c not in found]:
                raise DefinitionError(
                    f"Source {self.name!r} derives {name!r} from {early[0]!r}, not known yet",
                    why="A derived column can use the columns of the rows and those derived before",
                    fix="Give it a name that no column has, or put it later",
                )
            found[name] = read.inlined(found)
        return found

    @cached_property
    def condition(self) -> Expression | None:
        """The condition of rows that exist, in terms of the columns that the rows bring."""
        return expression(self.where, "boolean").inlined(self.expressions) if self.where else None

    def deriving(self: S, more: Mapping[str, str]) -> S:
        """Return the source with more derived columns.

        Raises:
            DefinitionError: A name is taken by another column of the source.
        """
        for name, text in more.items():
            if self.derive.get(name, text) != text:
                raise DefinitionError(f"Source {self.name!r} derives {name!r} in two ways")
        return replace(self, derive={**self.derive, **more})

    def brought(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the columns that rows must bring for these columns, derived or not."""
        found: dict[str, None] = {}
        for c in (*self.time_columns, *self.id_columns, *columns):
            needed = self.expressions[c].columns if c in self.derive else (c,)
            found.update(dict.fromkeys(needed))
        found.update(dict.fromkeys(self.condition.columns if self.condition else ()))
        return tuple(found)

    def derived(self, row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
        """Return a row with those of the columns that are derived; times as RFC 3339 text.

        Raises:
            RowsError: A value is of another kind than an expression needs.
        """
        found = dict(row)
        for name in dict.fromkeys((*self.time_columns, *self.id_columns, *columns)):
            if (read := self.expressions.get(name)) is not None:
                value = read.of(row)
                is_time = read.kind == "time" and value is not None
                found[name] = moment_text(value) if is_time else value
        return found


@dataclass(frozen=True, kw_only=True)
class DeltaSource(Source):
    """A Delta Lake table, for example one of the data piece.

    Examples:
        >>> DeltaSource("departures", path="departures", event_time="dep_time", id="flight").id
        ('flight',)
    """


@dataclass(frozen=True, kw_only=True)
class ParquetSource(Source):
    """One Parquet file, or many by a glob."""


@dataclass(frozen=True, kw_only=True)
class CsvSource(Source):
    """One CSV file with a header; times are RFC 3339 text."""


@dataclass(frozen=True, kw_only=True)
class SqlSource(Source):
    """A table of PostgreSQL, SQLite or DuckDB, or what a query of it gives.

    Attributes:
        path: The table, `schema.table`, or a SELECT.
        url: `postgresql://...`, `sqlite:///file.db` or `duckdb:///file.duckdb`. `${NAME}` is
            taken from the environment, as every password must be.

    Examples:
        >>> SqlSource("flights", url="${WAREHOUSE}", path="public.flights", event_time="left").url
        '${WAREHOUSE}'
    """

    url: str

    def __post_init__(self) -> None:
        super().__post_init__()
        secret = self.url.partition("://")[2].rpartition("@")[0].partition(":")[2]
        if secret and not secret.startswith("${"):
            raise DefinitionError(
                f"The URL of source {self.name!r} holds a password",
                fix="Put it in the environment and write ${NAME} in its place",
            )
        if not self.url or not self.path:
            raise DefinitionError(f"Source {self.name!r} needs url= and path=, a table or a SELECT")


@dataclass(frozen=True, kw_only=True)
class PushSource(Source):
    """Rows that only ever arrive by `POST /push`; training needs a frame of them."""
