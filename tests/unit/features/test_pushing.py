"""A push to a table and online is in both or in neither, whatever dies in between."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from dovetail.base.clock import ManualClock
from dovetail.features import catalog
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import RunningApp, run_piece

NOW = datetime(2024, 3, 2, tzinfo=UTC)
DEFINITIONS = """
from dovetail.features import Count, DeltaSource, Entity, LatestView, WindowView

k = Entity("k")
rows = DeltaSource("rows", path="rows", event_time="at", id="n")
latest = LatestView("latest", entities=[k], source=rows, features=["f"])
busy = WindowView("busy", entities=[k], source=rows, tile="1h", windows=["24h"],
    aggregations=[Count("f")])
"""
ROW = {"n": [1], "k": ["a"], "f": [1.5], "at": ["2024-03-01T12:00:00"]}


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    path = tmp_path / "features.py"
    path.write_text(DEFINITIONS)
    return path


@pytest.fixture
def server(tmp_path: Path, definitions: Path) -> Iterator[RunningApp]:
    with opened(tmp_path, definitions) as running:
        yield running


def opened(folder: Path, definitions: Path, online: str = "") -> Any:
    settings = FeatureSettings(definitions=str(definitions), online=online)
    return run_piece(piece, settings, state=folder / "s", clock=ManualClock(NOW))


def push(server: RunningApp, row: dict[str, Any]) -> httpx.Response:
    body = {"push_source_name": "rows", "df": row, "to": "online_and_offline"}
    return httpx.post(server.url + "/push", json=body, timeout=30)


def online(server: RunningApp) -> list[Any]:
    body = {"features": ["latest:f", "busy:f_count_24h"], "entities": {"k": ["a"]}}
    answer = httpx.post(server.url + "/get-online-features", json=body).json()
    return [column["values"][0] for column in answer["results"][1:]]


def table(folder: Path) -> list[tuple[Any, ...]]:
    path = folder / "rows"
    return pl.read_delta(str(path)).select("n", "k", "f").rows() if path.exists() else []


def test_a_naive_time_is_utc_in_both(server: RunningApp, tmp_path: Path) -> None:
    assert push(server, ROW).status_code == 200
    assert (online(server), table(tmp_path)) == ([1.5, 1], [(1, "a", 1.5)])
    stored = pl.read_delta(str(tmp_path / "rows"))["at"].to_list()
    assert stored == [datetime(2024, 3, 1, 12, tzinfo=UTC)]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"at": ["yesterday"]}, id="no time"),
        pytest.param({"f": ["much"]}, id="what cannot be counted"),
        pytest.param({"n": [None]}, id="no id"),
        pytest.param({"k": [["a"]]}, id="what the table cannot hold"),
    ],
)
def test_what_does_not_fit_is_nowhere(
    server: RunningApp, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    assert push(server, {**ROW, "n": [7]}).status_code == 200
    before = (online(server), table(tmp_path))
    answer = push(server, {**ROW, **wrong})
    assert answer.status_code == 422, answer.text
    assert (online(server), table(tmp_path)) == before


KILLED = """
import os, signal, sys
from dovetail.base.clock import SystemClock
from dovetail.features import catalog
from dovetail.features import pushing
from dovetail.features.online.engine import Engine
from dovetail.features.store import Store
definitions = catalog.load(sys.argv[1])
engine = Engine(definitions, Store(sys.argv[2]), SystemClock(), 10**12)
engine.load()
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[3] == "before":
    pushing.append = die
else:
    engine.take = die
row = {"n": [1], "k": ["a"], "f": [1.5], "at": ["2024-03-01T12:00:00"]}
pushing.Pusher(definitions, engine).push("rows", row, "online_and_offline")
"""


@pytest.mark.parametrize(("when", "expected"), [("before", [None, 0]), ("after", [1.5, 1])])
def test_killed_in_between_it_is_in_both_or_in_neither(
    when: str,
    expected: list[Any],
    tmp_path: Path,
    definitions: Path,
    until: Callable[..., None],
) -> None:
    with opened(tmp_path, definitions):
        pass  # makes the store where a server has it
    (store,) = (tmp_path / "s").rglob("features.db")
    command = [sys.executable, "-c", KILLED, str(definitions), f"sqlite:///{store}", when]
    assert subprocess.run(command, check=False).returncode == -9
    with opened(tmp_path, definitions) as server:
        until(lambda: online(server) == expected)
        assert len(table(tmp_path)) == expected[1]


def test_a_shared_store_that_is_lost_in_between_gets_the_rows_when_it_is_back(
    redis_server: Any, tmp_path: Path, definitions: Path
) -> None:
    from dovetail.features.errors import StoreLostError
    from dovetail.features.online.redis_states import RedisStates
    from dovetail.features.online.shared import SharedEngine
    from dovetail.features.pushing import Pusher

    found = catalog.load(definitions)
    clock = ManualClock(NOW)
    engine = SharedEngine(found, RedisStates(redis_server.url), clock, 10**12)
    engine.load()
    take = engine.take

    def lost(*arguments: Any) -> Any:
        redis_server.kill()
        return take(*arguments)

    engine.take = lost  # type: ignore[method-assign]
    pusher = Pusher(found, engine)
    with pytest.raises(StoreLostError):
        pusher.push("rows", ROW, "online_and_offline")
    assert len(table(tmp_path)) == 1
    redis_server.start()
    engine.take = take  # type: ignore[method-assign]
    clock.advance(timedelta(seconds=120))
    pusher.recover()
    assert engine.intents() == []
    assert engine.rows("latest", ["a"], 2 * 10**15)[0].values == (1.5,)
    engine.close()
