"""Sources in databases: PostgreSQL, SQLite and DuckDB, with secrets from the environment."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from dovetail.features import Entity, LatestView, SqlSource, collect, training_set
from dovetail.features.errors import DefinitionError, SourceNotFoundError

T = datetime(2024, 3, 6, 12, tzinfo=UTC)
ROWS = [("JFK", T - timedelta(hours=1), 40.5), ("JFK", T + timedelta(hours=1), 99.0)]


def temperature(url: str, path: str, root: Path) -> list[float | None]:
    source = SqlSource("weather", url=url, path=path, event_time="hour")
    sky = LatestView("sky", entities=[Entity("origin")], source=source, features=["temp"])
    asked = pl.DataFrame({"origin": ["JFK", "LGA"], "asked_at": [T, T]})
    return training_set(asked, ["sky:temp"], collect([sky], root=root))["temp"].to_list()


def test_sqlite(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/w.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table weather (origin text, hour text, temp real)")
        for origin, hour, temp in ROWS:
            connection.exec_driver_sql(
                "insert into weather values (?, ?, ?)", (origin, hour.isoformat(), temp)
            )
    engine.dispose()
    assert temperature("sqlite:///w.db", "weather", tmp_path) == [40.5, None]
    with pytest.raises(SourceNotFoundError, match="no such table"):
        temperature("sqlite:///w.db", "absent", tmp_path)


def test_duckdb(tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(tmp_path / "w.duckdb")) as database:
        database.execute("create table weather (origin text, hour timestamptz, temp double)")
        database.executemany("insert into weather values (?, ?, ?)", ROWS)
    assert temperature("duckdb:///w.duckdb", "weather", tmp_path) == [40.5, None]


def test_postgres_with_its_url_in_the_environment(
    tmp_path: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sa.create_engine(postgres_server.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql("create schema met")
        connection.exec_driver_sql(
            "create table met.weather (origin text, hour timestamptz, temp double precision)"
        )
        connection.exec_driver_sql("insert into met.weather values (%s, %s, %s)", ROWS)
    engine.dispose()
    with pytest.raises(SourceNotFoundError, match="needs the environment variable MET_URL"):
        temperature("${MET_URL}", "met.weather", tmp_path)
    monkeypatch.setenv("MET_URL", postgres_server)
    assert temperature("${MET_URL}", "met.weather", tmp_path) == [40.5, None]
    chosen = "select origin, hour, temp + 1 as temp from met.weather"
    assert temperature("${MET_URL}", chosen, tmp_path) == [41.5, None]


def test_a_password_does_not_stand_in_a_file() -> None:
    with pytest.raises(DefinitionError, match="holds a password"):
        SqlSource("w", url="postgresql://me:secret@host/db", path="t")
    assert SqlSource("w", url="postgresql://me:${PASSWORD}@host/db", path="t").url
