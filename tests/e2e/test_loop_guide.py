"""The guide is typed as it stands, on another port."""

import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

GUIDE = Path(__file__).parents[2] / "docs/how-to/loop.md"
FILE = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (dovetail .*)$", re.MULTILINE)
PROGRAM = [sys.executable, "-m", "dovetail.cli"]


@pytest.mark.skipif(not GUIDE.exists(), reason="the pages are not here")
def test_the_guide_works_as_it_stands(tmp_path, free_port):
    pytest.importorskip("lightgbm")
    text, port = GUIDE.read_text(), str(free_port())
    for name, content in FILE.findall(text):
        (tmp_path / name).write_text(content)
    settings = tmp_path / "dovetail.toml"
    settings.write_text(f"[server]\nport = {port}\n{settings.read_text()}")
    up, *commands = COMMAND.findall(text)
    assert up == "dovetail up --port 8080 &"
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen([*PROGRAM, "up"], cwd=tmp_path, stdout=log, stderr=log)
        try:
            wait(f"http://127.0.0.1:{port}/v2/health/ready", server)
            done = [typed(command, tmp_path) for command in commands]
            history = httpx.get(f"http://127.0.0.1:{port}/loop/history").json()
        finally:
            server.terminate()
            server.wait(30)
    kinds = [event["kind"] for event in history]
    assert kinds[:4] == ["training", "trained", "compared", "promoted"]
    promoted = [event["version"] for event in history if event["kind"] == "promoted"]
    assert len(promoted) == 2
    assert {"looked", "rejected", "canary"} <= set(kinds)
    assert f"champion       {promoted[-1]}" in done[2].splitlines()


def typed(command: str, folder: Path) -> str:
    ran = subprocess.run(
        [*PROGRAM, *command.split()[1:]], cwd=folder, capture_output=True, text=True
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def wait(url: str, server: subprocess.Popen) -> None:
    for _ in range(600):
        assert server.poll() is None
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
