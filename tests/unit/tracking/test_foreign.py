"""A database that is not ours is refused with one sentence, and left as it was."""

import sqlite3
from pathlib import Path

import pytest

from dovetail.base.errors import ConflictError
from dovetail.base.sql import Database
from dovetail.tracking.piece import piece
from dovetail.tracking.store.foreign import refuse_mlflow
from dovetail.tracking.store.schema import metadata
from dovetail.web.testing import run_piece

TABLE = "CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250))"


def test_a_sqlite_store_of_mlflow_is_refused_and_untouched(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    with sqlite3.connect(file) as connection:
        connection.execute(TABLE)
    before = file.read_bytes()
    url = f"sqlite:///{file}"
    with (
        pytest.raises(ConflictError) as refused,
        run_piece(piece, state=tmp_path / "state", database=url),
    ):
        pass
    said = str(refused.value)
    assert f"the database {url} is a store of MLflow, not of Dovetail" in said
    assert f"bring it over with `dovetail tracking import --from {url}`" in said
    assert file.read_bytes() == before


def test_a_postgresql_store_of_mlflow_is_refused_until_ours_is_beside_it(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        connection.execute(TABLE)
    with pytest.raises(ConflictError, match="is a store of MLflow"):
        refuse_mlflow(postgres_url)
    Database(postgres_url, metadata, name="tracking").close()
    refuse_mlflow(postgres_url)


def test_our_own_store_and_what_cannot_be_read_pass(database_url: str, tmp_path: Path) -> None:
    Database(database_url, metadata, name="tracking").close()
    (tmp_path / "text").write_text("no database at all, but some text")
    urls = (database_url, "sqlite:///absent.db", f"sqlite:///{tmp_path / 'text'}", "sqlite://")
    for url in (*urls, "postgresql://nobody@127.0.0.1:1/x", "mysql://h/x", "no url"):
        refuse_mlflow(url)
