"""The guide is typed as it stands, on another port."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

HOW_TO = Path(__file__).parents[3] / "docs/how-to"
GUIDE, CLIENT_GUIDE = HOW_TO / "tracking.md", HOW_TO / "tracking-client.md"
TRACES_GUIDE = HOW_TO / "tracking-traces.md"
FILES_GUIDE = HOW_TO / "tracking-artifacts.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PORT = "5000"
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

pytestmark = pytest.mark.compat


def steps(guide: Path) -> Iterator[tuple[str, str]]:
    """Python blocks, and commands that start or ask the guide's own server."""
    for kind, text in BLOCK.findall(guide.read_text()):
        if kind == "python":
            yield kind, text
            continue
        for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            if command.startswith("curl") or command.strip().endswith("&"):
                yield "console", command.strip()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_guide_works_as_it_stands(tmp_path: Path, free_port) -> None:
    found, alias, own, page, *_ = typed(GUIDE, tmp_path, str(free_port()))[1:]
    assert '"run_name":"first"' in found
    assert '"version":"1"' in alias
    assert re.fullmatch(r"first \{.auc.: 0\.7[89]\d*\}\n1\n", own)
    assert '"metrics.auc":0.7' in page


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_guide_of_traces_works_as_it_stands(tmp_path: Path, free_port) -> None:
    python, exported, found, page = typed(TRACES_GUIDE, tmp_path, str(free_port()))
    assert re.fullmatch(r"tr-[0-9a-f]{32} \['predict', 'load'\]\n", python)
    assert exported == "{}"
    assert '"city":"Oslo"' in found
    assert "nightly job" not in found
    assert '"name":"nightly job"' in page


def typed(guide: Path, tmp_path: Path, port: str) -> list[str]:
    """Type a guide, and return what its commands said."""
    pytest.importorskip("mlflow", reason="mlflow is not installed: requirements/all.txt")
    server, done = None, []
    try:
        for kind, text in steps(guide):
            here = text.replace(PORT, port)
            if here.endswith("&"):
                program = [sys.executable, "-m", "dovetail.cli"]
                line = here.removesuffix("&").split()
                server = subprocess.Popen([*program, *line[1:]], cwd=tmp_path)
                _wait(port)
                continue
            command = [sys.executable, "-c", here] if kind == "python" else ["sh", "-c", here]
            ran = subprocess.run(
                command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, **QUIET}
            )
            assert ran.returncode == 0, f"{text}\n{ran.stdout}{ran.stderr}"
            assert '"error_code"' not in ran.stdout
            done.append(ran.stdout)
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
    return done


def test_the_light_clients_guide_works_as_it_stands(tmp_path: Path, free_port) -> None:
    with run_piece(piece, state=tmp_path / "state") as running:
        port = running.url.rpartition(":")[2]
        done = []
        for kind, text in BLOCK.findall(CLIENT_GUIDE.read_text()):
            program = ["-c", text.replace(PORT, port)]
            if kind == "console":
                program = ["-m", "dovetail.cli", *text.split()[2:]]
            ran = subprocess.run(
                [sys.executable, *program], cwd=tmp_path, capture_output=True, text=True
            )
            assert (ran.returncode, ran.stderr) == (0, "")
            done.append(ran.stdout)
    assert done == ["", "Nothing is left to send.\n", "1 {'auc': 0.999, 'loss': 0.001}\n"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_guide_to_artifacts_works_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x" * 3000)
    with run_piece(piece, state=tmp_path / "state") as running:
        text = FILES_GUIDE.read_text().replace(f"127.0.0.1:{PORT}", running.url.split("//")[1])
        lines = re.findall(r"^\$ (curl .*)$", text, re.MULTILINE)
        ran = [
            subprocess.run(["sh", "-c", one], cwd=tmp_path, capture_output=True, text=True)
            for one in lines
        ]
    assert [(one.returncode, one.stdout) for one in ran] == [(0, "{}"), (0, "")]
    assert (tmp_path / "head.bin").read_bytes() == b"x" * 1024


def _wait(port: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server of the guide did not start")
