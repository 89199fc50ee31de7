"""Each extra, installed alone in a fresh environment, gives a server that speaks its protocol.

Everything comes from uv's cache, which `make install` fills, so no network is needed. Where the
cache lacks a file the test is skipped and says so.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

DECLARED = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
PIECES = sorted(DECLARED["project"]["entry-points"]["dovetail.pieces"])
EVENT = {"specversion": "1.0", "id": "1", "source": "test", "type": "dev.dovetail.outcome"}
EVENT_DATA = {"model": "m", "outcomes": [{"request_id": "r", "row": 0, "value": 1}]}
QUESTIONS = {
    "data": ("GET", "/data.json", None, None),
    "features": ("GET", "/health", None, None),
    "governance": ("GET", "/governance/verify", None, None),
    "labels": ("POST", "/api/projects", {"title": "alone"}, None),
    "loop": ("GET", "/loop/state", None, None),
    "monitoring": (
        "POST",
        "/monitoring/events",
        EVENT | {"data": EVENT_DATA},
        "application/cloudevents+json",
    ),
    "serving": ("GET", "/v2", None, None),
    "tracking": ("POST", "/api/2.0/mlflow/experiments/create", {"name": "alone"}, None),
}
NOT_CACHED = ("the network was disabled", "connectivity is disabled")
PROGRAM = """
import importlib, json, sys, tempfile
from pathlib import Path
import httpx
from dovetail.web.testing import run_piece

name, (method, path, body, kind) = sys.argv[1], json.loads(sys.argv[2])
piece = importlib.import_module(f"dovetail.{name}.piece").piece
with tempfile.TemporaryDirectory() as state, run_piece(piece, state=Path(state)) as server:
    headers = {"content-type": kind or "application/json"}
    answer = httpx.request(method, server.url + path, json=body, headers=headers)
    assert answer.is_success, (answer.status_code, answer.text)
print(json.dumps(sorted({m.split(".")[1] for m in sys.modules if m.startswith("dovetail.")})))
"""


def uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("uv is not installed: requirements/uv.txt")
    return found


def install_alone(extra: str, wheel: Path, root: Path, place: Path) -> Path:
    """Make an environment with one extra and nothing else; return its Python."""
    python = place / "bin/python"
    subprocess.run([uv(), "venv", "-q", "--python", sys.executable, str(place)], check=True)
    wanted = f"dovetail[{extra}] @ {wheel.as_uri()}"
    install = [uv(), "pip", "install", "-q", "--offline", "--python", str(python), wanted]
    install += ["--constraints", str(root / "requirements/all.txt")]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode and any(sign in done.stderr for sign in NOT_CACHED):
        pytest.skip(f"uv's cache lacks what [{extra}] needs: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr
    return python


@pytest.mark.parametrize("piece", PIECES)
def test_an_extra_alone_serves_its_protocol(
    piece: str, wheel: Path, root: Path, tmp_path: Path
) -> None:
    python = install_alone(piece, wheel, root, tmp_path / "venv")
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(python), "-W", "error", "-c", PROGRAM, piece, json.dumps(QUESTIONS[piece])],
        cwd=tmp_path,
        env=bare,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rooms = set(json.loads(done.stdout.splitlines()[-1]))
    assert rooms & set(PIECES) == {piece}


def test_the_core_alone_names_the_missing_extra(wheel: Path, root: Path, tmp_path: Path) -> None:
    python = install_alone("tracking", wheel, root, tmp_path / "venv")
    done = subprocess.run(
        [
            str(python),
            "-c",
            "from dovetail.base import extras; "
            "extras.require('polars', extra='features', feature='point-in-time joins')",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "point-in-time joins needs the library 'polars'" in done.stderr
    assert ".[features]" in done.stderr
