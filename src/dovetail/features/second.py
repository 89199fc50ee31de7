"""The second engine: the same answers by DuckDB, from the SQL that warehouses get.

It reads what `frames` reads and shares nothing else with the joins of polars, so that each checks
the other.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dovetail.base.extras import require
from dovetail.features.asof import same_types
from dovetail.features.catalog import joined
from dovetail.features.frames import Tables
from dovetail.features.moments import column_us
from dovetail.features.planning import Read
from dovetail.features.sources import Source
from dovetail.features.views import Selection
from dovetail.features.warehouse import Tables as Places
from dovetail.features.warehouse import steps

if TYPE_CHECKING:
    import polars as pl

NUMBER, POSITION, AT = "__number", "__position", "__at_us"


def read(
    parts: Sequence[Read], tables: Tables, entities: "pl.DataFrame", at: "pl.Series"
) -> "dict[tuple[str, str], pl.Series]":
    """Read the features of views for questions, by view and feature.

    Args:
        parts: What to read.
        tables: The tables behind the sources.
        entities: The questions.
        at: When each was asked, in microseconds.

    Raises:
        RowsError: A table cannot be read as the definitions say.
    """
    duckdb = require("duckdb", extra="features-duckdb", feature="the engine duckdb")
    import polars as pl

    sources = joined(part.view for part in parts)
    for part in parts:
        source = sources[part.view.source.name]
        same_types(tables.events(source, part.view.columns), entities, part.view.keys)
    keys = list(dict.fromkeys(k for part in parts for k in part.view.keys))
    stamps = at.cast(pl.Datetime("us", "UTC")).alias(AT)
    questions = entities.select(keys).with_columns(stamps).with_row_index(NUMBER)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("questions", questions)
        kinds = {}
        for number, (name, source) in enumerate(sources.items()):
            frame = _held(tables, source)
            kinds[name] = _kinds(frame)
            database.register(f"source_{number}", frame)
        places = Places(
            "questions", {name: f"source_{n}" for n, name in enumerate(sources)}, kinds,
            asked=AT, kept=[NUMBER], position=POSITION, number=NUMBER,
        )  # fmt: skip
        chosen = [Selection(part.view, part.features) for part in parts]
        pairs = [(part.view.name, f) for part in parts for f in part.features]
        names = [f"f{n}" for n in range(len(pairs))]
        tables_of_views, last = steps(chosen, names, sources, places, "duckdb")
        # One query of all of them takes DuckDB seconds to plan, one after the other none.
        for name, text in tables_of_views:
            database.execute(f"CREATE TEMP TABLE {name} AS {text}")
        found = database.sql(last).pl()
    answers = {pair: found[name] for pair, name in zip(pairs, names, strict=True)}
    for part in parts:
        derived = sources[part.view.source.name].expressions
        for name in part.features:
            if name in derived and derived[name].kind == "time":
                stamped = answers[part.view.name, name].dt.replace_time_zone("UTC")
                answers[part.view.name, name] = stamped
    return answers


def _held(tables: Tables, source: Source) -> "pl.DataFrame":
    """Return the rows of a source with their position; times as times."""
    import polars as pl

    frame = tables.raw(source)
    texts = [c for c in source.time_columns if frame.schema.get(c) in (pl.String, pl.Null)]
    return frame.with_columns(
        column_us(frame.schema, c).cast(pl.Datetime("us", "UTC")).alias(c) for c in texts
    ).with_row_index(POSITION)


def _kinds(frame: "pl.DataFrame") -> dict[str, str]:
    import polars as pl

    kinds = {}
    for name, kind in frame.schema.items():
        if kind == pl.Boolean:
            kinds[name] = "boolean"
        elif kind.is_float():
            kinds[name] = "float"
        elif kind == pl.String:
            kinds[name] = "text"
    return kinds
