"""What the page about people says is done as it stands, against a real server."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from dovetail.labels.cli import commands

PAGE = Path(__file__).parents[4] / "docs/how-to/labels-people.md"
COMMAND = re.compile(r"^\$ dovetail labels ((?:invite|people|payments) .*)$", re.M)


def test_the_commands_and_the_document_of_the_page_work(
    build: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    world = build(8, maximum_annotations=2)
    assert world.project == 1
    text = PAGE.read_text()
    (document,) = re.findall(r"```json\n(.*?)```", text, re.S)
    plan = json.loads(document)
    kept = world.boss.call("PUT", f"{world.api}/people", plan | {"qualification": None})
    assert kept["rates"]["ann"]["per"] == "hour"
    bob = world.invite("bob")
    said = []
    for line in COMMAND.findall(text):
        extra = ["--url", world.url, "--token", world.boss.token]
        done = CliRunner().invoke(commands, [*shlex.split(line), *extra])
        assert done.exit_code == 0, (line, done.output, done.exception)
        said.append(done.stdout)
        if line.startswith("invite"):
            token = done.stdout.strip()
            assert re.fullmatch(r"dvt_[\w-]{40,}", token)
            ann = type(bob)(world.url, token)
            world.callers.append(ann)
            for task in world.tasks:
                ann.answer(task, "good", seconds=36)
                bob.answer(task, "good" if task % 2 else "bad")
    assert "The 2 people cannot be told apart" in said[1]
    assert "Krippendorff's alpha" in said[1]
    assert "sha256" in said[2]
    assert (tmp_path / "november.csv").read_text().startswith("project,from,to,as_of,person")
    world.boss.call("PUT", f"{world.api}/people", plan)
    line = ["people", "1", "--json", "--url", world.url, "--token", ann.token]
    refused = CliRunner().invoke(commands, line)
    assert refused.exit_code != 0
    assert "403" in str(refused.exception or refused.output)
