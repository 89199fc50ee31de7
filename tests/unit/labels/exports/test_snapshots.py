"""Snapshots on a real server: what is in them, that they never change, what they say of sources."""

import csv
import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dovetail.labels.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire.http import BadRequest, NotFound
from dovetail.wire.label_studio import client as label_studio
from dovetail.wire.labels import Client

CONFIG = """<View><Text name="text" value="$text"/>
  <Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
  <Choices name="topics" toName="text" choice="multiple">
    <Choice value="a"/><Choice value="b"/><Choice value="c"/>
  </Choices>
  <Labels name="ner" toName="text"><Label value="PER"/></Labels>
  <Number name="age" toName="text"/><TextArea name="why" toName="text"/>
</View>"""


class World:
    """A server with a project, and people who answer."""

    def __init__(self, url: str, folder: Path) -> None:
        self.studio, self.snapshots = label_studio.Client(url), Client(url)
        self.folder = folder
        self.project = self.studio.create_project("Moods", CONFIG).id

    def task(self, text: str, *answers: dict[str, Any], **more: Any) -> int:
        """A task with an annotation of ann, of bob, ... in turn."""
        people = ("ann@x.org", "bob@x.org", "eve@x.org", "dan@x.org")
        annotations = [
            {"completed_by": {"email": people[turn]}, "result": regions(answer), **more}
            for turn, answer in enumerate(answers)
        ]
        task = {"data": {"text": text}, "annotations": annotations}
        return self.studio.import_tasks(self.project, [task]).task_ids[0]

    def labels(self, name: str = "gold") -> dict[tuple[int, str], Any]:
        found = self.snapshots.labels(self.project, name)
        return {(label.task, label.control): label for label in found}


def regions(answer: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {
        "mood": "choices",
        "topics": "choices",
        "ner": "labels",
        "age": "number",
        "why": "textarea",
    }
    return [
        {"id": f"r{n}", "from_name": name, "to_name": "text", "type": kinds[name], "value": value}
        for n, (name, value) in enumerate(answer.items())
    ]


def mood(label: str) -> dict[str, Any]:
    return {"mood": {"choices": [label]}}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with run_piece(piece, state=tmp_path) as running:
        made = World(running.url, tmp_path)
        yield made
        made.studio.close()
        made.snapshots.close()


def test_a_label_says_what_it_rests_on(world):
    for n in range(20):
        right, wrong = ("good", "bad") if n % 2 else ("bad", "good")
        slips = n == 11, n in (4, 17), n % 3 == 0
        world.task(f"t{n}", *(mood(wrong if slip else right) for slip in slips))
    made = world.snapshots.make(world.project, "gold")
    assert (made.reference, made.tasks, made.labels) == ("gold@1", 20, 20)
    (facts,) = made.controls
    assert facts.model in ("majority", "dawid-skene", "one-coin", "vote-ratio")
    assert facts.labels == {"bad": 10, "good": 10}
    assert [one.name for one in facts.sources] == [
        "person ann@x.org", "person bob@x.org", "person eve@x.org",
    ]  # fmt: skip
    assert facts.sources[0].accuracy > facts.sources[2].accuracy
    label = next(iter(world.labels().values()))
    assert (label.label, label.how) == ("bad", facts.model)
    assert 0.5 < label.probability <= 1
    assert label.agreement == pytest.approx(1 / 3)
    assert {one.kind for one in label.sources} == {"person"}
    assert [(one.name, one.answer) for one in label.sources] == [
        ("ann@x.org", "bad"), ("bob@x.org", "bad"), ("eve@x.org", "good"),
    ]  # fmt: skip
    assert label.result[0]["id"] == "r0"


def test_each_kind_of_answer_is_decided_in_its_way(world):
    def spans(end: int) -> dict[str, Any]:
        return {"start": 0, "end": end, "text": "x", "labels": ["PER"]}

    def answer(topics: str, end: int, age: int, why: str) -> dict[str, Any]:
        return {"topics": {"choices": list(topics)}, "ner": spans(end), "age": {"number": age},
                "why": {"text": [why]}}  # fmt: skip

    several = world.task(
        "Ann Example",
        answer("ab", 3, 3, "x y"),
        answer("a", 11, 9, "x y z"),
        answer("ac", 10, 4, "q"),
    )
    single = world.task("alone", mood("good"))
    world.snapshots.make(world.project, "gold")
    found = world.labels()
    said = {
        name: (label.label, label.how) for (task, name), label in found.items() if task == several
    }
    assert said == {
        "topics": ("a", "more than half"), "age": (4.0, "median"),
        "ner": (None, "closest to the others"), "why": ("x y", "closest to the others"),
    }  # fmt: skip
    assert found[several, "ner"].result[0]["value"]["end"] == 10
    assert (found[single, "mood"].label, found[single, "mood"].how) == ("good", "one answer")
    assert found[single, "mood"].probability is None


def test_gold_decides(world):
    task = world.task("t", mood("bad"), mood("bad"))
    world.studio.annotate(task, regions(mood("good")), ground_truth=True)
    world.task("u", mood("good"), mood("bad"))
    world.snapshots.make(world.project, "gold")
    label = world.labels()[task, "mood"]
    assert (label.label, label.how, label.probability) == ("good", "ground truth", 1.0)


def test_a_snapshot_never_changes_and_the_same_state_is_the_same_snapshot(world):
    task = world.task("t", mood("good"))
    first = world.snapshots.make(world.project, "gold")
    assert world.snapshots.make(world.project, "gold") == first
    other = world.snapshots.make(world.project, "other")
    assert (other.version, other.digest) == (1, first.digest)
    world.studio.annotate(task, regions(mood("good")))
    added = world.task("u", mood("bad"))
    second = world.snapshots.make(world.project, "gold")
    assert (second.version, second.digest == first.digest) == (2, False)
    assert [one.reference for one in world.snapshots.snapshots(world.project)] == [
        "gold@2", "other@1", "gold@1",
    ]  # fmt: skip
    assert world.labels("gold@1")[task, "mood"].sources[0].answer == "good"
    assert (task, "mood") in world.labels("gold")
    assert (added, "mood") not in world.labels(str(first.id))
    change = world.snapshots.diff(world.project, "gold@1", "gold@2")
    assert (change.tasks_added, change.labels_added, change.unchanged) == ([added], 1, 1)
    assert [(one.task, one.before, one.after) for one in change.changes] == [(added, None, "bad")]
    assert world.snapshots.verify(world.project, "gold@1").ok


def test_data_that_changed_is_a_difference(world):
    task = world.task("before", mood("good"))
    world.snapshots.make(world.project, "gold")
    world.studio.post(f"/api/tasks/{task}/", {"data": {"text": "after"}}, dict, method="PATCH")
    world.snapshots.make(world.project, "gold")
    change = world.snapshots.diff(world.project, "gold@1", "gold@2")
    assert (change.tasks_changed, change.labels_changed, change.unchanged) == ([task], 0, 1)


def test_a_snapshot_that_somebody_touched_is_found_out(world):
    world.task("t", mood("good"))
    world.snapshots.make(world.project, "gold")
    (file,) = world.folder.rglob("labels.jsonl")
    content = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(content.replace(b"good", b"best"))
    verdict = world.snapshots.verify(world.project, "gold")
    assert not verdict.ok
    assert verdict.faults[0].startswith(f"labels.jsonl has {len(content)} bytes of digest")
    file.unlink()
    assert world.snapshots.verify(world.project, "gold").faults == ["labels.jsonl is gone."]


def test_a_table_to_train_from(world):
    world.task("=cmd()", {**mood("good"), "age": {"number": 4}})
    world.task("plain", mood("bad"), mood("bad"))
    world.task("open")
    world.snapshots.make(world.project, "gold")

    def table(kind: Any) -> bytes:
        return b"".join(world.snapshots.table(world.project, "gold", kind))

    frame = pl.read_parquet(io.BytesIO(table("parquet")))
    assert frame.columns == [
        "task", "text", "age", "age.probability", "age.answers",
        "mood", "mood.probability", "mood.answers",
    ]  # fmt: skip
    assert frame["mood"].to_list() == ["good", "bad", None]
    assert frame["mood.answers"].to_list() == [1, 2, 0]
    assert frame["age"].to_list() == [4.0, None, None]
    lines = list(csv.DictReader(io.StringIO(table("csv").decode())))
    assert [line["text"] for line in lines] == ["'=cmd()", "plain", "open"]
    assert len(table("jsonl").splitlines()) == 3
    with pytest.raises(BadRequest, match="there is no table format 'xls'"):
        table("xls")


def test_models_count_only_where_they_are_asked_to(world):
    task = world.task("t", mood("good"))
    world.task("u", mood("bad"))
    world.studio.predict(task, regions(mood("bad")), model_version="m1", score=0.9)
    people = world.snapshots.make(world.project, "people")
    assert [one.name for one in world.labels("people")[task, "mood"].sources] == ["ann@x.org"]
    both = world.snapshots.make(world.project, "both", predictions=True)
    assert both.predictions
    assert not people.predictions
    sources = world.labels("both")[task, "mood"].sources
    assert [(one.kind, one.name) for one in sources] == [("person", "ann@x.org"), ("model", "m1")]


def test_what_is_wrong_is_said(world):
    with pytest.raises(BadRequest, match=r"cannot be called '\.\./x'"):
        world.snapshots.make(world.project, "../x")
    world.task("t", mood("good"), mood("bad"))
    with pytest.raises(BadRequest, match="there is no model 'oracle'"):
        world.snapshots.make(world.project, "gold", model="oracle")
    for reference in ("gone", "gone@2", "7", "gone@x"):
        with pytest.raises(NotFound, match="there is no snapshot"):
            world.snapshots.snapshot(world.project, reference)
    with pytest.raises(NotFound):
        world.snapshots.make(999, "gold")
    assert [path for path in world.folder.rglob("*.jsonl")] == []


def test_a_deleted_project_takes_its_snapshots_with_it(world):
    world.task("t", mood("good"))
    world.snapshots.make(world.project, "gold")
    world.studio.delete_project(world.project)
    assert list(world.folder.rglob("*.jsonl")) == []
    with pytest.raises(NotFound):
        world.snapshots.snapshots(world.project)


def test_an_empty_project_has_an_empty_snapshot(world):
    made = world.snapshots.make(world.project, "empty")
    assert (made.tasks, made.labels, made.controls) == (0, 0, ())
    assert list(world.snapshots.labels(world.project, "empty")) == []
    assert world.snapshots.verify(world.project, "empty").ok
    assert b"".join(world.snapshots.table(world.project, "empty")) != b""


def test_what_a_killed_server_left_of_a_snapshot_is_deleted_at_the_next_start(
    tmp_path: Path, until: Any
) -> None:
    with run_piece(piece, state=tmp_path) as running:
        world = World(running.url, tmp_path)
        world.task("fine", {"mood": {"choices": ["good"]}})
        world.snapshots.make(world.project, "gold")
        world.snapshots.make(world.project, "gold")  # nothing new: what it wrote is gone again
        world.studio.close()
        world.snapshots.close()
    kept = tmp_path / "artifacts" / "snapshots" / str(world.project)
    (folder,) = kept.iterdir()
    left, strange = kept / "0123", kept / "4567"
    for one in (left, strange):
        one.mkdir()
        (one / "tasks.jsonl").write_bytes(b"{}")
    with sqlite3.connect(tmp_path / "labels.db") as database:
        assert database.execute("SELECT * FROM snapshots_begun").fetchall() == []
        row = f"snapshots/{world.project}/0123", "2026-01-01T00:00:00.000000Z"
        database.execute("INSERT INTO snapshots_begun VALUES (?, ?)", row)
    database.close()
    with run_piece(piece, state=tmp_path) as running:
        until(lambda: not left.exists())
        assert sorted(kept.iterdir()) == sorted((folder, strange))  # only what it began itself
        with Client(running.url) as labels:
            assert labels.verify(world.project, "gold").ok
