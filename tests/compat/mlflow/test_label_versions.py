"""Versions of labellers as runs of a tracking server."""

import socket
from pathlib import Path

import pytest
from tests.unit.labels.learning.conftest import answer, loaded, until
from tests.unit.labels.server.conftest import Api

from dovetail.labels import learning
from dovetail.labels.piece import piece
from dovetail.tracking.piece import piece as tracking
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import Client

pytestmark = pytest.mark.compat


def nobody() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def trained(url: str) -> dict[str, object]:
    """A version that learned from 20 answers and has predicted ten tasks."""
    api = Api(url)
    project, ids, moods = loaded(api, 30)
    path = f"/api/labels/projects/{project}/learner"
    api.call("PUT", path, {"enabled": True, "every": 20})
    for task, mood in zip(ids[:20], moods[:20], strict=True):
        answer(api, task, mood)
    found = until(lambda: (v := api.get(path)["version"]) and v["predicted"] and v)
    api.http.close()
    return found


def test_a_version_is_a_run_with_its_model_as_a_file(tmp_path: Path) -> None:
    with run_piece(tracking, state=tmp_path / "tracking") as there:
        joints = {"tracking": there.url}
        with run_piece(piece, state=tmp_path / "labels", joints=joints) as running:
            version = trained(running.url)
        with Client(there.url) as client:
            run = client.get_run(str(version["run"]))
            assert run.info.status == "FINISHED"
            assert run.info.run_name == version["name"]
            figures = {one.key: one.value for one in run.data.metrics}
            assert figures["answers"] == version["answers"]
            assert 0 <= figures["mood.accuracy"] <= 1
            said = {one.key: one.value for one in run.data.params}
            assert said["strategy"] == "typical-margin"
            (file,) = client.list_run_artifacts(run.info.run_id, "model").files
            folder = str(run.info.artifact_uri).removeprefix("mlflow-artifacts:/")
            labeller = learning.load(client.get_artifact(f"{folder}/{file.path}"))
    (found,) = labeller.predict([{"text": "a lovely superb scene"}])
    assert found.result[0]["value"]["choices"] == ["good"]


def test_a_tracking_server_that_is_away_costs_only_the_run(tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path, joints={"tracking": nobody()}) as running:
        version = trained(running.url)
    assert version["run"] == ""
