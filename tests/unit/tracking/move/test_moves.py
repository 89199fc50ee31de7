"""Moves go on where they were cut short, live beside a server, and name what differs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from dovetail.tracking.move.checksum import Tally, count_points
from dovetail.tracking.move.moves import bring, preview
from dovetail.tracking.move.placing import choose
from dovetail.tracking.move.progress import Progress
from dovetail.tracking.move.records import Placed
from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import Client, Experiment


@pytest.fixture
def long_mlruns(tmp_path: Path, build: SimpleNamespace) -> Path:
    """Enough runs for many batches."""
    place = build.experiment(tmp_path / "long", "7", "long")
    for number in range(500):
        home = build.run(place, f"{number:032x}")
        build.points(home, "auc", 60)
        if number % 50 == 0:
            build.texts(home / "artifacts", model="x" * number)
    return tmp_path / "long"


def _command(source: Path, state: Path) -> list[str]:
    program = [sys.executable, "-m", "dovetail.cli", "tracking", "import"]
    return [*program, "--from", str(source), "--state", str(state), "--json"]


def _runs_in(database: Path) -> int:
    engine = sa.create_engine(f"sqlite:///{database}")
    try:
        with engine.connect() as connection:
            return int(connection.scalar(sa.text("SELECT count(*) FROM moved WHERE kind='run'")))
    except sa.exc.OperationalError:
        return 0
    finally:
        engine.dispose()


def test_an_import_that_is_killed_goes_on_and_doubles_nothing(
    long_mlruns: Path, tmp_path: Path
) -> None:
    state = tmp_path / "killed"
    running = subprocess.Popen(_command(long_mlruns, state), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not _runs_in(state / "tracking.db") and time.monotonic() < deadline:
        assert running.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    before = _runs_in(state / "tracking.db")
    assert 0 < before < 500
    ran = subprocess.run(_command(long_mlruns, state), capture_output=True, check=True)
    resumed = json.loads(ran.stdout)
    whole = bring(str(long_mlruns), state=str(tmp_path / "whole"))
    assert (resumed["equal"], resumed["resumed"], whole.resumed) == (True, True, False)
    sums = {kind: one["checksum"] for kind, one in resumed["parts"][0]["found"].items()}
    assert sums == {kind: one.checksum for kind, one in whole.parts[0].found.items()}
    assert resumed["parts"][0]["found"]["metrics"]["count"] == 500 * 60


def test_a_server_may_be_up_on_the_same_store(mlruns: Path, tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path / "state") as server, Client(server.url) as client:
        mine = client.create_experiment("flights")
        run = client.create_run(mine)
        client.create_registered_model("flights")
        report = bring(str(mlruns), state=str(tmp_path / "state"))
        assert report.notes == (
            f"experiment 411111111111111111: it was joined to {mine}, which has the name 'flights'",
        )
        assert len(report.skipped) == 1
        assert "the name is taken there by a model that did not come" in report.skipped[0]
        ids = {one.info.run_id for one in client.search_runs([mine])}
        assert ids == {run.info.run_id, "a" * 32}
        client.log_metric(run.info.run_id, "after", 1.0)


def test_what_was_changed_here_since_is_named(mlruns: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    bring(str(mlruns), state=str(state))
    with run_piece(piece, state=state) as server, Client(server.url) as client:
        client.log_metric("a" * 32, "auc", 5.0, step=1000)
    report = bring(str(mlruns), state=str(state))
    assert report.differences == (f"run {'a' * 32}: metrics: 105 read, 106 there",)
    assert not report.equal


def test_a_dry_run_counts_and_writes_nothing(
    mlruns: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in mlruns.rglob("*"))
    preview(str(mlruns), [], None, True, True)
    told = json.loads(capsys.readouterr().out)
    assert (told["would_move"]["metrics"], told["would_move"]["artifacts"]) == (105, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["mlruns"]
    assert sorted((p, p.stat().st_mtime_ns) for p in mlruns.rglob("*")) == before


HERE = [("0", "Default", "active"), ("3", "flights", "active"), ("4", "old", "deleted")]


@pytest.mark.parametrize(
    ("number", "name", "stage", "expected"),
    [
        ("9", "new", "active", ("9", "new", True)),
        ("3", "new", "active", (None, "new", True)),
        ("0", "Default", "active", ("0", "Default", False)),
        ("8", "flights", "active", ("3", "flights", False)),
        ("8", "old", "active", ("8", "old (2)", True)),
        ("4", "old", "active", (None, "old (2)", True)),
    ],
)
def test_an_experiment_keeps_its_number_where_that_is_free(
    number: str, name: str, stage: str, expected: tuple[str | None, str, bool]
) -> None:
    wanted = Experiment(experiment_id=number, name=name, lifecycle_stage=stage)
    found = choose(wanted, None, HERE)
    assert (found.id, found.name, found.is_new) == expected


def test_an_experiment_that_came_before_is_found_again() -> None:
    wanted = Experiment(experiment_id="8", name="flights")
    found = choose(wanted, Placed("3", "mlflow-artifacts:/3", "flights", "note"), HERE)
    assert (found.id, found.is_own, found.note) == ("3", True, "note")


def test_checksums_do_not_depend_on_order_but_on_every_value() -> None:
    points = [("r", "k", step, 5, step / 3, False) for step in range(-3, 4)]

    def total(some: list[tuple[str, str, int, int, float, bool]]) -> object:
        tallies = {"r": Tally()}
        for point in some:
            count_points(tallies, [point])
        return tallies["r"].sums()

    assert total(points) == total(points[::-1])
    changed = [*points[:-1], ("r", "k", 3, 5, 1.0000000000000002, False)]
    assert total(points) != total(changed)
    assert total([("r", "k", 0, 5, -0.0, False)]) == total([("r", "k", 0, 5, 0.0, False)])


def test_progress_is_told_only_after_a_second() -> None:
    now, told = [0.0], list[str]()
    progress = Progress("moved", told.append, lambda: now[0])
    progress.add("runs")
    now[0] = 1.5
    progress.add("runs", 2)
    progress.add("runs")
    assert told == ["moved: 3 runs"]
