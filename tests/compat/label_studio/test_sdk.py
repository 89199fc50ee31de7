"""The real label-studio-sdk does the same against ours as against Label Studio.

`outcomes.json` is what came of `script.py` against Label Studio 1.23.2. Where a Label Studio is
installed beside the client, it is asked again.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from dovetail.labels.piece import piece
from dovetail.labels.settings import LabelSettings
from dovetail.web.auth import Tokens
from dovetail.web.testing import run_piece

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
VENV = Path(os.environ.get("LABEL_STUDIO_VENV", ROOT / ".venv-label-studio")).resolve()
TOKEN = "0123456789abcdef0123456789abcdef01234567"
# Label Studio does not count tasks here that have gold annotations only; ours counts them.
DIFFERENT = {"counts": [8, 8, 8, 8]}
START_SECONDS = 240


def recorded():
    return json.loads((HERE / "outcomes.json").read_text())


def outcomes(url, token):
    program = VENV / "bin/python"
    if not program.exists():
        pytest.skip(f"label-studio-sdk is not in {VENV}: make test installs it")
    command = [str(program), str(HERE / "script.py"), url, token]
    bare = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=bare)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.compat
def test_the_sdk_does_the_same_here_as_with_label_studio(tmp_path):
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    settings = LabelSettings(outbound_allow=("127.0.0.1",))
    with run_piece(piece, settings, state=tmp_path, auth=True) as server:
        assert outcomes(server.url, tokens.create("ann", "editor")) == recorded() | DIFFERENT


@pytest.mark.compat
def test_the_sdk_does_the_same_on_postgresql(tmp_path, postgres_url):
    with run_piece(piece, state=tmp_path, database=postgres_url) as server:
        assert outcomes(server.url, "any") == recorded() | DIFFERENT


@pytest.mark.compat
def test_what_was_recorded_is_what_label_studio_does(tmp_path, free_port):
    program = VENV / "bin/label-studio"
    if not program.exists():
        pytest.skip(f"no Label Studio is installed in {VENV}: 800 MB, so none is by default")
    port = free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path),
        "COLLECT_ANALYTICS": "False",
        "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "false",
    }
    options = f"start --no-browser --port {port} --data-dir {tmp_path} --user-token {TOKEN}"
    login = "--username ann@example.org --password pass-word-1 --enable-legacy-api-token"
    command = [str(program), *options.split(), *login.split()]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=tmp_path)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", server)
        assert outcomes(url, TOKEN) == recorded()
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url, server):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert server.poll() is None, "Label Studio has ended"
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.HTTPError:
            time.sleep(1)
    pytest.fail("Label Studio does not answer")
