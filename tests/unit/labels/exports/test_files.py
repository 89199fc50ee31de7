"""Label Studio's own export snapshots: made, listed, filtered, fetched in any format, deleted."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.labels.server.conftest import GOOD, Api

from dovetail.labels.piece import piece
from dovetail.web.testing import run_piece


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Api, int, list[int]]]:
    """A project with a task that is answered, one that is skipped, one that is open."""
    with run_piece(piece, state=tmp_path) as running:
        api = Api(running.url)
        project = api.project()
        tasks = api.load(project, [{"text": "answered"}, {"text": "skipped"}, {"text": "open"}])
        api.post(f"/api/tasks/{tasks[0]}/annotations/", {"result": GOOD})
        api.post(f"/api/tasks/{tasks[0]}/annotations/", {"result": [], "ground_truth": True})
        api.post(f"/api/tasks/{tasks[1]}/annotations/", {"result": [], "was_cancelled": True})
        prediction = {"task": tasks[2], "model_version": "m1", "score": 0.5, "result": GOOD}
        api.post("/api/predictions/", prediction)
        yield api, project, tasks
        api.http.close()


def test_an_export_is_made_listed_fetched_and_deleted(world, tmp_path):
    api, project, _ = world
    every = f"/api/projects/{project}/exports"
    made = api.post(f"{every}/", {"title": "first"})
    assert (made["title"], made["status"], made["counters"]) == (
        "first", "completed", {"task_number": 3},
    )  # fmt: skip
    assert len(made["md5"]) == 32
    assert made["converted_formats"] == []
    one = f"{every}/{made['id']}"
    assert api.get(f"{every}/") == [made]
    assert len(api.get(f"{one}/download?exportType=JSON")) == 3
    said = api.post(f"{one}/convert", {"export_type": "CSV"}, status=200)
    assert said["export_type"] == "CSV"
    assert api.get(one)["converted_formats"][0]["id"] == said["converted_format"]
    table = api.http.get(f"{one}/download?exportType=CSV")
    assert table.headers["filename"].endswith(".csv")
    assert len(table.text.splitlines()) == 4
    assert list(tmp_path.glob("**/exports/**/*.json"))
    api.delete(one)
    api.get(one, status=404)
    assert list(tmp_path.glob("**/exports/**/*.json")) == []


def test_an_export_does_not_change(world):
    api, project, tasks = world
    made = api.post(f"/api/projects/{project}/exports/")
    assert made["title"].startswith("moods-at-")
    api.delete(f"/api/tasks/{tasks[0]}/")
    kept = api.get(f"/api/projects/{project}/exports/{made['id']}/download")
    assert [task["id"] for task in kept] == tasks


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({"task_filter_options": {"skipped": "only"}}, ["skipped"]),
        ({"task_filter_options": {"skipped": "exclude"}}, ["answered", "open"]),
        ({"task_filter_options": {"annotated": "only"}}, ["answered"]),
        ({"task_filter_options": {"finished": "only"}}, ["answered"]),
        ({"task_filter_options": {"finished": "exclude", "view": None}}, ["skipped", "open"]),
        ({"task_filter_options": {"only_with_annotations": True}}, ["answered", "skipped"]),
    ],
)  # fmt: skip
def test_tasks_are_filtered(world, options, texts):
    api, project, _ = world
    made = api.post(f"/api/projects/{project}/exports/", options)
    found = api.get(f"/api/projects/{project}/exports/{made['id']}/download")
    assert [task["data"]["text"] for task in found] == texts


def test_annotations_are_filtered_and_parts_written_in_full(world):
    api, project, _ = world
    options = {
        "annotation_filter_options": {"usual": False, "ground_truth": True},
        "serialization_options": {
            "predictions": {"only_id": False}, "annotations__completed_by": {"only_id": False},
        },
    }  # fmt: skip
    made = api.post(f"/api/projects/{project}/exports/", options)
    found = api.get(f"/api/projects/{project}/exports/{made['id']}/download")
    assert [len(task["annotations"]) for task in found] == [1, 0, 0]
    assert "email" in found[0]["annotations"][0]["completed_by"]
    assert found[2]["predictions"][0]["model_version"] == "m1"


def test_what_is_wrong_is_said(world):
    api, project, _ = world
    every = f"/api/projects/{project}/exports"
    made = api.post(f"{every}/")
    one = f"{every}/{made['id']}"
    said = api.post(f"{one}/convert", {"export_type": "COCO"}, status=400)
    assert "COCO is not supported" in json.dumps(said)
    api.post(f"{one}/convert", {}, status=400)
    api.get(f"{one}/download?exportType=XML", status=400)
    api.get(f"{every}/99", status=404)
    api.post("/api/projects/99/exports/", status=404)
    api.post(f"{every}/", {"task_filter_options": {"finished": "maybe"}}, status=400)


def test_some_tasks_are_exported_by_number(world):
    api, project, tasks = world
    query = f"ids[]={tasks[0]}&ids[]={tasks[2]}&download_all_tasks=true"
    found = api.get(f"/api/projects/{project}/export?exportType=JSON&{query}")
    assert [task["id"] for task in found] == [tasks[0], tasks[2]]
    api.get(f"/api/projects/{project}/export?ids[]=x", status=400)
