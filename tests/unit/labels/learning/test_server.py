"""The AI labeller of a project: it learns as answers come, predicts, and says what is next."""

from pathlib import Path

import pytest
from tests.unit.labels.learning.conftest import answer, loaded, until
from tests.unit.labels.learning.examples import choice, comments
from tests.unit.labels.server.conftest import Api, on_database

from dovetail.labels.piece import piece
from dovetail.web.testing import run_piece

__all__ = ["on_database"]
PATH = "/api/labels/projects/{}/learner"


def learner(api: Api, project: int):
    return api.get(PATH.format(project))


def change(api: Api, project: int, **fields):
    return api.call("PUT", PATH.format(project), fields)


def test_a_project_has_no_labeller_until_it_is_switched_on(labels: Api) -> None:
    project, ids, moods = loaded(labels, 30)
    assert learner(labels, project)["phase"] == "off"
    for task, mood in zip(ids[:15], moods[:15], strict=True):
        answer(labels, task, mood)
    assert learner(labels, project)["versions"] == []
    assert labels.get(f"/api/predictions/?project={project}") == []


def test_it_learns_as_answers_come_and_predicts_what_is_open(labels: Api) -> None:
    project, ids, moods = loaded(labels)
    assert change(labels, project, enabled=True, every=20)["settings"]["enabled"] is True
    for task, mood in zip(ids[:40], moods[:40], strict=True):
        answer(labels, task, mood)
    state = until(lambda: (s := learner(labels, project))["version"] and s)
    assert state["version"]["name"].startswith("ai-labeller-")
    labels.post(PATH.format(project) + "/train", status=202)
    version = until(
        lambda: (
            (v := learner(labels, project)["version"])
            and v["answers"] == 40
            and v["predicted"] == 80
            and v
        )
    )
    assert version["skills"][0]["control"] == "mood"
    assert version["skills"][0]["answers"] == 40
    assert version["advice"]["text"]
    said = labels.get(f"/api/predictions/?project={project}")
    newest = {one["task"]: one for one in said if one["model_version"] == version["name"]}
    assert sorted(newest) == sorted(ids[40:])
    right = [
        newest[task]["result"][0]["value"]["choices"] == [mood]
        for task, mood in zip(ids[40:], moods[40:], strict=True)
    ]
    assert sum(right) / len(right) > 0.85
    assert all(0.5 < one["score"] < 1 for one in newest.values())
    task = labels.get(f"/api/tasks/{ids[50]}")
    assert task["total_predictions"] == 1
    assert labels.get(f"/api/projects/{project}")["total_predictions_number"] >= 80


def test_new_tasks_are_predicted_too(labels: Api) -> None:
    project, ids, moods = loaded(labels, 30)
    change(labels, project, enabled=True)
    for task, mood in zip(ids[:20], moods[:20], strict=True):
        answer(labels, task, mood)
    until(lambda: learner(labels, project)["version"])
    until(lambda: learner(labels, project)["phase"] == "ready")
    new = labels.load(project, [{"data": {"text": text}} for text, _ in comments(5, seed=9)])
    until(lambda: all(labels.get(f"/api/tasks/{task}")["total_predictions"] == 1 for task in new))


def test_the_strategy_decides_which_task_is_next(labels: Api) -> None:
    project, ids, moods = loaded(labels)
    change(labels, project, enabled=True, every=500, strategy="coreset")
    mood_of = dict(zip(ids, moods, strict=True))
    first = until(
        lambda: (n := labels.get(f"/api/projects/{project}/next"))["id"] != ids[0] and n, 10
    )
    again = labels.get(f"/api/projects/{project}/next")
    assert again["id"] == first["id"]  # it stays with them until they answer
    given = []
    for _ in range(6):
        task = labels.get(f"/api/projects/{project}/next")["id"]
        given.append(task)
        answer(labels, task, mood_of[task])
    assert len(set(given)) == 6
    assert given != sorted(given)


def test_answers_that_are_all_alike_are_named_as_the_problem(labels: Api) -> None:
    project, ids, _ = loaded(labels, 30)
    change(labels, project, enabled=True)
    for task in ids[:12]:
        answer(labels, task, "good")
    state = until(lambda: (s := learner(labels, project))["problem"] and s)
    assert state["phase"] == "waiting"
    assert "all answers so far are the same" in state["problem"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"strategy": "guess"}, "typiclust"),
        ({"every": 0}, "every"),
        ({"enabled": "yes"}, "enabled"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_cannot_be_are_refused(labels: Api, fields, said: str) -> None:
    project, _, _ = loaded(labels, 2)
    answered = labels.http.put(PATH.format(project), json=fields)
    assert answered.status_code in (400, 422)
    assert said in answered.text
    assert learner(labels, project)["settings"]["enabled"] is False


def test_an_unknown_project_has_no_labeller(labels: Api) -> None:
    labels.get(PATH.format(77), status=404)
    labels.post(PATH.format(77) + "/train", status=404)
    labels.get("/labels/ml/77/versions", status=404)


def test_what_was_learned_outlives_the_server(tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path) as running:
        api = Api(running.url)
        project, ids, moods = loaded(api, 30)
        change(api, project, enabled=True)
        for task, mood in zip(ids[:20], moods[:20], strict=True):
            answer(api, task, mood)
        first = until(lambda: learner(api, project)["version"])
        api.http.close()
    with run_piece(piece, state=tmp_path) as running:
        api = Api(running.url)
        assert learner(api, project)["version"]["name"] >= first["name"]
        task = {"id": 1, "data": {"text": "a lovely superb scene"}}
        said = api.post(f"/labels/ml/{project}/predict", {"tasks": [task]}, status=200)
        assert said["results"][0]["result"][0]["value"]["choices"] == ["good"]
        api.http.close()


def test_a_deleted_project_takes_its_labeller_along(labels: Api) -> None:
    project, ids, moods = loaded(labels, 30)
    change(labels, project, enabled=True)
    for task, mood in zip(ids[:20], moods[:20], strict=True):
        answer(labels, task, mood)
    until(lambda: learner(labels, project)["version"])
    labels.delete(f"/api/projects/{project}")
    labels.get(PATH.format(project), status=404)


def test_another_tool_can_use_a_projects_labeller_as_its_backend(labels: Api) -> None:
    project, _, _ = loaded(labels, 30)
    at = f"/labels/ml/{project}"
    assert labels.get(f"{at}/health")["status"] == "UP"
    for number, (text, mood) in enumerate(comments(24, seed=4)):
        event = {
            "action": "ANNOTATION_CREATED",
            "annotation": {"id": number + 1, "task": number + 100, "result": choice(mood)},
            "task": {"id": number + 100, "data": {"text": text}},
        }
        labels.post(f"{at}/webhook", event)
    labels.post(f"{at}/webhook", {"action": "START_TRAINING"})
    until(lambda: labels.get(f"{at}/versions")["versions"])
    task = {"id": 9, "data": {"text": "a dreadful useless scene"}}
    said = labels.post(f"{at}/predict", {"tasks": [task]}, status=200)
    assert said["results"][0]["result"][0]["value"]["choices"] == ["bad"]


def test_annotators_who_are_shown_the_labeller_are_shown_its_newest_version(labels: Api) -> None:
    project, ids, moods = loaded(labels, 40)
    change(labels, project, enabled=True)
    for task, mood in zip(ids[:14], moods[:14], strict=True):
        answer(labels, task, mood)
    first = until(lambda: learner(labels, project)["version"])["name"]
    labels.patch(f"/api/projects/{project}/", {"model_version": first})
    labels.post(PATH.format(project) + "/train", status=202)
    until(lambda: learner(labels, project)["version"]["name"] != first)
    newest = learner(labels, project)["version"]["name"]
    until(lambda: labels.get(f"/api/projects/{project}")["model_version"] == newest)


def test_it_learns_on_either_database(on_database: Api) -> None:
    project, ids, moods = loaded(on_database, 40)
    change(on_database, project, enabled=True, every=20)
    for task, mood in zip(ids[:20], moods[:20], strict=True):
        answer(on_database, task, mood)
    until(lambda: (v := learner(on_database, project)["version"]) and v["predicted"])
    on_database.post(PATH.format(project) + "/train", status=202)
    until(lambda: len(learner(on_database, project)["versions"]) > 1)
    event = {
        "action": "ANNOTATION_CREATED",
        "annotation": {"id": 1, "task": 1, "result": choice("good")},
        "task": {"id": 1, "data": {"text": "a lovely film"}},
    }
    for _ in range(2):
        on_database.post(f"/labels/ml/{project}/webhook", event)
    assert learner(on_database, project)["new_answers"] >= 1
    on_database.delete(f"/api/projects/{project}")
