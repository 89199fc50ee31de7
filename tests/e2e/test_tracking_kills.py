"""Fifty deaths of a tracking server under eight writing clients: what was acknowledged is there.

One store lives through all of them. After each death the database opens, every acknowledged write
of the round is found, and an upload that was cut off left nothing that can be seen.
"""

import hashlib
import os
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.e2e.killed import KilledServer

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire.http import WireError
from dovetail.wire.mlflow import Client, Metric

DEATHS, CLIENTS = 50, 8
LARGE = os.urandom(6 << 20)

pytestmark = pytest.mark.e2e


@dataclass
class Said:
    """What the server acknowledged to one client."""

    run: str = ""
    experiment: str = ""
    steps: list[int] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    alias: str = ""
    sent_alias: str = ""
    finished: bool = False


def work(url: str, name: str, large: bool, said: Said) -> None:
    """Write without end, noting what was acknowledged, until the server is gone."""
    with Client(url, timeout=30) as client:
        try:
            run = client.create_run("0", name=name).info
            said.run, said.experiment = run.run_id, run.experiment_id
            client.create_registered_model(name)
            for turn in range(100_000):
                write(client, said, name, turn, large)
        except (WireError, httpx.HTTPError):
            return


def write(client: Client, said: Said, name: str, turn: int, large: bool) -> None:
    steps = range(turn * 10, turn * 10 + 10)
    points = [Metric("loss", float(step), step, step) for step in steps]
    params, tags = {f"p{turn}": str(turn)}, {"turn": str(turn)}
    client.log_batch(said.run, metrics=points, params=params, tags=tags)
    said.steps += steps
    said.params |= params
    said.tags |= tags
    content = LARGE if large else f"{name} {turn}".encode() * 100
    path = f"{said.experiment}/{said.run}/artifacts/{turn}.bin"
    client.put_artifact(path, content)
    said.files[path] = hashlib.sha256(content).hexdigest()
    version = client.create_model_version(name, f"mlflow-artifacts:/{path}", run_id=said.run)
    said.versions.append(str(version.version))
    said.sent_alias = str(version.version)
    client.set_alias(name, "champion", str(version.version))
    said.alias = str(version.version)


def check(client: Client, name: str, said: Said) -> None:
    """Everything acknowledged is there, whole; nothing is there that was never sent."""
    if not said.run:
        return
    run = client.get_run(said.run)
    steps = [point.step for point in client.get_metric_history(said.run, "loss")]
    assert steps[: len(said.steps)] == said.steps
    assert len(steps) in (len(said.steps), len(said.steps) + 10)  # a batch is whole or not at all
    params = {param.key: param.value for param in run.data.params}
    assert params | said.params == params
    tags = {tag.key: tag.value for tag in run.data.tags}
    assert int(tags.get("turn", -1)) >= int(said.tags.get("turn", -1))
    listed = client.list_artifacts(f"{said.experiment}/{said.run}/artifacts")
    found = {f"{said.experiment}/{said.run}/artifacts/{file.path}" for file in listed}
    assert found >= set(said.files)
    assert len(found) <= len(said.files) + 1
    for path in found:
        content = client.get_artifact(path)
        assert len(content) in (len(LARGE), len(content) // 100 * 100)  # never a part of a file
        assert said.files.get(path, hashlib.sha256(content).hexdigest()) == (
            hashlib.sha256(content).hexdigest()
        )
    versions = [str(v.version) for v in client.search_model_versions(f"name = '{name}'")]
    assert set(versions) >= set(said.versions)
    if said.alias:
        assert str(client.get_alias(name, "champion").version) in (said.alias, said.sent_alias)


@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_in_fifty_deaths(tmp_path: Path, free_port) -> None:
    server = KilledServer("tracking", tmp_path / "state", free_port(), "/health")
    rounds: list[dict[str, Said]] = []
    for death in range(DEATHS):
        server.start()
        with Client(server.url) as client:
            for name, said in (rounds[-1] if rounds else {}).items():
                check(client, name, said)
        told = {f"m{death}-{number}": Said() for number in range(CLIENTS)}
        threads = [
            threading.Thread(target=work, args=(server.url, name, number == 0, said))
            for number, (name, said) in enumerate(told.items())
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.1 + death % 7 * 0.07)  # at many moments of many requests
        server.kill()
        for thread in threads:
            thread.join()
        rounds.append(told)
    with run_piece(piece, state=tmp_path / "state") as running, Client(running.url) as client:
        for told in rounds:
            for name, said in told.items():
                check(client, name, said)
    assert sum(len(said.steps) for told in rounds for said in told.values()) > 1000
    with sqlite3.connect(tmp_path / "state/tracking.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
