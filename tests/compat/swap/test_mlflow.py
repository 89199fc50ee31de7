"""Point `tracking` at a real MLflow server and the same circle runs on it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.compat, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory, free_port):
    """A real `mlflow server`."""
    pytest.importorskip("mlflow.server", reason="MLflow is not installed")
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    store = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    artifacts = ["--artifacts-destination", str(folder / "artifacts")]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port), *store, *artifacts],
            stdout=log,
            stderr=log,
            env={**os.environ, **quiet},
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(url, server, folder / "log")
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


def wait_until_healthy(url: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            if httpx.get(f"{url}/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail("mlflow server did not answer within four minutes")


@pytest.fixture(scope="module")
def demo(mlflow_server, tmp_path_factory, free_port) -> dict:
    folder = tmp_path_factory.mktemp("swap")
    (folder / "dovetail.toml").write_text(f'[joints]\ntracking = "{mlflow_server}"\n')
    command = [sys.executable, "-m", "dovetail.cli", "demo", "--no-serve"]
    flags = ["--until", "2013-04-04", "--port", str(free_port()), "--json", "results.json"]
    ended = subprocess.run([*command, *flags], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads((folder / "results.json").read_text())


@pytest.fixture
def client(mlflow_server, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.set_tracking_uri(mlflow_server)
    mlflow.set_registry_uri(mlflow_server)
    return mlflow.MlflowClient(mlflow_server, mlflow_server)


def test_the_demo_gives_the_same_results_on_a_real_mlflow(demo):
    assert demo["champion"] == "1"
    assert demo["features_different"] == 0
    assert demo["months"][0]["auc"] > 0.7


@pytest.mark.filterwarnings("ignore")
def test_runs_versions_and_aliases_are_in_that_server(demo, client):
    champion = client.get_model_version_by_alias("flights", "champion")
    assert str(champion.version) == demo["champion"]
    assert champion.tags["dovetail.evaluation"] == "pass"
    run = client.get_run(champion.run_id)
    assert run.info.status == "FINISHED"
    assert 0.7 < run.data.metrics["train_auc"] < 0.95
    assert run.data.params["learning_rate"] == "0.07"


@pytest.mark.filterwarnings("ignore")
def test_the_real_client_loads_the_champion(demo, client):
    import mlflow

    model = mlflow.pyfunc.load_model("models:/flights@champion")
    example = model.input_example
    scores = model.predict(example)
    assert len(scores) == len(example)
    assert ((scores > 0) & (scores < 1)).all()
