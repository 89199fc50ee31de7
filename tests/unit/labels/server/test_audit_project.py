"""A project on a running server is audited by its address."""

import io
import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests.unit.labels.server.conftest import Api

from dovetail.base.errors import InvalidInputError
from dovetail.labels.audit.project import read_project
from dovetail.labels.cli import commands

TEXTS = {"good": "a lovely film with great music", "bad": "a boring film with awful music"}


def choice(said: str, who: int, **more: Any) -> dict[str, Any]:
    value = {"choices": [said]}
    region = {"from_name": "mood", "to_name": "text", "type": "choices", "value": value}
    return {"result": [region], "completed_by": who, **more}


def filled(labels: Api, people: int) -> int:
    """A project of 120 comments; the last of its people errs often."""
    rng = np.random.default_rng(0)
    users = [
        labels.post("/api/users/", {"email": f"p{n}@example.com", "username": f"p{n}"})["id"]
        for n in range(people)
    ]
    project = labels.project()
    tasks = []
    for n in range(120):
        truth = ("good", "bad")[n % 2]
        other = ("bad", "good")[n % 2]
        skill = [0.95] * (people - 1) + [0.55]
        said = [truth if rng.random() < skill[p] else other for p in range(people)]
        answers = [choice(one, user) for one, user in zip(said, users, strict=True)]
        if n < 15:
            answers[0] = choice(truth, users[0], ground_truth=True)
        tasks.append({"data": {"text": f"{TEXTS[truth]} {n}"}, "annotations": answers})
    labels.load(project, tasks)
    return project


def test_several_people_are_told_apart(labels: Api) -> None:
    project = filled(labels, 3)
    line = ["audit", "--from", f"{labels.url}/projects/{project}", "--json"]
    done = CliRunner().invoke(commands, line, catch_exceptions=False)
    found = json.loads(done.output)
    assert found["rows"] == 120
    assert found["basis"] == "gold"
    assert found["accuracy"] > 0.9
    worst = found["annotators"][0]
    assert worst["lower"] < 0.55 < worst["upper"]
    assert [one["rows"] for one in found["annotators"]] == [120] * 3


def test_rows_are_named_by_their_tasks_and_golden_ones_are_known(labels: Api) -> None:
    project = filled(labels, 1)
    table, columns = read_project(f"{labels.url}/labels/projects/{project}/data?tab=1", "")
    assert (columns.item, columns.gold, columns.key) == ("", "gold", "task")
    assert table["gold"].null_count() == 105
    assert table["data.text"][0].startswith(TEXTS["good"])


def test_what_cannot_be_audited_is_explained(labels: Api) -> None:
    with pytest.raises(InvalidInputError, match="is no address of a project"):
        read_project("http://localhost/tasks", "")
    with pytest.raises(InvalidInputError, match="there is no project at"):
        read_project(f"{labels.url}/projects/77", "")
    project = labels.project()
    with pytest.raises(InvalidInputError, match="nobody has answered 'mood' yet"):
        read_project(f"{labels.url}/projects/{project}", "")
    with pytest.raises(InvalidInputError, match="has no control 'moods'"):
        read_project(f"{labels.url}/projects/{project}", "", "moods")
    with pytest.raises(InvalidInputError, match="no labels to audit"):
        read_project(f"{labels.url}/projects/{project}", "", "ner")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_project("http://127.0.0.1:9/projects/1", "")


def test_pictures_that_the_server_keeps_are_looked_at(labels: Api) -> None:
    image = pytest.importorskip("PIL.Image")
    config = (
        '<View><Image name="image" value="$image"/><Choices name="way" toName="image">'
        '<Choice value="across"/><Choice value="down"/></Choices></View>'
    )
    project = labels.project(label_config=config)
    rng = np.random.default_rng(0)
    files = []
    for n in range(60):
        pixels = rng.integers(0, 90, (24, 24, 3)).astype(np.uint8)
        (pixels[:, 4:10] if n % 2 else pixels[4:10])[...] = 230
        out = io.BytesIO()
        image.fromarray(pixels).save(out, "PNG")
        files.append(("file", (f"{n:02}.png", out.getvalue())))
    path = f"/api/projects/{project}/import?return_task_ids=true"
    answer = labels.http.post(path, files=files)
    assert answer.status_code == 201, answer.text
    for task in labels.get(f"/api/projects/{project}/export?download_all_tasks=true"):
        n = int(task["data"]["image"][-6:-4])
        way = ("across", "down")[(n % 2) ^ (n == 7)]
        region = {"from_name": "way", "to_name": "image", "type": "choices"}
        result = [{**region, "value": {"choices": [way]}}]
        labels.post(f"/api/tasks/{task['id']}/annotations/", {"result": result})
    line = ["audit", "--from", f"{labels.url}/projects/{project}", "--json"]
    found = json.loads(CliRunner().invoke(commands, line, catch_exceptions=False).output)
    assert [one["excerpt"][-6:] for one in found["suspects"]][:1] == ["07.png"]


SEVERAL = (
    '<View><Text name="text" value="$text"/><Choices name="tags" toName="text" choice="multiple">'
    '<Choice value="late"/><Choice value="rude"/></Choices></View>'
)


def test_a_control_of_several_labels_is_audited_class_by_class(labels: Api) -> None:
    rng = np.random.default_rng(0)
    users = [
        labels.post("/api/users/", {"email": f"p{n}@example.com", "username": f"p{n}"})["id"]
        for n in range(2)
    ]
    project = labels.project(label_config=SEVERAL)
    tasks = []
    for n in range(120):
        have = [name for name in ("late", "rude") if rng.random() < 0.4]
        said = list(have)
        if n % 15 == 0:
            said = [c for c in said if c != "late"] if "late" in said else [*said, "late"]
        text = f"order {n} it was here {' '.join(have * 2)} with people"
        # Who finds nothing to choose sends no region: that is an answer.
        result = [
            {"from_name": "tags", "to_name": "text", "type": "choices", "value": {"choices": said}}
        ]
        answers = [{"result": result if said else [], "completed_by": user} for user in users]
        tasks.append({"data": {"text": text}, "annotations": answers})
    labels.load(project, tasks)
    line = ["audit", "--from", f"{labels.url}/projects/{project}", "--json"]
    found = json.loads(CliRunner().invoke(commands, line, catch_exceptions=False).output)
    assert found["rows"] == 120
    assert {one["label"] for one in found["questions"]} == {"late", "rude"}
    assert [one["rows"] for one in found["annotators"]] == [240, 240]  # an item and a class each
    table, columns = read_project(f"{labels.url}/projects/{project}", "")
    assert columns.item == "task"
    assert table["label"].null_count() == 0
    assert [] in table["label"].to_list()
