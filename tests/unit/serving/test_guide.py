"""The guides are typed as they stand, on another port."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

GUIDES = Path(__file__).parents[3] / "docs/how-to"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)

ANSWERS = {
    ("serving", "serving-compile", "serving-observe"): 2,
    ("serving-formats",): 1,
    ("serving-repository",): 1,
}
"""Guides that are typed one after the other, to the number of their requests for two rows."""


def steps(guides):
    """Python blocks, and commands that ask the guide's own server."""
    whole = "\n".join((GUIDES / f"{guide}.md").read_text() for guide in guides)
    for kind, text in BLOCK.findall(whole):
        if kind == "python":
            yield kind, text
            continue
        for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            if command.startswith(("curl", "dovetail serving list")) or "8080 &" in command:
                yield kind, command.strip()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.skipif(not GUIDES.exists(), reason="the guides are not beside these tests")
@pytest.mark.parametrize(("guides", "same"), ANSWERS.items(), ids=str)
def test_the_guide_works_as_it_stands(tmp_path, free_port, guides, same):
    port, grpc, server = str(free_port()), str(free_port()), None
    program = f"{sys.executable} -m dovetail.cli"
    done = []
    try:
        for kind, text in steps(guides):
            if kind == "python":
                program_text = text.replace("8081", grpc)
                command = [sys.executable, "-W", "error", "-c", program_text]
            else:
                line = text.replace("8080", port).replace("dovetail serving", f"{program} serving")
                if line.endswith("&"):
                    line = f"{line.removesuffix('&')} --grpc-port {grpc}"
                    server = subprocess.Popen(line.split(), cwd=tmp_path, stderr=subprocess.DEVNULL)
                    wait(port)
                    continue
                command = ["sh", "-c", line]
            ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
            assert ran.returncode == 0, f"{text}\n{ran.stdout}{ran.stderr}"
            done.append(ran.stdout)
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
    answers = [text for text in done if '"predict","shape":[2,1]' in text]
    assert len(answers) == same
    assert len(set(answers)) == 1  # the same, in whatever form it was asked
    assert os.listdir(tmp_path)


def wait(port):
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/v2/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server of the guide did not start")
