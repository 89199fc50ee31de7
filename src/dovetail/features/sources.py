"""Where events and states come from: tables offline, pushed rows online.

A source says which column tells when something happened (`event_time`), which tells when
it became known (`known_at`) and which identifies an event (`id`). The same rules hold for
a table that is read and for rows that are pushed.
"""

from dataclasses import dataclass, field

from dovetail.features.errors import DefinitionError


@dataclass(frozen=True, kw_only=True)
class Source:
    """Rows with times; base of DeltaSource, ParquetSource and CsvSource.

    Attributes:
        name: Name of the source; `POST /push` calls it `push_source_name`.
        path: File or table, relative to the root of the definitions.
        event_time: Column that tells when it happened.
        known_at: Column that tells when it became known; the event time when empty.
            A row is never used for a question asked before it was known.
        id: Column or columns that identify one event. The first row of an id stands;
            later rows of the same id are the same event told again.
    """

    name: str = field(kw_only=False)
    path: str = ""
    event_time: str = "event_timestamp"
    known_at: str = ""
    id: str | tuple[str, ...] | list[str] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise DefinitionError("A source has no name")
        ids = (self.id,) if isinstance(self.id, str) and self.id else tuple(self.id)
        object.__setattr__(self, "id", ids)
        object.__setattr__(self, "known_at", self.known_at or self.event_time)

    @property
    def id_columns(self) -> tuple[str, ...]:
        """The columns that identify an event; empty where rows have no identity."""
        return tuple(self.id)

    @property
    def time_columns(self) -> tuple[str, ...]:
        """The event time, and the time of knowing where that is another column."""
        return tuple(dict.fromkeys((self.event_time, self.known_at)))


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
class PushSource(Source):
    """Rows that only ever arrive by `POST /push`; training needs a frame of them."""
