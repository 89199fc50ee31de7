"""Two servers over one Redis or PostgreSQL behave as one, and a store that is lost is said so."""

import json
import random
import runpy
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from dovetail.base.clock import ManualClock
from dovetail.features import Count, DeltaSource, Entity, Std, Sum, WindowView, collect
from dovetail.features.catalog import Definitions, load
from dovetail.features.errors import StoreLostError
from dovetail.features.materialize import Materializer
from dovetail.features.moments import moment_us, span_us
from dovetail.features.online.packing import view_prefix
from dovetail.features.online.postgres_states import PostgresStates
from dovetail.features.online.redis_states import RedisStates
from dovetail.features.online.shared import SharedEngine
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.testing.features import check_feature_store
from dovetail.web.testing import RunningApp, run_piece

START = datetime(2013, 4, 1, tzinfo=UTC)
STAMP = pl.Datetime("us", "UTC")


@pytest.fixture(params=["redis", "postgresql"])
def online(request: pytest.FixtureRequest) -> str:
    """The URL of a shared store that holds nothing."""
    if request.param == "redis":
        return str(request.getfixturevalue("redis_server").url)
    return str(request.getfixturevalue("postgres_url"))


def serve(stack: ExitStack, definitions: Path, online: str, state: Path) -> RunningApp:
    settings = FeatureSettings(definitions=str(definitions), online=online, keep="90d")
    clock = ManualClock(START + timedelta(days=9))
    return stack.enter_context(run_piece(piece, settings, state=state, clock=clock))


@pytest.fixture
def servers(online: str, definitions_file: Path, tmp_path: Path) -> Iterator[list[RunningApp]]:
    """Two servers that share a store."""
    with ExitStack() as stack:
        yield [serve(stack, definitions_file, online, tmp_path / f"s{n}") for n in range(2)]


def departures(numbers: range, minute: int = 30) -> dict[str, list[Any]]:
    at = [(START + timedelta(hours=n, minutes=minute)).isoformat() for n in numbers]
    return {
        "flight": [f"UA{n}" for n in numbers],
        "origin": ["JFK" if n % 2 else "EWR" for n in numbers],
        "carrier": ["UA"] * len(numbers),
        "tailnum": ["N1"] * len(numbers),
        "left": at,
        "reported": at,
        "delay": list(numbers),
    }


def push(server: RunningApp, columns: dict[str, list[Any]]) -> httpx.Response:
    body = {"push_source_name": "departures", "df": columns}
    return httpx.post(server.url + "/push", json=body, timeout=30)


def ask(server: RunningApp, hour: int = 12) -> httpx.Response:
    body = {
        "features": ["traffic:count_24h", "traffic:delay_sum_24h", "last:delay"],
        "entities": {"origin": ["JFK", "EWR"], "tailnum": ["N1", "N1"]},
        "as_of": (START + timedelta(hours=hour)).isoformat(),
    }
    return httpx.post(server.url + "/get-online-features", json=body, timeout=30)


def found(server: RunningApp, hour: int = 12) -> list[list[Any]]:
    answer = ask(server, hour)
    assert answer.status_code == 200, answer.text
    return [column["values"] for column in answer.json()["results"][2:]]


def frames() -> dict[str, pl.DataFrame]:
    """A history with late, repeated and future rows."""
    dice, rows = random.Random(7), []
    for number in range(40):
        left = START + timedelta(minutes=dice.randrange(3 * 24 * 60))
        told = left + timedelta(minutes=dice.choice([0, 1, 60, 400, 2000]))
        origin = dice.choice(["JFK", "EWR", None])
        rows.append((number, origin, "UA", dice.choice(["N1", "N2"]), left, told, dice.random()))
    rows += rows[:5]
    schema = {
        "flight": pl.Int64, "origin": pl.String, "carrier": pl.String, "tailnum": pl.String,
        "left": STAMP, "reported": STAMP, "delay": pl.Float64,
    }  # fmt: skip
    weather = pl.DataFrame(
        [("JFK", START, START, 40.1, 3), ("JFK", START, START, None, 4)],
        schema={"origin": pl.String, "hour": STAMP, "published": STAMP, "temp": pl.Float64,
                "visib": pl.Int64},
        orient="row",
    )  # fmt: skip
    planes = pl.DataFrame(
        [("N1", START, 200)],
        schema={"tailnum": pl.String, "built": STAMP, "seats": pl.Int64},
        orient="row",
    )
    return {
        "departures": pl.DataFrame(rows, schema=schema, orient="row"),
        "weather": weather,
        "planes": planes,
    }


def test_the_laws_of_a_feature_store_hold(
    servers: list[RunningApp], definitions: Definitions
) -> None:
    moments = [START + timedelta(hours=h) for h in (0, 1, 30, 49, 100)]
    asked = pl.DataFrame(
        {
            "origin": ["JFK", "EWR", "JFK", None, "JFK"],
            "carrier": ["UA"] * 5,
            "tailnum": ["N1", "N2", "N1", "N1", "ZZ"],
            "asked_at": moments,
        },
        schema_overrides={"asked_at": STAMP},
    )
    check_feature_store(servers[0].url, definitions, "flights", frames(), asked)


def test_every_figure_is_the_same_in_a_shared_store(online: str, tmp_path: Path) -> None:
    file = tmp_path / "wide.py"
    file.write_text(runpy.run_path(str(Path(__file__).with_name("test_laws.py")))["WIDE"])
    moments = [START + timedelta(hours=h) for h in (0, 7, 30, 49, 100)]
    asked = pl.DataFrame(
        {
            "origin": ["JFK", "EWR", "JFK", None, "JFK"],
            "carrier": ["UA"] * 5,
            "tailnum": ["N1", "N2", "N1", "N1", "ZZ"],
            "asked_at": moments,
        },
        schema_overrides={"asked_at": STAMP},
    )
    with ExitStack() as stack:
        server = serve(stack, file, online, tmp_path / "s")
        check_feature_store(server.url, load(file), "wide", frames(), asked)


def test_what_one_server_takes_in_the_other_answers(servers: list[RunningApp]) -> None:
    assert push(servers[0], departures(range(6))).status_code == 200
    assert found(servers[1]) == [[3, 3], [9.0, 6.0], [5, 5]]
    assert push(servers[1], departures(range(3, 9))).status_code == 200
    assert push(servers[0], departures(range(9))).status_code == 200
    assert found(servers[0]) == found(servers[1]) == [[4, 5], [16.0, 20.0], [8, 8]]


def test_servers_that_write_at_once_lose_and_double_nothing(servers: list[RunningApp]) -> None:
    failed: list[str] = []

    def work(server: RunningApp, start: int) -> None:
        for first in range(start, 12, 2):  # every event is told to both
            for _ in range(3):
                answer = push(server, departures(range(12)[first % 12 :]))
                if answer.status_code != 200:
                    failed.append(answer.text)

    threads = [threading.Thread(target=work, args=(servers[n % 2], n // 2)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert found(servers[0], 20) == [[6, 6], [36.0, 30.0], [11, 11]]


def test_a_push_that_does_not_fit_leaves_nothing(servers: list[RunningApp]) -> None:
    columns = departures(range(4))
    columns["delay"][3] = "late"
    answer = push(servers[0], columns)
    assert answer.status_code == 422, answer.text
    assert found(servers[1]) == [[0, 0], [0.0, 0.0], [None, None]]


def test_tables_come_online_for_both(online: str, definitions_file: Path, tmp_path: Path) -> None:
    table = frames()["departures"]
    table.write_delta(tmp_path / "departures")
    with ExitStack() as stack:
        one, other = (serve(stack, definitions_file, online, tmp_path / f"s{n}") for n in range(2))
        body = {"end_ts": "2013-05-01T00:00:00Z", "feature_views": ["traffic", "last"]}
        done = httpx.post(one.url + "/materialize-incremental", json=body, timeout=60)
        assert done.status_code == 200, done.text
        assert found(one, 60) == found(other, 60)
        assert sum(found(other, 60)[0]) > 0
        lines = httpx.get(other.url + "/features.json").json()["brought"]
        assert {line["view"]: line["state"] for line in lines} == {
            "traffic": "done",
            "last": "done",
        }


def test_what_no_question_needs_is_forgotten(online: str, definitions: Definitions) -> None:
    states = RedisStates(online) if online.startswith("redis") else PostgresStates(online)
    engine = SharedEngine(
        definitions, states, ManualClock(START + timedelta(days=60)), span_us("2d")
    )
    engine.load()
    hours = 24 * 20
    engine.push(
        "departures", {**departures(range(1)), "flight": ["X"], "origin": ["gone"]}
    ).result()
    engine.push("departures", departures(range(hours))).result()
    assert engine.known()["traffic"] == 3

    def asked(hour: int) -> list[Any]:
        at = moment_us(START + timedelta(hours=hour))
        return engine.rows("traffic", ["JFK", "EWR"], at) + engine.rows("last", ["N1"], at)

    kept = range(hours - 46, hours + 2)
    expected = [asked(hour) for hour in kept]
    engine.forget_old()
    assert engine.known()["traffic"] == 2
    prefix = view_prefix(definitions.views["traffic"])
    names = {name for part in states.names(prefix) for name in part}
    assert names == {f'{prefix}"JFK"', f'{prefix}"EWR"'}
    assert [asked(hour) for hour in kept] == expected
    assert engine.push("departures", departures(range(hours))).result() > 0
    assert [asked(hour) for hour in kept] == expected
    with pytest.raises(ValueError, match="cannot be asked as of 2013-04-02"):
        asked(30)
    engine.close()


def test_an_old_event_told_again_is_not_twice_among_the_last(online: str) -> None:
    source = DeltaSource("departures", path="d", event_time="left", id="flight")
    view = WindowView(
        "recent", entities=[Entity("origin")], source=source, tile="1h",
        windows=["1h", "last 3"], aggregations=[Count(), Sum("delay"), Std("delay")],
    )  # fmt: skip
    definitions = collect([view])
    states = RedisStates(online) if online.startswith("redis") else PostgresStates(online)
    clock = ManualClock(START + timedelta(days=60))
    engine = SharedEngine(definitions, states, clock, span_us("1d"))
    engine.load()
    hours = [0, 1, 24 * 50]
    rows = {
        "flight": ["a", "b", "c"],
        "origin": ["JFK", "JFK", "EWR"],
        "left": [(START + timedelta(hours=h)).isoformat() for h in hours],
        "delay": [10, 20, 0],
    }
    engine.push("departures", rows).result()
    engine.forget_old()
    assert engine.push("departures", rows).result() == 0
    (row,) = engine.rows("recent", ["JFK"], moment_us(START + timedelta(days=50)))
    assert row.values == pytest.approx((0, 2, 0.0, 30.0, None, 50**0.5))
    engine.close()


@pytest.mark.parametrize("kind", ["Redis", "PostgreSQL"])
def test_a_store_that_is_lost_is_said_so_and_is_used_again_when_it_is_back(
    kind: str, request: pytest.FixtureRequest, definitions_file: Path, tmp_path: Path
) -> None:
    name = "redis_server" if kind == "Redis" else "postgres_alone"
    store: Any = request.getfixturevalue(name)
    url = store.url if kind == "Redis" else f"{store.url}/postgres"
    with ExitStack() as stack:
        server = serve(stack, definitions_file, url, tmp_path / "s")
        assert push(server, departures(range(6))).status_code == 200
        before = found(server)
        store.kill()
        for answer in (ask(server), push(server, departures(range(6, 9)))):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert f"{kind} does not answer" in answer.text
        store.start()
        assert found(server) == before
        assert push(server, departures(range(9))).status_code == 200
        assert found(server) == [[4, 5], [16.0, 20.0], [8, 8]]


@pytest.mark.parametrize("kind", ["redis", "postgresql"])
def test_a_store_that_is_lost_while_tables_come_online_is_gone_on_with(
    kind: str,
    request: pytest.FixtureRequest,
    definitions: Definitions,
    tmp_path: Path,
) -> None:
    store: Any = request.getfixturevalue("redis_server" if kind == "redis" else "postgres_alone")
    states = RedisStates(store.url) if kind == "redis" else PostgresStates(f"{store.url}/postgres")
    rows = [("JFK", START + timedelta(minutes=n), START, float(n), n) for n in range(2000)]
    rows += [(f"A{n}", START, START, float(n), n) for n in range(2000)]
    names = ["origin", "hour", "published", "temp", "visib"]
    pl.DataFrame(rows, schema=names, orient="row").write_delta(tmp_path / "weather")
    engine = SharedEngine(definitions, states, ManualClock(START + timedelta(days=9)), 10**14)
    engine.load()
    bring, pieces = engine.bring, []

    def watched(view: Any, batch: Any, progress: Any) -> None:
        pieces.append(progress.position)
        if len(pieces) == 5:
            store.kill()
        bring(view, batch, progress)

    engine.bring = watched  # type: ignore[method-assign]
    runner, end = Materializer(definitions, engine, 500), moment_us(START + timedelta(days=5))
    with pytest.raises(StoreLostError):
        runner.run(["sky"], 0, end)
    store.start()
    runner.run(["sky"], 0, end)
    assert pieces == [500, 1000, 1500, 2000, 2500, 2500, 3000, 3500, 4000]
    at = moment_us(START + timedelta(minutes=2100))
    (row,) = engine.rows("sky", ["JFK"], at)
    assert row.values == (1999.0, 1999)
    found = engine.rows("sky", [f"A{n}" for n in range(2000)], moment_us(START))
    assert [row.values for row in found] == [(float(n), n) for n in range(2000)]
    engine.close()


def test_a_server_starts_before_its_store(
    redis_server: Any, definitions_file: Path, tmp_path: Path
) -> None:
    redis_server.kill()
    with ExitStack() as stack:
        server = serve(stack, definitions_file, redis_server.url, tmp_path / "s")
        assert ask(server).status_code == 503
        redis_server.start()
        assert push(server, departures(range(2))).status_code == 200
        assert found(server)[0] == [1, 1]


def test_a_store_that_was_emptied_does_not_answer_that_there_was_nothing(
    redis_server: Any, definitions_file: Path, tmp_path: Path
) -> None:
    import redis

    with ExitStack() as stack:
        server = serve(stack, definitions_file, redis_server.url, tmp_path / "s")
        push(server, departures(range(6)))
        found(server)
        redis.Redis.from_url(redis_server.url).flushall()
        answer = ask(server)
        assert answer.status_code == 503
        assert "holds nothing any more" in answer.text
        assert push(server, departures(range(6))).status_code == 200
        assert found(server)[0] == [3, 3]


def test_a_store_of_unknown_kind_is_refused(definitions_file: Path, tmp_path: Path) -> None:
    from dovetail.base.errors import SettingsError

    with ExitStack() as stack, pytest.raises(SettingsError, match="'memcached' is no store"):
        serve(stack, definitions_file, "memcached://x", tmp_path / "s")


def test_answers_are_the_same_bytes_as_those_of_a_server_alone(
    servers: list[RunningApp], definitions_file: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        alone = serve(stack, definitions_file, "", tmp_path / "alone")
        for server in (alone, servers[0]):
            assert push(server, departures(range(7))).status_code == 200
        for hour in (0, 3, 7, 30):
            assert json.loads(ask(servers[1], hour).content) == json.loads(ask(alone, hour).content)
