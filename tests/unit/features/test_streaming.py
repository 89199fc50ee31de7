"""Training sets from file to file: the rows of `training_set`, whole or not at all."""

import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from dovetail.features import (
    Count,
    CountDistinct,
    Definitions,
    Entity,
    FeatureService,
    Last,
    LatestView,
    Max,
    Mean,
    OnDemandView,
    ParquetSource,
    Std,
    Sum,
    WindowView,
    collect,
    training_set,
    write_training_set,
)
from dovetail.features.cli import commands
from dovetail.features.errors import DefinitionError, RowsError

START = datetime(2013, 4, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = ["JFK", "EWR", "ZZZ"]


@pytest.fixture
def world(tmp_path: Path) -> Definitions:
    """Events that are told twice, late and before they happen, and states without end."""
    dice = random.Random(3)
    events = []
    for number in range(400):
        left = START + HOUR * dice.uniform(0, 200)
        for _ in range(dice.choice([1, 1, 2])):
            events.append(
                {
                    "origin": dice.choice(["JFK", "EWR", "LGA", None]),
                    "flight": number,
                    "left": left + HOUR * dice.choice([0, 0, 30]),
                    "told": left + HOUR * dice.choice([-1, 0, 5, 60]),
                    "delay": dice.choice([None, dice.randrange(90)]),
                }
            )
    dice.shuffle(events)
    pl.DataFrame(events).write_parquet(tmp_path / "departures.parquet")
    times = [START + HOUR * dice.uniform(-300, 250) for _ in range(300)]
    pl.DataFrame(
        {"origin": [dice.choice(["JFK", "EWR"]) for _ in times], "at": times, "temp": range(300)}
    ).write_parquet(tmp_path / "weather.parquet")
    origin = Entity("origin")
    departures = ParquetSource(
        "departures", path="departures.parquet", event_time="left", known_at="told", id="flight"
    )
    weather = ParquetSource("weather", path="weather.parquet", event_time="at")
    sky = LatestView("sky", entities=[origin], source=weather, features=["temp"], ttl="9h")
    last = LatestView("last", entities=[origin], source=departures, features=["delay"], ttl="20h")
    traffic = WindowView(
        "traffic", entities=[origin], source=departures, tile="1h", windows=["3h", "24h"],
        aggregations=[
            Count(), Sum("delay"), Mean("delay"), Std("delay"), Max("delay"), Last("delay"),
            CountDistinct("delay", limit=50),
        ],
    )  # fmt: skip
    recent = WindowView(
        "recent", entities=[origin], source=departures, windows=["last 3"],
        aggregations=[Mean("delay")],
    )  # fmt: skip
    warm = OnDemandView(
        "warm", inputs=[sky[["temp"]]], request={"seats": int},
        features={"heat": "temp * seats"},
    )  # fmt: skip
    service = FeatureService("s", [sky, last, traffic, recent, warm])
    return collect([service], root=tmp_path)


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    dice = random.Random(5)
    rows = [
        (dice.choice(["JFK", "EWR", "ZZZ", None]), START + HOUR * dice.uniform(90, 150), n)
        for n in range(60)
    ]
    kinds = {"origin": pl.String, "asked_at": pl.Datetime("us", "UTC"), "seats": pl.Int64}
    frame = pl.DataFrame([*rows, ("JFK", None, 1), rows[0]], schema=kinds, orient="row")
    frame.write_parquet(tmp_path / "asked.parquet", row_group_size=10)
    return tmp_path / "asked.parquet"


@pytest.mark.parametrize(
    ("engine", "rows"),
    [("polars", 1), ("polars", 7), ("polars", 1000), ("duckdb", 25), ("duckdb", 1000)],
)
def test_the_rows_are_those_of_a_training_set(
    world: Definitions, asked: Path, tmp_path: Path, rows: int, engine: str
) -> None:
    out = tmp_path / "out.parquet"
    done = write_training_set(asked, "s", world, out, engine=engine, rows=rows)
    got = pl.read_parquet(out)
    assert done == got.shape
    assert_frame_equal(got, training_set(pl.read_parquet(asked), "s", world))
    assert got["count_24h"].max()
    assert got["delay_mean_last_3"].null_count() < got.height


def test_what_no_question_can_reach_changes_nothing(world: Definitions, asked: Path) -> None:
    """A question alone is read with fewer rows of the sources than among others."""
    questions = pl.read_parquet(asked)
    alone = [training_set(questions[at], "s", world) for at in range(questions.height)]
    assert_frame_equal(pl.concat(alone), training_set(questions, "s", world))


def test_columns_of_every_kind_pass_through(
    world: Definitions, asked: Path, tmp_path: Path
) -> None:
    day = pl.col("asked_at").dt.date()
    questions = pl.read_parquet(asked).with_columns(
        kind=pl.col("origin").cast(pl.Categorical), rank=pl.col("origin").cast(pl.Enum(KEYS)),
        day=day, ids=pl.concat_list("seats"), price=pl.col("seats").cast(pl.Decimal(10, 2)),
        both=pl.struct("seats", "origin"), none=None, raw=pl.lit(b"x"),
    )  # fmt: skip
    questions.write_parquet(asked)
    write_training_set(asked, "s", world, tmp_path / "out.parquet", rows=7)
    got = pl.read_parquet(tmp_path / "out.parquet")
    assert_frame_equal(got, training_set(pl.read_parquet(asked), "s", world))


def test_no_questions_make_a_file_of_no_rows(
    world: Definitions, asked: Path, tmp_path: Path
) -> None:
    pl.read_parquet(asked).clear().write_parquet(asked)
    write_training_set(asked, "s", world, tmp_path / "out.parquet")
    got = pl.read_parquet(tmp_path / "out.parquet")
    assert_frame_equal(got, training_set(pl.read_parquet(asked), "s", world))


def test_an_error_leaves_what_was_there(world: Definitions, asked: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    out.write_text("before")
    there = sorted(tmp_path.iterdir())
    with pytest.raises(RowsError, match="lack the columns"):
        write_training_set(asked, "s", world, out, asked="absent")
    with pytest.raises(RowsError, match="cannot be written"):
        write_training_set(asked, "s", world, tmp_path / "absent" / "out.parquet")
    with pytest.raises(DefinitionError, match="no engine"):
        write_training_set(asked, "s", world, out, engine="absent")
    pieces = tmp_path / "bad.csv"
    lines = [f"JFK,2013-04-05T00:00:00Z,{n}\n" for n in range(2000)]
    pieces.write_text("origin,asked_at,seats\n" + "".join(lines) + "JFK,2013-04-05T00:00:00Z,x\n")
    with pytest.raises(RowsError, match="cannot be read"):
        write_training_set(pieces, "s", world, out, rows=10)
    assert out.read_text() == "before"
    assert sorted(tmp_path.iterdir()) == sorted([*there, pieces])


def test_a_kill_leaves_nothing_behind(world: Definitions, asked: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    code = (
        "import os, signal, sys\n"
        "from dovetail.features import streaming\n"
        "with streaming._appearing(streaming.Path(sys.argv[1])) as file:\n"
        "    file.write(b'x' * 100_000)\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", code, str(folder / "out.parquet")]
    assert subprocess.run(command, env=os.environ).returncode == -signal.SIGKILL
    assert list(folder.iterdir()) == []


def test_the_command_takes_csv(world: Definitions, asked: Path, tmp_path: Path) -> None:
    pl.read_parquet(asked).write_csv(tmp_path / "asked.csv")
    (tmp_path / "d.py").write_text(
        "from dovetail.features import *\n"
        "weather = ParquetSource('weather', path='weather.parquet', event_time='at')\n"
        "sky = LatestView('sky', entities=[Entity('origin')], source=weather, features=['temp'])\n"
        "s = FeatureService('s', [sky])\n"
    )
    out = tmp_path / "out.parquet"
    line = ["join", str(tmp_path / "d.py"), str(tmp_path / "asked.csv"), "--service", "s"]
    done = CliRunner().invoke(commands, [*line, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "62 rows, 4 columns" in done.stderr
    assert pl.read_parquet(out).height == 62
