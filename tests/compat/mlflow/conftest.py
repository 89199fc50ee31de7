"""Servers that speak MLflow's protocol: ours, and MLflow's own."""

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

STARTS_WITHIN = 240
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@pytest.fixture(scope="session")
def start_mlflow(free_port) -> Callable[[Path], AbstractContextManager[str]]:
    """Start MLflow's own server on a folder: `mlflow.db` and `artifacts` lie in it."""
    pytest.importorskip("mlflow", reason="mlflow is not installed: requirements/all.txt")

    @contextmanager
    def start(folder: Path) -> Iterator[str]:
        port = free_port()
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
        command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(folder / "artifacts")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=folder, env={**os.environ, **QUIET}
            )
            url = f"http://127.0.0.1:{port}"
            try:
                _wait(url, server)
                yield url
            finally:
                server.terminate()
                server.wait(30)

    return start


@pytest.fixture(scope="module")
def mlflow_server(start_mlflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's own server on a store that no other module has written to."""
    with start_mlflow(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end and server.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    pytest.fail("mlflow server did not start")


@pytest.fixture(scope="module")
def dovetail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_piece(piece, state=tmp_path_factory.mktemp("dovetail")) as running:
        yield running.url


@pytest.fixture(scope="module", params=["dovetail", "mlflow"])
def tracking_uri(request: pytest.FixtureRequest) -> str:
    """The same test on both servers."""
    return str(request.getfixturevalue(f"{request.param}_server"))


@pytest.fixture(scope="session")
def imported_mlflow() -> ModuleType:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("mlflow", reason="mlflow is not installed: requirements/all.txt")


@pytest.fixture
def mlflow(
    imported_mlflow: ModuleType, tracking_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """The real client, pointed at one of the servers."""
    monkeypatch.chdir(tmp_path)
    imported_mlflow.set_tracking_uri(tracking_uri)
    imported_mlflow.set_registry_uri(tracking_uri)
    yield imported_mlflow
    while imported_mlflow.active_run():
        imported_mlflow.end_run()
