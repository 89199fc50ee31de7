"""The tables of MLflow's own database, as far as the revision at hand has them.

MLflow's schema has grown for years. What a database lacks reads as NULL, or as no rows at all, so
one reader serves every revision from MLflow 2.0 on.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from dovetail.base.errors import InvalidInputError, NotFoundError, UnavailableError
from dovetail.base.extras import require

__all__ = ["MlflowTables", "is_database", "shown"]

CHUNK = 500
_PREFIXES = ("sqlite:", "postgresql:", "postgresql+", "postgres:", "mysql", "mssql")


def is_database(url: str) -> bool:
    """Tell whether an address is that of a database."""
    return url.startswith(_PREFIXES)


def shown(url: str) -> str:
    """Return an address of a database without its password, a file by its whole path."""
    parsed = sa.engine.make_url(url)
    if parsed.drivername.startswith("sqlite"):
        return f"sqlite:///{Path(parsed.database or '').absolute()}"
    return parsed.set(drivername="postgresql").render_as_string(hide_password=True)


class MlflowTables:
    """A database of MLflow.

    Args:
        url: `sqlite:///file` or `postgresql://...`, with any driver that MLflow takes.
        writable: whether it will be written to; otherwise the database itself refuses writes.

    Raises:
        InvalidInputError: the address names another kind of database, or no store of MLflow.
        NotFoundError: there is no such file.
        UnavailableError: the database does not answer.
    """

    def __init__(self, url: str, *, writable: bool = False) -> None:
        self.label = shown(url)
        self.engine = _engine(url, writable)
        try:
            inspector = sa.inspect(self.engine)
            names = set(inspector.get_table_names())
            self.columns = {
                name: {str(column["name"]) for column in inspector.get_columns(name)}
                for name in names
            }
        except sa.exc.DatabaseError as error:
            self.engine.dispose()
            raise UnavailableError(
                f"{self.label} cannot be read", why=str(error.orig).strip().splitlines()[0]
            ) from error
        if (
            not {"experiments", "runs", "metrics"} <= names
            or "run_uuid" not in self.columns["runs"]
        ):
            self.engine.dispose()
            raise InvalidInputError(
                f"{self.label} is not a database of MLflow",
                why="it lacks MLflow's tables",
                fix="give the --backend-store-uri that `mlflow server` runs with",
            )

    def has(self, name: str) -> bool:
        """Tell whether there is a table."""
        return name in self.columns

    def select(self, name: str, *wanted: str) -> sa.Select[Any]:
        """Return a SELECT of columns by their names; those that are missing are NULL."""
        known = self.columns[name]
        chosen: list[Any] = [sa.column(c) if c in known else sa.null().label(c) for c in wanted]
        query: sa.Select[Any] = sa.select(*chosen)
        return query.select_from(sa.table(name))

    def rows(self, query: sa.Select[Any], **given: Any) -> Sequence[Row[Any]]:
        """Run a query in a transaction of its own, so that a live MLflow is not held up."""
        with self.engine.connect() as connection:
            return connection.execute(query, given).all()

    def rows_for(
        self, name: str, key: str, values: Sequence[Any], *wanted: str
    ) -> Iterator[Row[Any]]:
        """Yield the rows of a table whose `key` is among some values; none if it is missing."""
        if not self.has(name):
            return
        listed: sa.BindParameter[Any] = sa.bindparam("listed", expanding=True)
        query = self.select(name, *wanted).where(sa.column(key).in_(listed))
        for start in range(0, len(values), CHUNK):
            yield from self.rows(query, listed=list(values[start : start + CHUNK]))

    def count(self, name: str, where: sa.ColumnElement[bool] | None = None) -> int:
        """Return how many rows a table has; 0 if it is missing."""
        if not self.has(name):
            return 0
        query = sa.select(sa.func.count()).select_from(sa.table(name))
        return int(self.rows(query if where is None else query.where(where))[0][0])

    def connect(self) -> Connection:
        """Open a connection, for reading that does not fit in memory."""
        return self.engine.connect()

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _engine(url: str, writable: bool) -> Engine:
    parsed = sa.engine.make_url(url)
    kind = parsed.drivername.split("+")[0]
    if kind == "sqlite":
        file = Path(parsed.database or "").absolute()
        if not file.is_file():
            raise NotFoundError(f"there is no database {str(file)!r}")
        return _sqlite(file, "rw" if writable else "ro")
    if kind not in ("postgresql", "postgres"):
        raise InvalidInputError(
            f"a database of the kind {kind!r} cannot be read",
            why="SQLite and PostgreSQL can",
            fix="start `mlflow server` on it and give its http:// address",
        )
    require("psycopg", extra="postgres", feature="a PostgreSQL store")
    guard = {} if writable else {"options": "-c default_transaction_read_only=on"}
    return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), connect_args=guard)


def _sqlite(file: Path, mode: str) -> Engine:
    import sqlite3

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            f"{file.as_uri()}?mode={mode}", uri=True, timeout=30, check_same_thread=False
        )

    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.QueuePool)
