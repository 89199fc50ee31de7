"""Tables come online in pieces: resumed after kill -9, late rows in, nothing newer overwritten."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.base.clock import ManualClock
from dovetail.features import catalog
from dovetail.features.cli import commands
from dovetail.features.materialize import Materializer
from dovetail.features.moments import moment_us, span_us
from dovetail.features.online.engine import Engine
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.features.store import Store
from dovetail.web.testing import run_piece

START = datetime(2024, 3, 1, tzinfo=UTC)
DEFINITIONS = """
from dovetail.features import Count, DeltaSource, Entity, LatestView, ParquetSource, WindowView

k = Entity("k")
plain = ParquetSource("plain", path="plain.parquet", event_time="at")
told = DeltaSource("told", path="told", event_time="at", known_at="told")
events = ParquetSource("events", path="events.parquet", event_time="at", id="n")
always = ParquetSource("always", path="always.parquet", event_time="")
fixed = LatestView("fixed", entities=[k], source=always, features=["f"])
latest = LatestView("latest", entities=[k], source=plain, features=["f", "name"])
heard = LatestView("heard", entities=[k], source=told, features=["f"])
last = LatestView("last", entities=[k], source=events, features=["f"])
busy = WindowView("busy", entities=[k], source=events, tile="1h", windows=["24h"],
    aggregations=[Count()])
"""


def hours(number: float) -> datetime:
    return START + timedelta(hours=number)


class World:
    """A folder with tables, and an online store in it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        (folder / "features.py").write_text(DEFINITIONS)
        self.definitions = catalog.load(folder / "features.py")
        self.engine = self.opened()

    def opened(self) -> Engine:
        engine = Engine(self.definitions, Store(self.url), ManualClock(hours(99)), span_us("9d"))
        engine.load()
        return engine

    def run(self, view: str, end: float, start: float | None = None, piece: int = 3) -> int:
        first = None if start is None else moment_us(hours(start))
        runner = Materializer(self.definitions, self.engine, piece)
        return runner.run([view], first, moment_us(hours(end)))[view]

    def value(self, view: str, key: str, at: float = 99) -> Any:
        (row,) = self.engine.rows(view, [key], moment_us(hours(at)))
        return row.values[0]


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Any:
    made = World(tmp_path, database_url)
    yield made
    made.engine.close()


def plain(rows: list[tuple[str, float, float | None]]) -> pl.DataFrame:
    keys, at, values = zip(*rows, strict=True)
    names = [f"n{v}" for v in values]
    frame = pl.DataFrame({"k": keys, "at": [hours(h) for h in at], "f": values, "name": names})
    return frame.with_columns(pl.col("f").cast(pl.Float64))


def test_pieces_give_what_one_read_gives(world: World) -> None:
    rows = [(f"k{n % 4}", (n * 7) % 23, float(n)) for n in range(40)]
    plain(rows).write_parquet(world.folder / "plain.parquet")
    assert world.run("latest", end=50) > 0
    best = {k: max((at, v) for key, at, v in rows if key == k)[1] for k in ("k0", "k1", "k2", "k3")}
    assert {k: world.value("latest", k) for k in best} == best
    progress = world.engine.progress()["latest"]
    assert (progress.position, progress.total, progress.state) == (40, 40, "done")
    world.engine.close()
    world.engine = world.opened()
    assert {k: world.value("latest", k) for k in best} == best


def test_an_older_row_never_replaces_a_newer_one(world: World) -> None:
    pushed = {"k": ["a"], "at": [hours(9).isoformat()], "f": [9.0], "name": ["x"]}
    world.engine.push("plain", pushed).result()
    plain([("a", 5, 5.0), ("b", 5, None)]).write_parquet(world.folder / "plain.parquet")
    world.run("latest", end=50)
    assert (world.value("latest", "a"), world.value("latest", "a", at=6)) == (9.0, 5.0)
    (row,) = world.engine.rows("latest", ["b"], moment_us(hours(50)))
    assert (row.values, row.statuses) == ((None, "nNone"), ("NULL_VALUE", "PRESENT"))


def test_only_what_is_new_is_brought_and_what_came_late_is_not_missed(world: World) -> None:
    def write(rows: list[tuple[str, float, float, float]], mode: str = "append") -> None:
        keys, at, told, values = zip(*rows, strict=True)
        columns = {"k": keys, "at": map(hours, at), "told": map(hours, told), "f": values}
        frame = pl.DataFrame({name: list(column) for name, column in columns.items()})
        frame.write_delta(world.folder / "told", mode=mode)  # type: ignore[call-overload]

    write([("a", 1, 1, 1.0), ("b", 2, 2, 2.0)], "error")
    assert world.run("heard", end=10) == 2
    assert world.run("heard", end=10) == 0
    write([("c", 3, 12, 3.0), ("a", 11, 11, 4.0)])  # c happened long ago and was told just now
    assert world.run("heard", end=20) == 2
    assert [world.value("heard", k) for k in "abc"] == [4.0, 2.0, 3.0]
    assert world.value("heard", "c", at=11) is None


def test_a_changed_table_without_a_time_of_knowing_is_read_again(world: World) -> None:
    path = world.folder / "plain.parquet"
    plain([("a", 1, 1.0)]).write_parquet(path)
    assert world.run("latest", end=10) == 1
    assert world.run("latest", end=11) == 0
    plain([("a", 1, 1.0), ("late", 0.5, 2.0)]).write_parquet(path)
    assert world.run("latest", end=12) == 2
    assert world.value("latest", "late") == 2.0


def test_rows_without_a_time_are_always_there(world: World) -> None:
    path = world.folder / "always.parquet"
    pl.DataFrame({"k": ["a"], "f": [1.0]}).write_parquet(path)
    assert world.run("fixed", end=10) == 1
    pl.DataFrame({"k": ["a", "b"], "f": [1.0, 2.0]}).write_parquet(path)
    assert world.run("fixed", end=11, start=5) == 2
    assert (world.value("fixed", "a", at=0), world.value("fixed", "b", at=0)) == (1.0, 2.0)


def test_a_run_that_failed_goes_on_where_it_stood(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain([(f"k{n}", 1, float(n)) for n in range(10)]).write_parquet(world.folder / "plain.parquet")
    bring, seen = world.engine.bring, []

    def failing(view: Any, batch: Any, progress: Any) -> None:
        if len(seen) == 2:
            raise ConnectionError("gone")
        seen.append(list(batch.keys))
        bring(view, batch, progress)

    monkeypatch.setattr(world.engine, "bring", failing)
    with pytest.raises(ConnectionError):
        world.run("latest", end=10, start=0)
    assert world.engine.progress()["latest"].state == "failed"
    monkeypatch.setattr(world.engine, "bring", bring)
    assert world.run("latest", end=10, start=0) == 4  # six of ten were there
    assert world.value("latest", "k9") == 9.0
    assert world.engine.progress()["latest"].rows == 10


def test_an_event_told_twice_in_different_pieces_counts_as_told_first(world: World) -> None:
    frame = pl.DataFrame(
        {
            "n": [1, 2, 3, 1],
            "k": ["a"] * 4,
            "at": [hours(h) for h in (1, 2, 3, 9)],
            "f": [1, 2, 3, 9],
        }
    )
    frame.write_parquet(world.folder / "events.parquet")
    world.run("last", end=50)
    world.run("busy", end=50)
    assert world.value("last", "a") == 3
    assert world.value("busy", "a", at=12) == 3


KILLED = """
import sys
from dovetail.features import catalog
from dovetail.base.clock import ManualClock
from dovetail.features.materialize import Materializer
from dovetail.features.online.engine import Engine
from dovetail.features.store import Store
from datetime import UTC, datetime
definitions = catalog.load(sys.argv[1])
clock = ManualClock(datetime(2024, 3, 9, tzinfo=UTC))
engine = Engine(definitions, Store(sys.argv[2]), clock, 10**12)
engine.load()
keep = engine.bring
def bring(view, batch, progress):
    keep(view, batch, progress)
    print(progress.position, flush=True)
    if progress.position >= 3000:
        sys.stdin.read()  # until it is killed
engine.bring = bring
Materializer(definitions, engine, 500).run(["latest"], 0, 2 * 10**15)
"""


def test_killed_in_the_middle_and_again_is_the_same_as_once(tmp_path: Path) -> None:
    world = World(tmp_path, f"sqlite:///{tmp_path / 'f.db'}")
    world.engine.close()
    plain([(f"k{n}", 1 + n % 5, float(n)) for n in range(10_000)]).write_parquet(
        tmp_path / "plain.parquet"
    )
    command = [sys.executable, "-c", KILLED, str(tmp_path / "features.py"), world.url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 3000:
                os.kill(process.pid, signal.SIGKILL)
                break
    world.engine = world.opened()
    held = world.engine.progress()["latest"]
    assert (held.position, held.state) == (3000, "running")
    assert world.value("latest", "k2999") == 2999.0
    again = Materializer(world.definitions, world.engine, 500)
    assert again.run(["latest"], 0, 2 * 10**15) == {"latest": 7000}
    (rows,) = world.engine.look_up([("latest", [f"k{n}" for n in range(10_000)])], 2 * 10**15)
    assert [row[0][0] for row in rows] == [float(n) for n in range(10_000)]
    world.engine.close()


def test_the_command_brings_tables_online_and_the_page_says_so(
    tmp_path: Path,
) -> None:
    (tmp_path / "features.py").write_text(DEFINITIONS)
    plain([("a", 1, 1.0)]).write_parquet(tmp_path / "plain.parquet")
    settings = FeatureSettings(definitions=str(tmp_path / "features.py"))
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(hours(99))) as server:
        arguments = ["materialize", "latest", "--url", server.url, "--end", "2024-03-05T00:00:00Z"]
        done = CliRunner().invoke(commands, arguments)
        assert done.exit_code == 0, done.output
        assert "latest: done, 1 rows brought online\n" in done.stdout
        assert "Brought online from tables" in httpx.get(server.url + "/features").text
        (line,) = httpx.get(server.url + "/features.json").json()["brought"]
        assert (line["view"], line["position"], line["total"]) == ("latest", 1, 1)
