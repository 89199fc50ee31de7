"""A server as source and as target: any that speaks MLflow's REST API, here our own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from dovetail.base.errors import NotFoundError
from dovetail.tracking.move.moves import bring, give
from dovetail.tracking.move.report import totals
from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import Client, SearchExperiments, SearchRuns, endpoints


@pytest.fixture
def state(mlruns: Path, tmp_path: Path) -> str:
    """The state folder of a store that has the folder's runs."""
    assert bring(str(mlruns), state=str(tmp_path / "state")).equal
    return str(tmp_path / "state")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Client]:
    with run_piece(piece, state=tmp_path / "other") as server, Client(server.url) as client:
        yield client


def _all_runs(client: Client) -> dict[str, str]:
    """Return the names of all runs of a server by the ids that they had."""
    request = SearchExperiments(view_type="ALL")
    ids = [e.experiment_id for e in client.call(endpoints.SEARCH_EXPERIMENTS, request).experiments]
    asked = SearchRuns(experiment_ids=tuple(ids), run_view_type="ALL", max_results=5000)
    runs = client.call(endpoints.SEARCH_RUNS, asked).runs
    olds = [next(t.value for t in r.data.tags if t.key == "dovetail.run_id") for r in runs]
    assert len(olds) == len(set(olds))
    return {old: run.info.run_id for old, run in zip(olds, runs, strict=True)}


def test_a_store_goes_to_a_server_and_comes_back(
    state: str, other: Client, names: SimpleNamespace, tmp_path: Path
) -> None:
    first = give(other.url, state=state)
    assert first.differences == ()
    assert "the old ones are in the tags dovetail.run_id and dovetail.model_id" in first.lost[0]
    ids = _all_runs(other)
    again = give(other.url, state=state)
    assert (again.equal, _all_runs(other)) == (True, ids)
    assert other.get_run(ids[names.dead]).info.lifecycle_stage == "deleted"
    champion = other.get_alias("flights", "champion")
    assert (champion.version, champion.run_id) == ("3", ids[names.run])
    back = bring(other.url, state=str(tmp_path / "back"))
    assert back.equal
    counts = [totals(part.found for part in report.parts) for report in (first, back)]
    assert counts[0]["metrics"] == counts[1]["metrics"] == 105
    assert counts[0]["artifacts"] == counts[1]["artifacts"] == 2


def test_an_export_that_is_killed_goes_on_and_doubles_nothing(
    other: Client, tmp_path: Path, build: SimpleNamespace
) -> None:
    place = build.experiment(tmp_path / "long", "7", "long")
    for number in range(210):
        build.points(build.run(place, f"{number:032x}"), "auc", 5)
    state = str(tmp_path / "long-state")
    bring(str(tmp_path / "long"), state=state)
    command = [sys.executable, "-m", "dovetail.cli", "tracking", "export"]
    running = subprocess.Popen(
        [*command, "--to", other.url, "--state", state], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(_all_runs(other)) < 10:
        assert running.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert 10 <= len(_all_runs(other)) < 210
    report = give(other.url, state=state)
    assert (report.equal, report.resumed) == (True, True)
    assert len(_all_runs(other)) == 210


def test_a_name_that_is_taken_on_the_server_is_told(state: str, other: Client) -> None:
    other.create_registered_model("flights")
    report = give(other.url, state=state)
    assert not report.equal
    assert report.skipped == (
        "registered model flights: the name is taken there by a model that did not come from "
        "this source",
    )


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(NotFoundError) as caught:
        bring("http://ada:secret@127.0.0.1:9")
    assert "no MLflow server answers at http://127.0.0.1:9" in str(caught.value)
    assert "secret" not in str(caught.value)
