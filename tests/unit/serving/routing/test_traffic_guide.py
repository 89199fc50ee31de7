"""The guide to versions, traffic and graphs is typed as it stands, on another port."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

GUIDE = Path(__file__).parents[4] / "docs/how-to/serving-traffic.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.skipif(not GUIDE.exists(), reason="the guides are not beside these tests")
def test_the_guide_works_as_it_stands(tmp_path, free_port):
    port, server, said = str(free_port()), None, []
    program = f"{sys.executable} -m dovetail.cli serving"
    try:
        for kind, text in BLOCK.findall(GUIDE.read_text()):
            if kind == "python":
                subprocess.run([sys.executable, "-c", text], cwd=tmp_path, check=True)
                continue
            for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                line = command.strip().replace("8080", port)
                line = re.sub(r"\bdovetail serving", program, line)
                if line.endswith("&"):
                    server = subprocess.Popen(
                        line.removesuffix("&").split(), cwd=tmp_path, stderr=subprocess.DEVNULL
                    )
                    wait(port)
                    continue
                ran = subprocess.run(
                    ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True
                )
                assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
                said.append(ran.stdout)
        report = httpx.get(f"http://127.0.0.1:{port}/v2/models/late/routing/arms").json()
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
    whole = "\n".join(said)
    assert '"model_name":"triage"' in whole
    assert '"counted":true' in whole
    assert "late: split" in whole
    assert sum(arm["rewards"] for arm in report["arms"]) == 1


def wait(port):
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/v2/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server of the guide did not start")
