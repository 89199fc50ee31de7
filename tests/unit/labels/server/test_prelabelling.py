"""ML backends are asked about a task when somebody opens it, and keep nobody waiting."""

import threading
import time

import pytest
from tests.unit.labels.server.test_backends import Model, connect

from dovetail.labels.settings import LabelSettings


@pytest.fixture
def model():
    made = Model()
    yield made
    made.close()


@pytest.fixture
def slow():
    """A backend that predicts only once it is let."""
    made = Model()
    made.go = threading.Event()
    says = made.says

    def later(path, body):
        if path == "/predict":
            made.go.wait(20)
        return says(path, body)

    made.says = later
    yield made
    made.go.set()
    made.close()


def texts(model):
    return [[task["data"]["text"] for task in body["tasks"]] for body in model.bodies("/predict")]


def test_who_is_handed_a_task_sees_what_the_named_backend_says(labels, model):
    project = labels.project()
    labels.load(project, [{"text": "a"}])
    connect(labels, model, project)
    assert labels.get(f"/api/projects/{project}")["model_version"] == "m"
    for _ in range(2):  # it is asked once
        (said,) = labels.get(f"/api/projects/{project}/next")["predictions"]
        assert (said["score"], said["model_version"]) == (0.75, "v1")
    assert texts(model) == [["a"]]


def test_a_task_that_is_looked_at_is_predicted_where_nothing_was_said(labels, model):
    project = labels.project()
    mine = {"data": {"text": "b"}, "predictions": [{"result": [], "model_version": "mine"}]}
    first, second = labels.load(project, [{"text": "a"}, mine])
    connect(labels, model, project)
    assert [one["score"] for one in labels.get(f"/api/tasks/{first}")["predictions"]] == [0.75]
    said = labels.get(f"/api/tasks/{second}")["predictions"]
    assert [one["model_version"] for one in said] == ["mine"]
    assert texts(model) == [["a"]]


def test_the_desk_has_what_it_loads_ahead_predicted_at_once(labels, model):
    project = labels.project()
    labels.load(project, [{"text": text} for text in "abc"])
    connect(labels, model, project)
    items = labels.get(f"/api/labels/projects/{project}/queue?count=3")["items"]
    assert [one["prediction"]["score"] for one in items] == [0.75] * 3
    assert texts(model) == [["a", "b", "c"]]


@pytest.mark.parametrize(
    "fields",
    [
        {"show_collab_predictions": False},
        {"show_collab_predictions": False, "model_version": "other"},
    ],
)
def test_a_project_that_wants_none_shown_has_nobody_asked(labels, model, fields):
    project = labels.project(**fields)
    (task,) = labels.load(project, [{"text": "a"}])
    connect(labels, model, project)
    assert labels.get(f"/api/projects/{project}/next")["predictions"] == []
    assert labels.get(f"/api/tasks/{task}")["predictions"] == []
    assert texts(model) == []


def test_evaluate_automatically_asks_where_no_model_is_named(labels, model):
    project = labels.project(evaluate_predictions_automatically=True)
    (task,) = labels.load(project, [{"text": "a"}])
    connect(labels, model, project)
    labels.patch(f"/api/projects/{project}", {"model_version": ""})
    assert [one["id"] for one in labels.get(f"/api/projects/{project}/next")["predictions"]]
    labels.patch(f"/api/projects/{project}", {"show_collab_predictions": False})
    assert len(labels.get(f"/api/tasks/{task}")["predictions"]) == 1


def test_a_slow_backend_keeps_nobody_waiting_and_its_answer_is_stored(start, api_of, slow, until):
    with start(LabelSettings(prelabel_seconds=0.3)) as server:
        labels = api_of(server)
        project = labels.project()
        first, second = labels.load(project, [{"text": "a"}, {"text": "b"}])
        connect(labels, slow, project)
        begin = time.monotonic()
        assert labels.get(f"/api/projects/{project}/next")["predictions"] == []
        assert 0.25 < time.monotonic() - begin < 5
        begin = time.monotonic()  # it is known to be slow now
        assert labels.get(f"/api/tasks/{second}")["predictions"] == []
        assert time.monotonic() - begin < 0.25
        slow.go.set()
        until(lambda: labels.get(f"/api/tasks/{second}")["predictions"])
        until(lambda: labels.get(f"/api/tasks/{first}")["predictions"])
        assert sorted(texts(slow)) == [["a"], ["b"]]


def test_a_backend_that_fails_is_asked_once_and_the_task_is_handed_out(labels, model):
    project = labels.project()
    (task,) = labels.load(project, [{"text": "a"}])
    made = connect(labels, model, project)
    model.status = 500
    for _ in range(3):
        assert labels.get(f"/api/projects/{project}/next")["id"] == task
        assert labels.get(f"/api/tasks/{task}")["predictions"] == []
    assert len({str(body) for body in model.bodies("/predict")}) == 1
    assert len(model.bodies("/predict")) <= 4  # one call, which the client repeats
    assert labels.get(f"/api/ml/{made['id']}")["state"] == "ER"


def test_a_backend_that_has_learned_is_asked_again_and_its_new_version_shown(labels, model):
    project = labels.project()
    first, second = labels.load(project, [{"text": "a"}, {"text": "b"}])
    made = connect(labels, model, project)
    labels.get(f"/api/tasks/{first}")
    says = model.says
    model.says = lambda path, body: _renamed(says(path, body), "v2")
    labels.get(f"/api/tasks/{second}")
    assert labels.get(f"/api/ml/{made['id']}")["model_version"] == "v2"
    (said,) = labels.get(f"/api/projects/{project}/next")["predictions"]
    assert said["model_version"] == "v2"
    assert texts(model) == [["a"], ["b"], ["a"]]


def _renamed(said, version):
    for one in said.get("results", ()):
        one["model_version"] = version
    return said
