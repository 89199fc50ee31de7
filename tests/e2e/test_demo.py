"""The main job as a user runs it: whole, killed in the middle, and repeated."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
UNTIL = "2013-05-31"
COMMAND = [sys.executable, "-m", "dovetail.cli", "demo", "--no-serve", "--until", UNTIL]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("polars", reason="the demo needs the extra demo")
    return tmp_path_factory.mktemp("demo")


def start(folder: Path, name: str, port: int) -> subprocess.Popen:
    files = ["--state", str(folder / name), "--json", str(folder / f"{name}.json")]
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [*COMMAND, *files, "--port", str(port)], cwd=folder, stdout=log, stderr=log
        )


def finish(driver: subprocess.Popen, folder: Path, name: str) -> dict:
    code = driver.wait(900)
    assert code == 0, (folder / f"{name}.log").read_text()[-3000:]
    return json.loads((folder / f"{name}.json").read_text())


def served_days(folder: Path, name: str) -> int:
    return len(list((folder / name / "served").glob("2*.npz")))


def wait_for_days(driver: subprocess.Popen, folder: Path, name: str, days: int) -> None:
    deadline = time.monotonic() + 600
    while served_days(folder, name) < days:
        assert driver.poll() is None, (folder / f"{name}.log").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill_server(folder: Path, name: str) -> None:
    pid = json.loads((folder / name / "server.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)


def outcome(results: dict) -> dict:
    """What must not depend on interruptions: everything but the time it took."""
    return {
        key: value for key, value in results.items() if key not in ("seconds", "record_entries")
    }


@pytest.fixture(scope="module")
def undisturbed(folder, free_port) -> dict:
    return finish(start(folder, "calm", free_port()), folder, "calm")


def test_the_screen_compares_the_loop_with_the_first_model(undisturbed):
    months = undisturbed["months"]
    assert [month["month"] for month in months] == ["2013-04", "2013-05"]
    assert sum(month["flights"] for month in months) == undisturbed["flights"] == 57_126
    for month in months:
        assert 0.7 < month["first_auc"] < month["auc"] + 0.01 < 0.9
        assert month["log_loss"] < month["first_log_loss"] + 0.01


def test_online_and_offline_features_are_equal(undisturbed):
    assert undisturbed["features_compared"] == undisturbed["flights"] * 19
    assert undisturbed["features_different"] == 0


def test_every_promotion_has_its_evidence_in_an_intact_record(undisturbed):
    kinds = [event["kind"] for event in undisturbed["events"]]
    assert kinds[:3] == ["training", "trained", "compared"]
    assert undisturbed["record_entries"] > 0


def test_killed_anywhere_it_ends_in_the_same_state(undisturbed, folder, free_port):
    port = free_port()
    driver = start(folder, "killed", port)
    wait_for_days(driver, folder, "killed", 6)
    driver.kill()
    driver.wait()
    driver = start(folder, "killed", port)
    wait_for_days(driver, folder, "killed", 14)
    kill_server(folder, "killed")
    wait_for_days(driver, folder, "killed", 23)
    kill_server(folder, "killed")
    driver.kill()
    driver.wait()
    disturbed = finish(start(folder, "killed", port), folder, "killed")
    assert outcome(disturbed) == outcome(undisturbed)


def test_a_second_run_shows_the_same_at_once(undisturbed, folder, free_port):
    began = time.monotonic()
    again = finish(start(folder, "calm", free_port()), folder, "calm")
    assert outcome(again) == outcome(undisturbed)
    assert time.monotonic() - began < 60


def test_a_folder_that_is_not_a_demo_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    command = [*COMMAND, "--state", str(tmp_path), "--fresh"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "is not empty and not a demo's. name another with --state." in refused.stderr
    assert (tmp_path / "thesis.txt").exists()
