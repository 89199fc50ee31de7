"""`dovetail labels route`, `quality` and `simulate`, as the how-to page has them typed."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.labels.routing.test_served import CONFIG, made, mood, running, say

from dovetail.labels.cli import commands

PAGE = Path(__file__).parents[4] / "docs/how-to/labels-routing.md"


def typed(*words: str) -> str:
    told = CliRunner().invoke(commands, list(words), catch_exceptions=False)
    assert told.exit_code == 0, told.output
    return told.output


def test_costs_are_estimated_without_a_server() -> None:
    command = re.search(r"\$ dovetail labels (simulate .*)", PAGE.read_text())
    assert command is not None
    told = typed(*command[1].split())
    assert "usually" in told
    assert "right in the end" in told


def test_a_project_is_routed_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "functions.py"
    file.write_text("def lf_nice(data):\n    return 'good' if 'nice' in data['text'] else None\n")
    spec = tmp_path / "nice.json"
    text = re.search(r"```json file=nice.json\n(.*?)```", PAGE.read_text(), re.S)
    assert text is not None
    spec.write_text(text[1])
    with running(tmp_path / "state", functions=str(file)) as api:
        project, tasks = made(api, 6)
        where = ["--url", api.url]
        told = typed("route", str(project), "--quality", "0.9", "--source", str(spec), *where)
        assert "routed to 90% sure" in told
        say(api, tasks[0], mood(0), lead_time=3.0)
        shown = typed("quality", str(project), *where)
        assert "promised" in shown
        assert "lf_nice" in shown
        assert "nothing yet" in shown
        assert "keeps its own order" in typed("route", str(project), "--off", *where)
        api.get(f"/api/labels/projects/{project}/quality", status=404)


def test_the_example_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert code is not None
    exec(code[1], {})
    assert "Estimate" in capsys.readouterr().out


def test_large_tasks_are_split_and_put_together(tmp_path: Path) -> None:
    split, join = re.findall(r"\$ dovetail labels ((?:split|join) .*)", PAGE.read_text())
    with running(tmp_path) as api:
        parent, child = (
            api.post("/api/projects", {"title": "parts", "label_config": one})["id"]
            for one in (CONFIG.replace("$text", "$review"), CONFIG)
        )
        api.load(parent, [{"review": "Nice. Awful!"}, {"review": "Nice."}])
        assert (parent, child) == (1, 2)
        where = ["--url", api.url]
        assert "2 tasks of project 1 are 3 parts here" in typed(*split.split(), *where)
        assert "0 tasks" in typed(*split.split(), *where)
        typed("route", "2", "--quality", "0.7", "--floor", "1", *where)
        assert "0 tasks were put together from 0 parts; 2 wait" in typed(*join.split(), *where)
        listed = api.get("/api/tasks?project=2&fields=all")["tasks"]
        assert [one["data"]["text"] for one in listed] == ["Nice.", "Awful!", "Nice."]
