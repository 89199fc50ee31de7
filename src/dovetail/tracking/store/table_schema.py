"""Indexes for the table of runs, which can be ordered by any column.

Parameters and tags are text. A person who orders by a learning rate means its number, so numbers
are compared as numbers and stand apart from all other text. Attributes without an index of their
own are compared over the covering index `runs_table`, which is far smaller than the table.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from dovetail.tracking.store.schema import params, runs, tags

__all__ = ["INDEXES", "PREFIX", "number_of", "prefix_of"]

PREFIX = 64
_NUMBER = "^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,2})?$"


class number_of(GenericFunction[float]):
    """The number that a text is, else NULL; the same expression in the indexes and in queries."""

    type = sa.Double()
    inherit_cache = True
    name = "number_of"
    _register = False


@compiles(number_of, "sqlite")
def _sqlite(element: Any, compiler: Any, **given: Any) -> str:
    # compared with a number, a text becomes one only where it is well-formed as a whole
    text = compiler.process(element.clauses, **given)
    return f"(CASE WHEN {text} = CAST({text} AS NUMERIC) THEN CAST({text} AS REAL) END)"


@compiles(number_of, "postgresql")
def _postgresql(element: Any, compiler: Any, **given: Any) -> str:
    text = compiler.process(element.clauses, **given)
    fits = f"length({text}) <= {PREFIX} AND {text} ~ '{_NUMBER}'"
    return f"(CASE WHEN {fits} THEN CAST({text} AS DOUBLE PRECISION) END)"


def prefix_of(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Return the beginning of a text, which is what is ordered by; databases bound an index row."""
    ends = [sa.literal_column(str(number), sa.Integer) for number in (1, PREFIX)]
    return sa.func.substr(column, *ends, type_=sa.String())


def _indexes() -> list[sa.Index]:
    made = []
    for table in (params, tags):
        number, text = number_of(table.c.value), prefix_of(table.c.value)
        made.append(sa.Index(f"{table.name}_value", table.c.key, number, text, table.c.run))
    names = ("experiment_id", "lifecycle_stage", "run_name", "user_id", "status", "start_time")
    columns = (runs.c[name] for name in (*names, "end_time"))
    covering = sa.Index("runs_table", *columns, info={"only": "sqlite"})
    return [*made, covering.ddl_if(dialect="sqlite")]


INDEXES = tuple(_indexes())
