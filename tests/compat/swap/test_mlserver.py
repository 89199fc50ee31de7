"""The other half of the promise: a real MLServer serves the model that the loop trained."""

import json
import subprocess
import sys

import numpy as np
import pytest

from dovetail.wire.open_inference import Client, InferenceRequest, from_array, to_array

pytestmark = [pytest.mark.compat, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def mlserver_with_repository(start_mlserver, tmp_path_factory):
    """A real MLServer on an empty model repository: its URL and the folder."""
    repository = tmp_path_factory.mktemp("repository")
    with start_mlserver(repository) as running:
        yield running.url, repository


@pytest.fixture(scope="module")
def demo(mlserver_with_repository, tmp_path_factory, free_port) -> dict:
    url, repository = mlserver_with_repository
    folder = tmp_path_factory.mktemp("swap")
    settings = f'[joints]\nserving = "{url}"\n[loop]\nrepository = "{repository}"\n'
    (folder / "dovetail.toml").write_text(settings)
    command = [sys.executable, "-m", "dovetail.cli", "demo", "--no-serve"]
    flags = ["--until", "2013-04-04", "--port", str(free_port()), "--json", "results.json"]
    ended = subprocess.run([*command, *flags], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads((folder / "results.json").read_text())


def test_the_demo_gives_the_same_results_on_a_real_mlserver(demo):
    assert demo["champion"] == "1"
    assert demo["features_different"] == 0
    april = demo["months"][0]
    assert april["flights"] == april["versions"]["1"]
    assert april["auc"] > 0.7
    assert april["auc"] == april["first_auc"]


def test_the_model_that_the_loop_trained_answers_there(demo, mlserver_with_repository):
    url, _ = mlserver_with_repository
    rows = np.zeros((2, 19), dtype=np.float32)
    request = InferenceRequest(inputs=(from_array("input", rows, datatype="FP32"),))
    with Client(url) as server:
        answer = server.infer("flights", request, version="1")
    scores = np.asarray(to_array(answer.outputs[0])).ravel()
    assert scores.shape == (2,)
    assert scores[0] == scores[1]
    assert 0 < scores[0] < 1
