"""Joining questions with features, piece by piece: what is asked of sources is prepared once.

Serves `training`, which joins all questions at once, and `streaming`, which joins those that do not
fit in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from dovetail.features import planning, second
from dovetail.features.asof import Book, Latest
from dovetail.features.catalog import joined
from dovetail.features.errors import DefinitionError, RowsError
from dovetail.features.figures import Windows
from dovetail.features.frames import EVENT, KNOWN, Tables, microseconds
from dovetail.features.ondemand import ASKED, OnDemandView
from dovetail.features.planning import Read
from dovetail.features.views import LatestView, Selection, View, WindowView

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ENGINES", "Index", "Joiner", "labels", "named", "reach"]

ENGINES = ("polars", "duckdb")


class Reader(Protocol):
    """Reads the features of views for questions, by view and feature."""

    def __call__(
        self, entities: "pl.DataFrame", at: "pl.Series"
    ) -> "dict[tuple[str, str], pl.Series]":
        """Read for questions asked at `at`, in microseconds."""
        ...


@dataclass(frozen=True)
class Index:
    """One view, ready to be asked many times.

    Attributes:
        book: Numbers its keys.
        held: What answers.
    """

    book: Book
    held: Latest | Windows

    @classmethod
    def of(cls, view: View, rows: "pl.DataFrame") -> "Index":
        """Prepare the rows of a source, which have `EVENT` and `KNOWN`, for one view."""
        if view.condition is not None:
            rows = rows.filter(view.condition.over(rows.schema))
        book = Book.of(rows, view.keys)
        rows = book.numbered(rows)
        if isinstance(view, WindowView):
            return cls(book, Windows.of(view, rows))
        if isinstance(view, LatestView):
            return cls(book, Latest.of(view, rows))
        raise DefinitionError(f"View {view.name!r} is of no kind that can be joined")

    def answer(
        self, features: Sequence[str], questions: "pl.DataFrame", at: "pl.Series"
    ) -> "list[pl.Series]":
        """Answer questions asked at `at` (microseconds)."""
        return self.held.answer(features, self.book.codes(questions), at)


@dataclass(frozen=True)
class Joiner:
    """Adds the features of a service to questions.

    Attributes:
        selections: What the service takes.
        names: What its features are called.
        asked: Column that tells when a question was asked.
        read: Reads what is read of views.
    """

    selections: tuple[Selection, ...]
    names: tuple[str, ...]
    asked: str
    read: Reader

    @classmethod
    def of(
        cls,
        selections: Sequence[Selection],
        names: Sequence[str],
        asked: str,
        tables: Tables,
        engine: str,
    ) -> "Joiner":
        """Prepare the tables; every question must lie in the span that they were read for.

        Raises:
            DefinitionError: There is no such engine.
            RowsError: A table cannot be read as the definitions say.
        """
        parts = planning.reads(selections)
        if engine not in ENGINES:
            raise DefinitionError(f"There is no engine {engine!r}", fix="Use polars or duckdb")
        if engine == "duckdb":
            sources = joined(part.view for part in parts)
            wanted = _columns(parts)
            tables = tables.holding({s: wanted[name] for name, s in sources.items()})
            read: Reader = partial(second.read, parts, tables)
        else:
            read = partial(_read, parts, _indexes(parts, tables))
        return cls(tuple(selections), tuple(names), asked, read)

    def join(self, entities: "pl.DataFrame") -> "pl.DataFrame":
        """Return questions with their features, as `training_set` does."""
        at = entities.select(microseconds(entities, self.asked).alias("at")).to_series()
        found = self.read(entities, at)
        features: list[pl.Series] = []
        for part in self.selections:
            if isinstance(part.view, OnDemandView):
                features += _computed(part, found, entities, at)
            else:
                features += [found[part.view.name, f] for f in part.features]
        return entities.with_columns(
            series.alias(name) for name, series in zip(self.names, features, strict=True)
        )


def _indexes(parts: Sequence[Read], tables: Tables) -> list[Index]:
    sources, wanted = joined(part.view for part in parts), _columns(parts)
    found = []
    for part in parts:
        view = part.view
        source = sources[view.source.name]
        rows = tables.events(source, wanted[view.source.name])
        kept = dict.fromkeys((*view.columns, EVENT, KNOWN, *source.id_columns))
        found.append(Index.of(view, _reachable(view, rows.select(list(kept)), tables.since)))
    return found


def _read(
    parts: Sequence[Read], indexes: Sequence[Index], entities: "pl.DataFrame", at: "pl.Series"
) -> "dict[tuple[str, str], pl.Series]":
    """Read the features of views, by view and feature."""
    found: dict[tuple[str, str], pl.Series] = {}
    for part, index in zip(parts, indexes, strict=True):
        answers = index.answer(part.features, entities, at)
        found.update(zip(((part.view.name, f) for f in part.features), answers, strict=True))
    return found


def reach(view: View) -> tuple[str, int] | None:
    """Return which time of its rows a view looks back by, and how far; None without end."""
    if isinstance(view, WindowView) and not view.most_events:
        return KNOWN, view.reach_us
    if isinstance(view, LatestView) and view.ttl_us:
        return EVENT, view.ttl_us
    return None


def _reachable(view: View, rows: "pl.DataFrame", since: int | None) -> "pl.DataFrame":
    """Leave out the rows that lie too far before the first question to answer any.

    Only of rows of which each event is there once: a row told again would take the place of the
    one that is left out.
    """
    import polars as pl

    if since is None or (back := reach(view)) is None:
        return rows
    return rows.filter(pl.col(back[0]) >= since - back[1])


def _columns(selections: Sequence[Read]) -> dict[str, tuple[str, ...]]:
    """Return the columns that the selected views read of each source."""
    wanted: dict[str, dict[str, None]] = {}
    for part in selections:
        wanted.setdefault(part.view.source.name, {}).update(dict.fromkeys(part.view.columns))
    return {source: tuple(columns) for source, columns in wanted.items()}


def _computed(
    part: Selection,
    found: "Mapping[tuple[str, str], pl.Series]",
    entities: "pl.DataFrame",
    at: "pl.Series",
) -> "list[pl.Series]":
    """Compute what is asked of an on-demand view."""
    import polars as pl

    view = part.view
    assert isinstance(view, OnDemandView)
    rows = pl.DataFrame([found[view.taken[name]].alias(name) for name in view.used])
    columns = [entities[name] for name in view.request if name in entities.columns]
    if ASKED in view.request and ASKED not in entities.columns:
        columns.append(at.cast(pl.Datetime("us", "UTC")).alias(ASKED))
    if len(columns) < len(view.request):
        missing = [n for n in view.request if n not in {c.name for c in columns}]
        raise RowsError(
            f"The questions lack {missing}, which on-demand view {view.name!r} needs",
            fix=f"They have {entities.columns}",
        )
    rows = rows.with_columns(columns) if rows.width else pl.DataFrame(columns)
    answers = dict(zip(view.feature_names, view.frame(rows), strict=True))
    return [answers[f] for f in part.features]


def named(
    selections: Sequence[Selection], columns: Sequence[str], asked: str, full_feature_names: bool
) -> list[str]:
    """Return the output name of each feature, and refuse questions that do not fit them.

    Args:
        selections: What a service takes.
        columns: Columns of the questions.
        asked: Column that tells when a question was asked.
        full_feature_names: Name features `view__feature`.

    Raises:
        DefinitionError: Two features, or a feature and a column, would have one name.
        RowsError: A key or the time column is missing.
    """
    names = labels(selections, full_feature_names)
    if clash := [name for name in names if name in columns]:
        raise DefinitionError(
            f"The questions already have columns named {clash}",
            fix="Rename them, or pass full_feature_names=True",
        )
    keys = dict.fromkeys(key for part in selections for key in part.view.keys)
    if missing := [c for c in (*keys, asked) if c not in columns]:
        raise RowsError(f"The questions lack the columns {missing}", fix=f"They have {columns}")
    return names


def labels(selections: Sequence[Selection], full_feature_names: bool) -> list[str]:
    """Return the output name of each feature, and refuse two of one name.

    Raises:
        DefinitionError: Two features would have one name.
    """
    names = [
        f"{part.view.name}__{feature}" if full_feature_names else feature
        for part in selections
        for feature in part.features
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DefinitionError(
            f"More than one feature is named {', '.join(twice)}",
            fix="Ask with full_feature_names, or name the aggregations",
        )
    return names
