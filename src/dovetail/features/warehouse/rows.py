"""The rows of a source in a query: filtered, with their two times, each event once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dovetail.features.expressions import Expression
from dovetail.features.expressions.sql import Dialect
from dovetail.features.sources import Source


@dataclass(frozen=True)
class SourceRows:
    """A common table expression of the rows of a source.

    Attributes:
        name: Its name in the query.
        source: The source.
        dialect: The database.
        table: The table, or a query in parentheses.
        kinds: Kinds of columns, where they are known.
        position: Column that tells the order of rows; none when empty.
    """

    name: str
    source: Source
    dialect: Dialect
    table: str
    kinds: Mapping[str, str]
    position: str

    def written(self, columns: Sequence[str]) -> str:
        """Write the rows with `__event` and `__known`.

        Args:
            columns: Columns that views read, derived or not.
        """
        names = dict.fromkeys((*self.source.brought(columns), *self._positions))
        listed = ", ".join(self.dialect.name_of(c) for c in names)
        times = f"{self.time(self.source.event_time)} AS __event"
        times += f", {self.time(self.source.known_at)} AS __known"
        where = f" WHERE {self.sql(self.source.condition)}" if self.source.condition else ""
        inner = f"SELECT {listed}, {times} FROM {self.table} x{where}"
        known = "__event IS NOT NULL AND __known IS NOT NULL"
        if not self.source.id_columns:
            return f"SELECT * FROM ({inner}) y WHERE {known}"
        ids = ", ".join(self.value(c) for c in self.source.id_columns)
        order = ", ".join(["__known", *(self.dialect.name_of(p) for p in self._positions)])
        first = f"ROW_NUMBER() OVER (PARTITION BY {ids} ORDER BY {order}) AS __told"
        return (
            f"SELECT * FROM (SELECT y.*, {first} FROM ({inner}) y WHERE {known}) z WHERE __told = 1"
        )

    @property
    def _positions(self) -> tuple[str, ...]:
        return (self.position,) if self.position else ()

    @property
    def order(self) -> str:
        """The order of events: event time, time of knowing, id, position."""
        ids = []
        for name in self.source.id_columns:
            is_text = self.kind(name) == "text" and self.dialect.name == "postgres"
            ids.append(self.value(name) + (' COLLATE "C"' if is_text else ""))
        positions = [self.dialect.name_of(p) for p in self._positions]
        return ", ".join(["__event", "__known", *ids, *positions])

    def kind(self, column: str) -> str:
        """Return the kind of a column, or nothing where it is not known."""
        derived = self.source.expressions.get(column)
        return derived.kind if derived is not None else self.kinds.get(column, "")

    def sql(self, read: Expression) -> str:
        """Write an expression over the columns of the source, derived or not."""
        return read.inlined(self.source.expressions).sql(self.dialect.name)

    def time(self, column: str) -> str:
        """Write a time column in microseconds; 0 where rows have no times."""
        if not column:
            return f"CAST(0 AS {self.dialect.bigint})"
        derived = self.source.expressions.get(column)
        if derived is not None:
            return self.sql(derived)
        return self.dialect.epoch.format(self.dialect.name_of(column))

    def value(self, column: str) -> str:
        """Write a column as it is answered with."""
        derived = self.source.expressions.get(column)
        if derived is None:
            name = self.dialect.name_of(column)
            return (
                f"NULLIF({name}, CAST('nan' AS {self.dialect.double}))"
                if (self.kinds.get(column) == "float")
                else name
            )
        text = self.sql(derived)
        return self.dialect.stamp.format(text) if derived.kind == "time" else text

    def number(self, column: str) -> str:
        """Write a column as a double; what is not finite is null."""
        if self.kind(column) == "boolean":
            one, zero = self.dialect.literal(1.0), self.dialect.literal(0.0)
            text = self.value(column)
            return f"(CASE WHEN {text} THEN {one} WHEN NOT {text} THEN {zero} END)"
        return self.dialect.finite(f"CAST({self.value(column)} AS {self.dialect.double})")
