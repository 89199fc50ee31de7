"""One script through our client, against our server and against a real Label Studio.

The real one is heavy: it is asked where LABEL_STUDIO_URL and LABEL_STUDIO_TOKEN name one that runs
(`label-studio start --enable-legacy-api-token`).
"""

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dovetail.labels.piece import piece
from dovetail.testing.labels import check_label_server
from dovetail.web.testing import run_piece
from dovetail.wire.http import BadRequest, NotFound
from dovetail.wire.label_studio.client import Client

pytestmark = pytest.mark.compat
CONFIG = """<View><Text name="text" value="$text"/>
  <Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
  <Labels name="ner" toName="text"><Label value="PER"/></Labels>
</View>"""
RESULT: list[dict[str, Any]] = [
    {"id": "x1", "from_name": "mood", "to_name": "text", "type": "choices",
     "value": {"choices": ["good"]}},
    {"id": "x2", "from_name": "ner", "to_name": "text", "type": "labels", "odd": {"k": 1},
     "value": {"start": 0, "end": 3, "text": "abc", "labels": ["PER"]}},
    {"type": "hologram", "from_name": "zz", "to_name": "yy", "value": {"a": [1, {"b": None}]}},
]  # fmt: skip
URL, TOKEN = os.environ.get("LABEL_STUDIO_URL"), os.environ.get("LABEL_STUDIO_TOKEN")


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Client]:
    with run_piece(piece, state=tmp_path) as running, Client(running.url) as client:
        yield client


@pytest.fixture(params=["ours", "theirs"])
def studio(request: pytest.FixtureRequest) -> Iterator[Client]:
    if request.param == "ours":
        yield request.getfixturevalue("ours")
        return
    with theirs() as client:
        yield client


def theirs() -> Client:
    if not URL or not TOKEN:
        pytest.skip("no real Label Studio: name one in LABEL_STUDIO_URL and LABEL_STUDIO_TOKEN")
    return Client(URL, token=TOKEN)


def filled(studio: Client) -> int:
    """A project with seven tasks, the first of them answered."""
    project = studio.create_project("Moods swap", CONFIG).id
    tasks = [{"data": {"text": f"abc {n}", "deep": {"x": [n]}}, "meta": {"m": n}} for n in range(5)]
    made = studio.import_tasks(project, tasks)
    assert (made.task_count, len(made.task_ids)) == (5, 5)
    files = [("more.csv", b"text,n\nq,1\n"), ("still.csv", b"text,n\nr,2\n")]
    assert studio.upload(project, files).task_count == 2
    saved = studio.annotate(made.task_ids[0], RESULT, lead_time=1.5)
    assert studio.change_annotation(saved["id"], ground_truth=True)["ground_truth"] is True
    return project


def test_labelling(studio):
    project = filled(studio)
    assert studio.whoami().email
    assert studio.project(project).task_number == 7
    tasks = list(studio.tasks(project, page_size=3))
    assert [task["data"]["text"] for task in tasks] == [*(f"abc {n}" for n in range(5)), "q", "r"]
    said = studio.predict(tasks[1]["id"], RESULT[:1], model_version="m1", score=0.25)
    assert said["model_version"] == "m1"
    following = studio.next_task(project)
    assert following is not None
    assert following["id"] == tasks[1]["id"]
    annotation = studio.task(tasks[0]["id"])["annotations"][0]
    assert annotation["result"] == RESULT
    studio.delete_annotation(annotation["id"])
    assert studio.task(tasks[0]["id"])["annotations"] == []
    studio.delete_project(project)


def test_exports(studio):
    project = filled(studio)
    able = {one["name"] for one in studio.export_formats(project) if not one.get("disabled")}
    assert able >= {"JSON", "JSON_MIN", "CSV", "TSV", "CONLL2003"}
    assert "COCO" not in able
    assert len(studio.export(project)) == 7
    (task,) = studio.export(project, all_tasks=False)
    assert (task["data"], task["meta"]) == ({"text": "abc 0", "deep": {"x": [0]}}, {"m": 0})
    assert task["annotations"][0]["result"] == RESULT

    def fetched(kind: str) -> str:
        return b"".join(studio.export_as(project, kind, all_tasks=False)).decode()

    (short,) = json.loads(fetched("JSON_MIN"))
    assert list(short) == [
        "text", "deep", "id", "mood", "ner", "annotator", "annotation_id", "created_at",
        "updated_at", "lead_time",
    ]  # fmt: skip
    (line,) = csv.DictReader(io.StringIO(fetched("CSV")))
    assert (line["mood"], line["deep"], line["lead_time"]) == ("good", '{"x":[0]}', "1.5")
    assert "abc -X- _ B-PER\n0 -X- _ O" in fetched("CONLL2003")
    studio.delete_project(project)


def test_faults(studio):
    with pytest.raises(BadRequest):
        studio.create_project("Bad", "<View><Choices name='a' toName='b'/></View>")
    with pytest.raises(NotFound):
        studio.project(99_999)


def test_the_laws(studio):
    check_label_server(studio.url, TOKEN if studio.url == URL else None)


def test_an_export_goes_there_and_back_without_loss(ours):
    with theirs() as studio:
        first = filled(studio)
        there = studio.export(first)
        here = ours.create_project("From theirs", CONFIG).id
        ours.import_tasks(here, there)
        second = studio.create_project("Back again", CONFIG).id
        studio.import_tasks(second, ours.export(here))
        back = studio.export(second)
        for project in (first, second):
            studio.delete_project(project)
    assert [content(task) for task in back] == [content(task) for task in there]
    assert [content(task) for task in ours.export(here)] == [content(task) for task in there]


def content(task: dict[str, Any]) -> dict[str, Any]:
    """What is said, without numbers and times that a server gives."""
    kept = ("result", "was_cancelled", "ground_truth", "lead_time")
    annotations = [{key: one[key] for key in kept} for one in task["annotations"]]
    return {"data": task["data"], "meta": task["meta"], "annotations": annotations}
