"""What MLflow's own client sees after a permanent deletion, and the guide, typed as it stands."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from dovetail.wire.tidy import Client, TidyRequest

pytestmark = pytest.mark.compat
GUIDE = Path(__file__).parents[3] / "docs/how-to/tracking-tidy.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@pytest.fixture
def tracking_uri(dovetail_server: str) -> str:
    """MLflow's own server has no such thing."""
    return dovetail_server


def test_the_client_finds_nothing_and_may_take_the_name_again(
    mlflow: ModuleType, tracking_uri: str
) -> None:
    client = mlflow.MlflowClient()
    first = client.create_experiment("tidied")
    gone = client.create_run(first).info.run_id
    client.log_metric(gone, "auc", 0.5)
    client.log_text(gone, "notes", "notes.txt")
    kept = client.create_run("0").info.run_id
    client.log_text(kept, "weights", "model/weights")
    client.create_registered_model("tidied")
    client.create_model_version("tidied", f"runs:/{kept}/model", run_id=kept)
    client.set_registered_model_alias("tidied", "champion", "1")
    client.delete_run(kept)
    client.delete_experiment(first)
    before = client.get_model_version_by_alias("tidied", "champion")
    with Client(tracking_uri) as tidy:
        plan = tidy.plan(TidyRequest(grace_days=0))
        job = tidy.execute(plan.request, plan.confirm)
    assert (job.experiments, job.runs) == (1, 1)
    for call in (
        lambda: client.get_run(gone),
        lambda: client.restore_run(gone),
        lambda: client.get_experiment(first),
        lambda: client.restore_experiment(first),
    ):
        with pytest.raises(mlflow.exceptions.MlflowException) as error:
            call()
        assert error.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert client.get_experiment_by_name("tidied") is None
    assert client.create_experiment("tidied") != first
    assert dict(client.get_model_version_by_alias("tidied", "champion")) == dict(before)
    client.restore_run(kept)
    assert [file.path for file in client.list_artifacts(kept, "model")] == ["model/weights"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_guide_works_as_it_stands(tmp_path: Path, free_port) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed: requirements/all.txt")
    port, server, done = str(free_port()), None, []
    program = f"{sys.executable} -m dovetail.cli"
    try:
        for kind, text in BLOCK.findall(GUIDE.read_text()):
            here = text.replace("5000", port)
            lines = [here]
            if kind == "console":
                lines = [
                    re.sub("^dovetail", program, one.strip())
                    for one in re.split(r"^\$ ", here, flags=re.MULTILINE)[1:]
                ]
            for line in lines:
                if line.endswith("&"):
                    server = subprocess.Popen(line.removesuffix("&").split(), cwd=tmp_path)
                    _wait(port)
                    continue
                command = [sys.executable, "-c", line] if kind == "python" else ["sh", "-c", line]
                ran = subprocess.run(
                    command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | QUIET
                )
                assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
                assert "urn:dovetail" not in ran.stdout, ran.stdout
                done.append(ran.stdout)
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
    assert "Would go: 1 experiments, 1 runs" in done[1]
    assert re.search(r"^metrics +1000$", done[1], re.MULTILINE)
    assert "Removed 1 experiments, 1 runs" in done[2]


def _wait(port: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server of the guide did not start")
