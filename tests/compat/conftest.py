"""A real MLServer on any model repository folder, for the suites that meet one."""

import os
import subprocess
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


class StartMlserver(Protocol):
    """Starts one; `path` is where its own runtimes are imported from."""

    def __call__(
        self, folder: Path, *, path: Path | None = None
    ) -> AbstractContextManager[Running]:
        """Serve a folder."""


@pytest.fixture(scope="session")
def start_mlserver(free_port, tmp_path_factory: pytest.TempPathFactory) -> StartMlserver:
    program = Path(os.environ.get("DOVETAIL_MLSERVER", ROOT / ".venv-mlserver/bin/mlserver"))
    if not program.exists():
        pytest.skip("MLServer is not installed: make test installs it, or set DOVETAIL_MLSERVER")

    @contextmanager
    def start(folder: Path, *, path: Path | None = None) -> Iterator[Running]:
        port, metrics, own = free_port(), free_port(), tmp_path_factory.mktemp("mlserver-own")
        environment = {
            **os.environ,
            "MLSERVER_PARALLEL_WORKERS": "0",
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": str(port),
            "MLSERVER_GRPC_PORT": str(free_port()),
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
                yield Running(url, f"http://127.0.0.1:{metrics}/metrics")
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
