"""What was acknowledged is kept: after kill -9, on both databases, through forgetting."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from dovetail.base.clock import ManualClock
from dovetail.features.catalog import Definitions
from dovetail.features.errors import RowsError
from dovetail.features.moments import moment_us, span_us
from dovetail.features.online.engine import Engine
from dovetail.features.store import Store

START = datetime(2013, 4, 1, tzinfo=UTC)


def departures(hours: range) -> dict[str, list[object]]:
    times = [(START + timedelta(hours=h, minutes=30)).isoformat() for h in hours]
    return {
        "flight": [f"UA{h}" for h in hours],
        "origin": ["JFK"] * len(hours),
        "carrier": ["UA"] * len(hours),
        "tailnum": ["N1"] * len(hours),
        "left": times,
        "reported": times,
        "delay": list(hours),
    }


def opened(url: str, definitions: Definitions, keep: str = "7d") -> Engine:
    clock = ManualClock(START + timedelta(days=60))
    engine = Engine(definitions, Store(url), clock, span_us(keep))
    engine.load()
    return engine


def asked(engine: Engine, hour: int) -> tuple[object, ...]:
    at = moment_us(START + timedelta(hours=hour))
    (traffic,) = engine.rows("traffic", ["JFK"], at)
    (last,) = engine.rows("last", ["N1"], at)
    return traffic.values[1], traffic.values[4], last.values[0]


def test_both_databases_keep_and_count_once(database_url: str, definitions: Definitions) -> None:
    engine = opened(database_url, definitions)
    assert engine.push("departures", departures(range(0, 6))).result() == 6
    assert engine.push("departures", departures(range(3, 9))).result() == 3
    assert engine.push("departures", departures(range(0, 9))).result() == 0
    expected = [asked(engine, hour) for hour in range(12)]
    assert expected[9] == (3, 21.0, 8)
    before = engine.freshness()["departures"]
    assert (before.rows, before.repeats) == (9, 12)
    engine.close()
    again = opened(database_url, definitions)
    assert [asked(again, hour) for hour in range(12)] == expected
    assert again.freshness()["departures"] == before
    again.close()


def test_what_is_forgotten_is_not_guessed(tmp_path: Path, definitions: Definitions) -> None:
    url = f"sqlite:///{tmp_path / 'f.db'}"
    engine = opened(url, definitions, keep="2d")
    hours = 24 * 20
    engine.push("departures", departures(range(hours))).result()
    kept = [hour for hour in range(hours - 46, hours + 2)]
    expected = [asked(engine, hour) for hour in kept]
    engine.forget_old()
    assert [asked(engine, hour) for hour in kept] == expected
    with pytest.raises(RowsError, match="cannot be asked as of 2013-04-02"):
        asked(engine, 30)
    assert engine.push("departures", departures(range(hours))).result() > 0
    assert [asked(engine, hour) for hour in kept] == expected
    engine.close()
    again = opened(url, definitions, keep="2d")
    assert [asked(again, hour) for hour in kept] == expected
    again.close()


def test_a_view_defined_later_counts_what_came_before(tmp_path: Path) -> None:
    from dovetail.features import Count, Entity, PushSource, WindowView, collect

    source = PushSource("departures", event_time="left", id="flight")

    def view(name: str, key: str) -> WindowView:
        return WindowView(
            name, entities=[Entity(key)], source=source, windows=["3h"], aggregations=[Count()]
        )

    url = f"sqlite:///{tmp_path / 'f.db'}"
    engine = opened(url, collect([view("by_origin", "origin")]))
    engine.push("departures", departures(range(3))).result()
    engine.close()
    again = opened(url, collect([view("by_origin", "origin"), view("by_carrier", "carrier")]))
    at = moment_us(START + timedelta(hours=3))
    assert again.rows("by_carrier", ["UA"], at)[0].values == (3,)
    again.close()


def test_killed_at_any_moment_nothing_acknowledged_is_lost_or_doubled(
    tmp_path: Path, definitions_file: Path, definitions: Definitions, free_port
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "dovetail.cli", "features", "run", str(definitions_file)]
    command += ["--port", str(port), "--state", str(tmp_path / "state")]
    acknowledged = 0
    for stop_after in (2, 3):
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert server.stderr is not None
        server.stderr.readline()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            for _ in range(stop_after):
                hours = range(max(0, acknowledged - 2), acknowledged + 2)
                body = {"push_source_name": "departures", "df": departures(hours)}
                assert client.post("/push", json=body).status_code == 200
                acknowledged += 2
        server.kill()
        server.wait()
        server.stderr.close()
    url = f"sqlite:///{tmp_path / 'state' / 'features.db'}"
    engine = opened(url, definitions)
    assert (
        engine.rows("traffic", ["JFK"], moment_us(START + timedelta(hours=20)))[0].values[2] == 10
    )
    engine.close()


def test_two_servers_on_one_database_count_an_event_once(
    postgres_url: str, definitions: Definitions
) -> None:
    engines = [opened(postgres_url, definitions) for _ in range(2)]
    new: list[int] = []

    def push(engine: Engine) -> None:
        for first in range(0, 20, 4):
            new.append(engine.push("departures", departures(range(first, first + 8))).result())

    threads = [threading.Thread(target=push, args=(engine,)) for engine in engines * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(new) == 24
    for engine in engines:
        engine.close()
    again = opened(postgres_url, definitions)
    at = moment_us(START + timedelta(hours=24))
    assert again.rows("traffic", ["JFK"], at)[0].values[2] == 24
    again.close()


def test_a_store_of_an_earlier_version_is_brought_up_to_date(
    database_url: str, definitions: Definitions
) -> None:
    import sqlalchemy as sa

    from dovetail.base.sql import Database

    engine = opened(database_url, definitions)
    engine.push("departures", departures(range(0, 6))).result()
    expected = asked(engine, 9)
    engine.close()
    early = Database(database_url, sa.MetaData(), name="earlier")
    schema = "features." if early.dialect == "postgresql" else ""

    def undo(connection: sa.Connection) -> None:
        for table in ("progress", "intents"):
            connection.execute(sa.text(f"DROP TABLE {schema}{table}"))
        update = f"UPDATE {schema}schema_revisions SET revision = 0 WHERE name = 'features'"
        connection.execute(sa.text(update))

    early.write(undo)
    early.close()
    again = opened(database_url, definitions)
    assert (asked(again, 9), dict(again.progress()), again.intents()) == (expected, {}, [])
    again.close()
