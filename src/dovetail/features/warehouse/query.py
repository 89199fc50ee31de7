"""The query of a service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dovetail.features.errors import DefinitionError
from dovetail.features.expressions.sql import Dialect, dialect_of
from dovetail.features.ondemand import ASKED, OnDemandView
from dovetail.features.planning import Read, reads
from dovetail.features.sources import Source
from dovetail.features.views import LatestView, Selection, WindowView
from dovetail.features.warehouse.rows import SourceRows
from dovetail.features.warehouse.views import latest, windows

__all__ = ["Tables", "query", "steps"]


@dataclass(frozen=True)
class Tables:
    """Where the rows are in the database.

    Attributes:
        questions: Table, or query in parentheses, of the questions.
        sources: Table, or query in parentheses, of each source by its name; the name itself
            where it is missing.
        kinds: By source, the columns that hold `boolean`, `text` or `float`, where that is known:
            PostgreSQL makes no number of a truth, and orders text by its own rules.
        asked: Column that tells when a question was asked.
        kept: Columns of the questions that are answered with; keys and time when empty.
        position: Column of the sources that tells the order of rows; none when empty.
        number: Column of the questions that numbers them; they are numbered here when empty.
    """

    questions: str
    sources: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    asked: str = "asked_at"
    kept: Sequence[str] = ()
    position: str = ""
    number: str = ""


def query(
    selections: Sequence[Selection],
    names: Sequence[str],
    sources: Mapping[str, Source],
    tables: Tables,
    dialect: str,
) -> str:
    """Write the query that adds features to questions, each as of the time it was asked.

    Args:
        selections: What is wanted.
        names: What to call the features.
        sources: The sources of all views, with what any of them derives.
        tables: Where the rows are.
        dialect: `duckdb`, `postgres`, `snowflake`, `bigquery` or `spark`.

    Returns:
        One SELECT, with a row a question.

    Raises:
        DefinitionError: A feature cannot be written in SQL.
    """
    parts, last = steps(selections, names, sources, tables, dialect)
    # Each is used more than once, and planned once only where it is materialised.
    hint = "MATERIALIZED " if dialect in ("duckdb", "postgres") else ""
    expressions = ",\n".join(f"{name} AS {hint}(\n{text}\n)" for name, text in parts)
    return f"WITH {expressions}\n{last}"


def steps(
    selections: Sequence[Selection],
    names: Sequence[str],
    sources: Mapping[str, Source],
    tables: Tables,
    dialect: str,
) -> tuple[list[tuple[str, str]], str]:
    """Return the common table expressions of `query` by name, and its last SELECT."""
    return _Query(selections, names, sources, tables, dialect_of(dialect)).steps()


@dataclass(frozen=True)
class _Query:
    selections: Sequence[Selection]
    names: Sequence[str]
    sources: Mapping[str, Source]
    tables: Tables
    dialect: Dialect

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        return reads(self.selections)

    def steps(self) -> tuple[list[tuple[str, str]], str]:
        parts = [("__q", self._questions())]
        held: dict[str, SourceRows] = {}
        for at, read in enumerate(self.reads):
            name = read.view.source.name
            if name not in held:
                held[name] = SourceRows(
                    f"__s{len(held)}", self.sources[name], self.dialect,
                    self.tables.sources.get(name) or self.dialect.name_of(name),
                    self.tables.kinds.get(name, {}), self.tables.position,
                )  # fmt: skip
                columns = [
                    c for r in self.reads if r.view.source.name == name for c in r.view.columns
                ]
                parts.append((held[name].name, held[name].written(columns)))
            if isinstance(read.view, WindowView):
                parts += windows(f"__v{at}", read.view, read.features, held[name])
            else:
                assert isinstance(read.view, LatestView)
                parts += latest(f"__v{at}", read.view, read.features, held[name])
        joins = "\n".join(
            f"LEFT JOIN __v{at} ON __v{at}.__row = __q.__row" for at in range(len(self.reads))
        )
        kept = [f"__q.{self.dialect.name_of(c)}" for c in self._kept()]
        features = [
            f"{text} AS {self.dialect.name_of(name)}"
            for name, text in zip(self.names, self._features(), strict=True)
        ]
        listed = ",\n  ".join([*kept, *features])
        return parts, f"SELECT\n  {listed}\nFROM __q\n{joins}\nORDER BY __q.__row"

    def _questions(self) -> str:
        asked = self.dialect.epoch.format(f"x.{self.dialect.name_of(self.tables.asked)}")
        number = "ROW_NUMBER() OVER ()"
        if self.tables.number:
            number = f"x.{self.dialect.name_of(self.tables.number)}"
        elif self.dialect.name in ("snowflake", "spark"):
            number = "ROW_NUMBER() OVER (ORDER BY NULL)"
        return f"SELECT x.*, {number} AS __row, {asked} AS __asked FROM {self.tables.questions} x"

    def _kept(self) -> Sequence[str]:
        if self.tables.kept:
            return self.tables.kept
        requests = [
            c
            for part in self.selections
            if isinstance(part.view, OnDemandView)
            for c in part.view.request
            if c != ASKED
        ]
        keys = [k for read in self.reads for k in read.view.keys]
        return list(dict.fromkeys((*keys, *requests, self.tables.asked)))

    def _features(self) -> list[str]:
        place = {
            (read.view.name, feature): f"__v{at}.{self.dialect.name_of(feature)}"
            for at, read in enumerate(self.reads)
            for feature in read.features
        }
        found = []
        for part in self.selections:
            for feature in part.features:
                if isinstance(part.view, OnDemandView):
                    found.append(self._computed(part.view, feature, place))
                else:
                    found.append(place[part.view.name, feature])
        return found

    def _computed(
        self, view: OnDemandView, feature: str, place: Mapping[tuple[str, str], str]
    ) -> str:
        read = view.expressions.get(feature)
        if read is None:
            raise DefinitionError(
                f"Feature {feature!r} of {view.name!r} is computed by a function of Python",
                fix="Write it as an expression, or leave it out of the service",
            )

        def column(name: str) -> str:
            if name in view.taken:
                return place[view.taken[name]]
            asked = self.tables.asked if name == ASKED else name
            return f"__q.{self.dialect.name_of(asked)}"

        text = read.sql(self.dialect.name, column)
        return self.dialect.stamp.format(text) if read.kind == "time" else text
