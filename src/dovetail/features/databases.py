"""Tables of databases as frames, for SqlSource."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dovetail.base.extras import require
from dovetail.features.errors import SourceNotFoundError

if TYPE_CHECKING:
    import polars as pl

    from dovetail.features.sources import SqlSource

__all__ = ["read_sql"]

_SELECT = re.compile(r"\s*(select|with)\b", re.I)
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def read_sql(source: "SqlSource", root: Path) -> "pl.DataFrame":
    """Read the table or query behind a source.

    Args:
        source: The source.
        root: Folder that relative files of SQLite and DuckDB start from.

    Raises:
        SourceNotFoundError: A variable is not set, or the database does not answer the query.
    """
    pl = require("polars", extra="features", feature="reading feature sources")
    text = source.path if _SELECT.match(source.path) else f"SELECT * FROM {_quoted(source.path)}"
    url = sa.make_url(_filled(source))
    try:
        if url.drivername == "duckdb":
            duckdb = require("duckdb", extra="features-duckdb", feature="reading DuckDB files")
            with duckdb.connect(str(root / (url.database or "")), read_only=True) as database:
                return database.sql(text).pl()  # type: ignore[no-any-return]
        if url.drivername == "sqlite" and url.database:
            file = (root / url.database).resolve()
            url = url.set(database=f"file:{file}", query={"mode": "ro", "uri": "true"})
        elif url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url)
        try:
            with engine.connect() as connection:
                return pl.read_database(sa.text(text), connection)  # type: ignore[no-any-return]
        finally:
            engine.dispose()
    except Exception as error:
        if not isinstance(error, sa.exc.SQLAlchemyError | OSError | pl.exceptions.PolarsError) and (
            type(error).__module__ not in ("duckdb", "_duckdb")
        ):
            raise
        raise SourceNotFoundError(
            f"Source {source.name!r} cannot be read from its database",
            why=str(getattr(error, "orig", error)).splitlines()[0],
            fix="Check the URL and the table or query",
        ) from error


def _filled(source: "SqlSource") -> str:
    """Return the URL with what it takes from the environment."""

    def value(match: re.Match[str]) -> str:
        if (found := os.environ.get(match[1])) is None:
            raise SourceNotFoundError(
                f"Source {source.name!r} needs the environment variable {match[1]}",
                fix=f"export {match[1]}=...",
            )
        return found

    return _VARIABLE.sub(value, source.url)


def _quoted(table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))
