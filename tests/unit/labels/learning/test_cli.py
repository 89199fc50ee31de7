"""`dovetail labels learn` and `dovetail labels backend`."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from click.testing import CliRunner
from tests.unit.labels.learning.conftest import answer, loaded, until
from tests.unit.labels.learning.examples import CONFIG
from tests.unit.labels.server.conftest import Api

from dovetail.labels.cli import commands


def run(*arguments: str) -> str:
    found = CliRunner().invoke(commands, list(arguments), catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def test_a_labeller_is_switched_on_told_to_learn_and_shown(labels: Api) -> None:
    project, ids, moods = loaded(labels, 60)
    url = ["--url", labels.url]
    said = run("learn", str(project), "--on", "--every", "500", "--strategy", "margin", *url)
    assert "0 of 500 new answers" in said
    assert "next tasks by margin" in said
    for task, mood in zip(ids[:40], moods[:40], strict=True):
        answer(labels, task, mood)
    said = run("learn", str(project), "--now", *url)
    assert "ai-labeller-1: from 40 answered tasks" in said
    assert "expected error" in said
    found = json.loads(run("learn", str(project), "--json", *url))
    assert found["version"]["skills"][0]["control"] == "mood"
    assert "typiclust" in found["strategies"]
    assert run("learn", str(project), "--off", *url).startswith(f"project {project}: off")


def test_a_backend_of_its_own_starts_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "config.xml"
    file.write_text(CONFIG)
    command = [
        sys.executable, "-m", "dovetail.cli", "labels", "backend", "--label-config", str(file),
        "--port", "0", "--state", str(tmp_path / "state"),
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = until(process.stderr.readline)
        url = line.rsplit(" ", 1)[1].strip()
        assert httpx.get(f"{url}/health").json()["status"] == "UP"
        made = httpx.post(f"{url}/setup", json={"project": "1.1", "schema": CONFIG})
        assert made.json() == {"model_version": "untrained"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
