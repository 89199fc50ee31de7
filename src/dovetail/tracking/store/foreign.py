"""Recognise a database that MLflow made, before anything is written to it.

MLflow's tables have the names of ours and other columns. Opened as a store of ours, such a database
would get half of our tables and answer every second call with an error.
"""

import sqlite3
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from dovetail.base.errors import ConflictError

__all__ = ["refuse_mlflow"]

# Before 1.0 a run's id was its "UUID"; MLflow's table still calls it so.
_IN_SQLITE = "SELECT 1 FROM pragma_table_info('runs') WHERE name = 'run_uuid'"
_IN_POSTGRES = """
    SELECT 1 FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = 'runs' AND column_name = 'run_uuid'
    AND NOT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = 'tracking')
"""


def refuse_mlflow(url: str) -> None:
    """Refuse a database URL that names a store of MLflow.

    On PostgreSQL our tables have a schema of their own, so a database that both use already is
    fine; one that only MLflow uses is refused, because the server would come up empty.

    Args:
        url: what the server was told to open. What cannot be read is left for the store to report.

    Raises:
        ConflictError: it is MLflow's.
    """
    try:
        parsed = sa.engine.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return
    look = {"sqlite": _in_sqlite, "postgresql": _in_postgres, "postgres": _in_postgres}
    if not look.get(parsed.drivername.partition("+")[0], _nowhere)(parsed):
        return
    shown = parsed.render_as_string(hide_password=True)
    raise ConflictError(
        f"the database {shown} is a store of MLflow, not of Dovetail",
        why="it holds MLflow's own tables, which are left as they are",
        fix=f"bring it over with `dovetail tracking import --from {shown}`, and give --db a "
        "database of its own",
    )


def _nowhere(url: sa.engine.URL) -> bool:
    return False


def _in_sqlite(url: sa.engine.URL) -> bool:
    path = url.database
    if not path or not Path(path).is_file():
        return False
    try:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)
    except sqlite3.Error:
        return False
    try:
        return connection.execute(_IN_SQLITE).fetchone() is not None
    except sqlite3.Error:
        return False
    finally:
        connection.close()


def _in_postgres(url: sa.engine.URL) -> bool:
    from dovetail.base.extras import require

    require("psycopg", extra="postgres", feature="a PostgreSQL store")
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            return connection.scalar(sa.text(_IN_POSTGRES)) is not None
    except sa.exc.OperationalError:
        return False
    finally:
        engine.dispose()
