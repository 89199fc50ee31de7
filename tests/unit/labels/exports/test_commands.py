"""`dovetail labels import`, `export`, `projects` and `snapshots`, typed as the page shows them."""

import csv
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from dovetail.labels.cli import commands
from dovetail.labels.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire.label_studio.client import Client

PAGE = Path(__file__).parents[4] / "docs/how-to/labels-formats.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)
Type = Callable[..., Result]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with run_piece(piece, state=tmp_path / "state") as running:
        yield running.url


@pytest.fixture
def typed(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a command, in an empty folder, to that server."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(line: str, code: int | None = 0) -> Result:
        done = CliRunner().invoke(commands, [*shlex.split(line), "--url", server])
        assert code is None or done.exit_code == code, (line, done.output, done.exception)
        return done

    return run


def test_the_page_runs(typed):
    said = {}
    for language, options, body in BLOCK.findall(PAGE.read_text()):
        if "file=" in options:
            Path(options.split("file=")[1].strip()).write_text(body)
        elif language == "python" and "no-run" not in options:
            exec(compile(body, str(PAGE), "exec"), {})
        elif language == "console" and "no-run" not in options:
            for line in re.findall(r"^\$ dovetail labels (.*)$", body, re.M):
                said[line] = typed(line).output
    assert "3 tasks in project 1" in said["import Moods comments.csv --config moods.xml"]
    assert "gold is what it was" in said["snapshots verify Moods gold"]
    exported = json.loads(Path("moods.json").read_text())
    assert [task["data"]["text"] for task in exported] == [
        "Great video, thanks", "Buy cheap watches here", "=SUM(1)",
    ]  # fmt: skip
    with open("moods.csv", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)][2] == "'=SUM(1)"
    assert pl.read_parquet("gold.parquet")["id"].to_list() == [1, 2, 3]


def regions(label: str) -> list[dict[str, Any]]:
    return [{"from_name": "mood", "to_name": "text", "type": "choices",
             "value": {"choices": [label]}}]  # fmt: skip


def test_a_changed_label_is_told_by_diff(typed, server):
    for _, options, body in BLOCK.findall(PAGE.read_text())[:2]:
        Path(options.split("file=")[1].strip()).write_text(body)
    typed("import Moods comments.csv --config moods.xml")
    with Client(server) as client:
        first = client.annotate(1, regions("good"))
        made = json.loads(typed("export Moods --name gold --json").output)
        assert (made["name"], made["version"], made["labels"]) == ("gold", 1, 1)
        client.change_annotation(first["id"], result=regions("bad"))
    assert "gold@2: 1 labels of 3 tasks" in typed("export 1 --name gold").output
    told = typed("snapshots diff Moods gold@1 gold@2").output
    assert "0 labels more, 0 less, 1 others, 0 the same" in told
    assert re.search(r"1\s+mood\s+good\s+bad", told)


def test_an_export_of_one_project_comes_in_as_another(typed, server):
    for _, options, body in BLOCK.findall(PAGE.read_text())[:2]:
        Path(options.split("file=")[1].strip()).write_text(body)
    typed("import Moods comments.csv --config moods.xml")
    with Client(server) as client:
        client.annotate(1, [*regions("good"), {"type": "hologram", "odd": {"kept": [1]}}])
    typed("export Moods --all --out whole.json")
    typed("import Again whole.json --config moods.xml")
    typed("export Again --all --out again.json")
    one, other = (json.loads(Path(name).read_text()) for name in ("whole.json", "again.json"))
    assert [task["data"] for task in one] == [task["data"] for task in other]
    assert one[0]["annotations"][0]["result"] == other[0]["annotations"][0]["result"]


def test_pictures_of_a_folder_are_sent_and_shown(typed, server):
    Path("pics/cats").mkdir(parents=True)
    Path("pics/cats/1.png").write_bytes(b"\x89PNG 1")
    Path("pics/notes.md").write_text("x")
    Path("view.xml").write_text('<View><Image name="image" value="$image"/></View>')
    done = typed("import Cats pics --config view.xml --json")
    assert "passed over notes.md" in done.stderr
    with Client(server) as client:
        (task,) = client.export(1)
        assert client.send("GET", task["data"]["image"]).content == b"\x89PNG 1"
        assert task["meta"] == {"file": "cats_1.png"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import Gone t.csv", "no project is named 'Gone'; make it with --config"),
        ("import 9 t.csv --config view.xml", "9"),
        ("export Gone --out x.json", "no project is named 'Gone'"),
        ("export Gone", "give --out for a file, --name for a snapshot, or both"),
        ("import Moods t.csv --config bad.xml", "line 1: column"),
    ],
)
def test_what_is_wrong_is_said(typed, line, said):
    Path("t.csv").write_text("text\na\n")
    Path("view.xml").write_text('<View><Text name="text" value="$text"/></View>')
    Path("bad.xml").write_text("<View>")
    done = typed(line, None)
    assert done.exit_code != 0
    assert said in done.output + str(done.exception)


def test_a_file_that_cannot_be_read_sends_nothing(typed, server):
    Path("view.xml").write_text('<View><Text name="text" value="$text"/></View>')
    Path("good.csv").write_text("text\na\n")
    Path("bad.csv").write_text("text\na,b\n")
    done = typed("import Moods good.csv bad.csv --config view.xml", None)
    assert "bad.csv, line 2: 2 cells" in str(done.exception)
    with Client(server) as client:
        assert [one.task_number for one in client.projects()] == [0]
