"""Killed at any step, a removal goes on after the next start and leaves nothing half done."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dovetail.tracking.errors import MissingResourceError
from dovetail.wire import mlflow as m
from dovetail.wire.mlflow import endpoints as e
from dovetail.wire.tidy import TidyRequest

PROGRAM = Path(__file__).with_name("killed.py")


def fill(store) -> tuple[str, list[str], list[str]]:
    """An experiment that goes, and a run that stays; returns the experiment, runs and files."""
    kept = store.run()
    store.file("0/other/readme", b"not mine")
    stays = store.files()
    number = store.experiment("flights")
    gone = [store.run(number, points=700) for _ in range(2)]
    store.model(gone[0], number)
    store.delete_experiment(number)
    assert kept in stays[0] or kept in stays[1]
    return number, gone, stays


def nothing_visible_lacks_files(store) -> None:
    """Every run and model that a client can still see has its files."""
    found = m.SearchRuns(experiment_ids=("0", "1", "2"), run_view_type="ALL")
    for run in store.ask(e.SEARCH_RUNS, found).runs:
        assert any(run.info.run_id in path for path in store.files()), run.info.run_id


@pytest.mark.parametrize("step", [0, 1, 2, 3, 5, 6, 7, 9])
def test_killed_at_any_step_it_goes_on_and_leaves_nothing_half_done(
    store, database_url: str, step: int
) -> None:
    _, gone, stays = fill(store)
    before = store.counts()
    command = [sys.executable, str(PROGRAM), database_url, str(store.folder), str(step)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr
    nothing_visible_lacks_files(store)
    if step == 0:
        assert store.counts() == before
        store.tidy.carry_out(store.tidy.plan(TidyRequest(grace_days=0)), "ada", "request")
    with pytest.raises(MissingResourceError):
        store.ask(e.GET_RUN, m.GetRun(run_id=gone[0]))
    assert store.tidy.resume() is False
    assert [job.state for job in store.tidy.jobs()] == ["done"]
    assert store.files() == stays
    assert "tidy_items" not in store.counts()
    assert store.tidy.plan(TidyRequest(grace_days=0, orphans="find")).is_empty()
    assert store.tidy.record.verify() == 2
