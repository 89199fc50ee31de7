"""Guides about several pieces at once are typed as they stand, against one `dovetail up`."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

HOW_TO = Path(__file__).parents[2] / "docs/how-to"
BLOCK = re.compile(r"^```(console|python|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
QUESTIONS = (
    "curl",
    "dovetail governance check",
    "dovetail governance list",
    "dovetail governance verify",
)

pytestmark = pytest.mark.e2e


def steps(page: Path) -> Iterator[list[str]]:
    """The page's programs, and those of its commands that ask the one server."""
    for kind, text in BLOCK.findall(page.read_text()):
        if kind == "python":
            yield [sys.executable, "-c", text]
        elif kind == "console":
            for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                if command.startswith(QUESTIONS):
                    yield ["sh", "-c", command.strip()]


@pytest.fixture
def port(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[int]:
    """A server with the settings that the page shows."""
    settings = [text for kind, text in BLOCK.findall(request.param.read_text()) if kind == "toml"]
    (tmp_path / "dovetail.toml").write_text("\n".join(settings))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "dovetail.cli", "up", "--port", str(free)]
    with (tmp_path / "up.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stderr=log)
    try:
        wait(f"http://127.0.0.1:{free}/readyz", tmp_path / "up.log")
        yield free
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def wait(url: str, log: Path) -> None:
    for _ in range(600):
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.mark.parametrize("port", [HOW_TO / "governance.md"], indirect=True, ids=["governance"])
def test_the_guide_works_as_it_stands(
    port: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page = request.node.callspec.params["port"]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    for command in steps(page):
        line = command[-1].replace("8080", str(port))
        line = line.replace("dovetail ", f"{sys.executable} -m dovetail.cli ", command[0] == "sh")
        ran = subprocess.run(
            [*command[:-1], line], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
