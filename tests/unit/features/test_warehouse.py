"""The SQL of a warehouse: run by PostgreSQL and DuckDB, read in the other dialects."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
import sqlglot
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from dovetail.features import load, training_set
from dovetail.features.cli import commands
from dovetail.features.errors import DefinitionError

T = datetime(2024, 3, 6, 12, tzinfo=UTC)
H = timedelta(hours=1)
STAMP = pl.Datetime("us", "UTC")
DEFINITIONS = """
from datetime import datetime
from dovetail.features import (
    Count, CountDistinct, Entity, FeatureService, First, Last, LatestView, Max, Mean, Min,
    OnDemandView, PushSource, Ratio, Share, StaticView, Std, Sum, WindowView,
)

origin = Entity("origin")
weather = PushSource(
    "weather", event_time="hour", known_at="told", where="visib > 0",
    derive={"told": "greatest(hour, published) + interval '1 minute'"},
)
departures = PushSource(
    "departures", event_time="left", known_at="reported", id="flight",
    derive={"late": "delay > 15", "hours": "round(delay / 60, 2)", "weekday": "weekday(left)"},
)
sky = LatestView("sky", entities=[origin], source=weather, features=["temp", "hour"], ttl="3h")
traffic = WindowView(
    "traffic", entities=[origin], source=departures, tile="1h", windows=["2h", "24h", "last 2"],
    aggregations=[
        Count(), Sum("delay"), Mean("delay"), Share("late"), Std("delay"), Min("hours"),
        Max("delay"), First("carrier"), Last("delay", where="late"), CountDistinct("carrier"),
        Ratio(Sum("hours"), Count(where="carrier like 'U%'"), name="per_ua"),
    ],
)
days = WindowView(
    "days", entities=[], source=departures, tile="12h", windows=["1d"], kind="tumbling",
    aggregations=[Count(name="flights"), CountDistinct("carrier", name="carriers")],
)
trip = OnDemandView(
    "trip", inputs=[sky], request={"miles": float, "asked_at": datetime},
    features={"age": "seconds_between(hour, asked_at) / 60", "effort": "miles / nullif(temp, 0)"},
)
wide = FeatureService("wide", [sky, traffic, days, trip])
"""


def world() -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    departures = pl.DataFrame(
        [
            (
                i % 55, ["JFK", "EWR", None][i % 3], ["UA", "AA", "B6"][i % 7 % 3],
                T - (i * 37) * H / 60, T + ((i * 53) % 90 - i * 37) * H / 60,
                [5.0, None, 99.25, -3.5][i % 4],
            )
            for i in range(60)
        ],
        schema={
            "flight": pl.Int64, "origin": pl.String, "carrier": pl.String, "left": STAMP,
            "reported": STAMP, "delay": pl.Float64,
        },
        orient="row",
    ).filter(pl.col("reported") >= pl.col("left"))  # fmt: skip
    weather = pl.DataFrame(
        [
            (["JFK", "EWR"][i % 2], T - i * H, T - (i - i % 3) * H, [40.5, None, 0.0][i % 3], i % 4)
            for i in range(40)
        ],
        schema={
            "origin": pl.String, "hour": STAMP, "published": STAMP, "temp": pl.Float64,
            "visib": pl.Int64,
        },
        orient="row",
    )  # fmt: skip
    questions = pl.DataFrame(
        [(n, ["JFK", "EWR", "LGA", None][n % 4], T - n * 17 * H / 30, n * 3.5) for n in range(40)],
        schema={"n": pl.Int64, "origin": pl.String, "asked_at": STAMP, "miles": pl.Float64},
        orient="row",
    )
    return {"departures": departures.unique("flight"), "weather": weather}, questions


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "features.py"
    path.write_text(DEFINITIONS)
    return path


def printed(file: Path, dialect: str) -> str:
    asked = ["sql", str(file), "wide", "--dialect", dialect, "--questions", "questions"]
    done = CliRunner().invoke(commands, [*asked, "--keep", "n"])
    assert done.exit_code == 0, done.output
    return done.output


def test_postgres_answers_as_polars_does(file: Path, postgres_server: str) -> None:
    frames, questions = world()
    engine = sa.create_engine(postgres_server.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sa.text("SET TIME ZONE 'America/New_York'"))
        for name, frame in {**frames, "questions": questions}.items():
            table(name, frame).create(connection)
            connection.execute(sa.insert(table(name, frame)), frame.to_dicts())
        rows = connection.exec_driver_sql(printed(file, "postgres").replace("%", "%%")).mappings()
        found = sorted((dict(row) for row in rows), key=lambda row: row["n"])
    engine.dispose()
    expected = training_set(questions, "wide", load(file), frames=frames)
    for row, wanted in zip(found, expected.iter_rows(named=True), strict=True):
        for name in set(wanted) - {"miles"}:
            assert same(row[name], wanted[name]), (name, row[name], wanted[name], wanted["n"])


def table(name: str, frame: pl.DataFrame) -> sa.Table:
    kinds = {
        pl.Int64: sa.BigInteger(), pl.Float64: sa.Double(), pl.String: sa.Text(),
        STAMP: sa.DateTime(timezone=True),
    }  # fmt: skip
    columns = (sa.Column(c, kinds[k]) for c, k in frame.schema.items())
    return sa.Table(name, sa.MetaData(), *columns)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == pytest.approx(b, rel=1e-12)
    return bool(a == b)


def test_duckdb_answers_as_polars_does(file: Path) -> None:
    frames, questions = world()
    one = training_set(questions, "wide", load(file), frames=frames)
    other = training_set(questions, "wide", load(file), frames=frames, engine="duckdb")
    assert_frame_equal(one, other, rel_tol=1e-12)


@pytest.mark.parametrize("dialect", ["postgres", "snowflake", "bigquery", "spark", "duckdb"])
def test_every_dialect_can_be_read(file: Path, dialect: str) -> None:
    tree = sqlglot.parse_one(printed(file, dialect), dialect=dialect)
    assert len(tree.selects) == 4 + 2 + 33 + 2 + 2 - 1


def test_a_function_of_python_is_no_sql(tmp_path: Path) -> None:
    file = tmp_path / "features.py"
    file.write_text(
        "from dovetail.features import FeatureService, OnDemandView\n"
        'view = OnDemandView("v", request={"a": int}, features=["x"], compute=dict)\n'
        'wide = FeatureService("wide", [view])\n'
    )
    done = CliRunner().invoke(
        commands, ["sql", str(file), "wide", "--dialect", "spark", "--questions", "q"]
    )
    assert isinstance(done.exception, DefinitionError)
    assert "'x' of 'v' is computed by a function of Python" in str(done.exception)
