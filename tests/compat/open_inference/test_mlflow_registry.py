"""Models out of a real MLflow server, however its versions name their files."""

import subprocess
import sys
import time

import httpx
import numpy as np
import pytest

from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import run_piece
from dovetail.wire.open_inference import Client, InferenceRequest, from_array, to_array

mlflow = pytest.importorskip("mlflow")
pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def registry(tmp_path_factory, free_port):
    """A real MLflow server with proxied artifacts."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--serve-artifacts",
        "--artifacts-destination", str(folder / "artifacts"), "--workers", "1",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            for _ in range(600):
                assert process.poll() is None, (folder / "log").read_text()
                try:
                    if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def versions(registry, booster_file, tmp_path_factory):
    """Version 1 is a logged model, version 2 files of a run."""
    import lightgbm

    mlflow.set_tracking_uri(registry)
    booster = lightgbm.Booster(model_file=str(booster_file))
    folder = tmp_path_factory.mktemp("saved") / "model"
    options = {"pip_requirements": ["lightgbm"], "input_example": np.zeros((2, 5))}
    mlflow.lightgbm.save_model(booster, folder, **options)
    with mlflow.start_run() as run:
        mlflow.lightgbm.log_model(booster, name="model", registered_model_name="late", **options)
        mlflow.log_artifacts(str(folder), "kept")
    client = mlflow.MlflowClient()
    client.create_model_version("late", f"runs:/{run.info.run_id}/kept", run.info.run_id)
    client.set_registered_model_alias("late", "champion", "1")
    assert client.get_model_version("late", "1").source.startswith("models:/m-")
    return client


@pytest.mark.timeout(600)
def test_each_kind_of_source_is_served_and_the_alias_followed(
    registry, versions, expected, rows, tmp_path
):
    settings = ServingSettings(models=("models:/late@champion",), follow_seconds=0.2)
    with (
        run_piece(piece, settings, state=tmp_path, joints={"tracking": registry}) as running,
        Client(running.url) as server,
    ):
        request = InferenceRequest(inputs=(from_array("x", rows),))

        def until_served_by(version):
            for _ in range(300):
                if server.is_model_ready("late"):
                    answer = server.infer("late", request)
                    if answer.model_version == version:
                        return to_array(answer.output("predict"))
                time.sleep(0.1)
            raise AssertionError(f"version {version} does not serve")

        np.testing.assert_allclose(until_served_by("1"), expected[:, None], rtol=1e-12)
        metadata = server.model_metadata("late")
        assert metadata.parameters["compiled"]
        assert metadata.parameters["compared_rows"] > 256  # the logged input example too
        versions.set_registered_model_alias("late", "champion", "2")
        np.testing.assert_allclose(until_served_by("2"), expected[:, None], rtol=1e-12)
