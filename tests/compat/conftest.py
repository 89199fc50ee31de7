"""A real MLServer on any model repository folder, for the suites that meet one."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
import pytest

ROOT = Path(__file__).parents[2]
START_SECONDS = 150


@dataclass(frozen=True)
class Running:
    """An MLServer that answers."""

    url: str
    metrics: str
    grpc: str


class StartMlserver(Protocol):
    """Starts one; `path` is where its own runtimes are imported from."""

    def __call__(
        self, folder: Path, *, path: Path | None = None
    ) -> AbstractContextManager[Running]:
        """Serve a folder."""


@pytest.fixture(scope="module", autouse=True)
def mlflow_without_memory() -> Iterator[None]:
    """Let the `mlflow` client forget the servers of other modules: it keeps them for the process.

    Its address, its registry and its active experiment are globals, and modules that run one after
    the other in one worker meet different servers.
    """
    _forget()
    yield
    _forget()


def _forget() -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_ID"):
        os.environ.pop(name, None)
    if "mlflow" not in sys.modules:
        return
    from mlflow.tracking import fluent
    from mlflow.tracking._model_registry import utils as registry
    from mlflow.tracking._tracking_service import utils as tracking

    while fluent.active_run() is not None:
        fluent.end_run()
    tracking._tracking_uri = registry._registry_uri = fluent._active_experiment_id = None


@pytest.fixture(scope="session")
def start_mlserver(free_port, tmp_path_factory: pytest.TempPathFactory) -> StartMlserver:
    program = Path(os.environ.get("DOVETAIL_MLSERVER", ROOT / ".venv-mlserver/bin/mlserver"))
    if not program.exists():
        pytest.skip("MLServer is not installed: make test installs it, or set DOVETAIL_MLSERVER")

    @contextmanager
    def start(folder: Path, *, path: Path | None = None) -> Iterator[Running]:
        port, metrics, own = free_port(), free_port(), tmp_path_factory.mktemp("mlserver-own")
        grpc = free_port()
        environment = {
            **os.environ,
            "MLSERVER_PARALLEL_WORKERS": "0",
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": str(port),
            "MLSERVER_GRPC_PORT": str(grpc),
            "MLSERVER_METRICS_PORT": str(metrics),
            "MLSERVER_METRICS_DIR": str(own),
            "PYTHONPATH": str(path or ""),
        }
        with (own / "log").open("w") as log:
            process = subprocess.Popen(
                [str(program), "start", str(folder)],
                env=environment, stdout=log, stderr=log, cwd=own,
            )  # fmt: skip
            try:
                url = f"http://127.0.0.1:{port}"
                _wait(url, process)
                yield Running(url, f"http://127.0.0.1:{metrics}/metrics", f"127.0.0.1:{grpc}")
            finally:
                process.terminate()
                process.wait(30)

    return start


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "MLServer ended while it started"
        try:
            if httpx.get(f"{url}/v2/health/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} is not ready after {START_SECONDS} s")
