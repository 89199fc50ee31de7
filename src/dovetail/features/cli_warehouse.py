"""`dovetail features sql`: the query that a warehouse runs for the same definitions."""

from pathlib import Path

import click

from dovetail.features.catalog import joined, load
from dovetail.features.expressions.sql import DIALECTS
from dovetail.features.joining import labels
from dovetail.features.planning import reads
from dovetail.features.training import chosen
from dovetail.features.warehouse import Tables, query

__all__ = ["sql"]


@click.command()
@click.argument("definitions", type=click.Path(path_type=Path))
@click.argument("service")
@click.option("--dialect", required=True, type=click.Choice(list(DIALECTS)), help="The database.")
@click.option("--questions", required=True, help="Table of the questions in the database.")
@click.option("--asked", default="asked_at", help="Column that tells when a row was asked.")
@click.option("--keep", multiple=True, help="Column of the questions to keep, such as the label.")
@click.option("--table", multiple=True, help="source=table, where its name is another there.")
@click.option("--boolean", multiple=True, help="source.column that holds true and false.")
def sql(
    definitions: Path,
    service: str,
    dialect: str,
    questions: str,
    asked: str,
    keep: tuple[str, ...],
    table: tuple[str, ...],
    boolean: tuple[str, ...],
) -> None:
    """Print the query that builds a training set in a warehouse.

    Example: dovetail features sql features.py flights --dialect postgres --questions flights
    """
    found = load(definitions)
    selections = chosen(service, found)
    kinds: dict[str, dict[str, str]] = {}
    for name in boolean:
        source, _, column = name.rpartition(".")
        kinds.setdefault(source, {})[column] = "boolean"
    keys = [k for read in reads(selections) for k in read.view.keys]
    tables = Tables(
        questions,
        dict(pair.split("=", 1) for pair in table if "=" in pair),
        kinds,
        asked=asked,
        kept=list(dict.fromkeys((*keys, asked, *keep))) if keep else (),
    )
    sources = joined(read.view for read in reads(selections))
    click.echo(query(selections, labels(selections, False), sources, tables, dialect))
