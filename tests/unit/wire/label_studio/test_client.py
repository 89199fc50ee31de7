"""The client of Label Studio's REST API, against a server that says what it is told."""

import base64
import json

import pytest

from dovetail.wire.http import BadRequest, NotFound, Refused
from dovetail.wire.label_studio.client import Client, Imported, Project
from dovetail.wire.label_studio.config import parse


def jwt(kind: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"token_type": kind}).encode()).decode()
    return f"e30.{payload.rstrip('=')}.x"


@pytest.mark.parametrize(
    ("token", "sent"),
    [("abc", "Token abc"), ("dt_a.b", "Token dt_a.b"), (jwt("access"), f"Bearer {jwt('access')}")],
)
def test_a_key_is_sent_as_label_studio_takes_it(script, token, sent):
    with Client(script.url, token=token) as studio:
        studio.get("/api/version", dict)
    assert script.last.headers["authorization"] == sent


def test_a_personal_access_token_is_exchanged_and_renewed(script):
    script.say({"access": "short"})
    script.say({"id": 3, "email": "ann@example.org"})
    script.say({"id": 3})
    script.say({"detail": "expired"}, 401)
    script.say({"access": "newer"})
    script.say({"id": 4})
    with Client(script.url, token=jwt("refresh")) as studio:
        assert studio.whoami().email == "ann@example.org"
        assert studio.whoami().id == 3
        assert studio.whoami().id == 4
    sent = [(call.path, call.headers.get("authorization")) for call in script.calls]
    whoami = "/api/current-user/whoami"
    assert sent == [
        ("/api/token/refresh", None), (whoami, "Bearer short"), (whoami, "Bearer short"),
        (whoami, "Bearer short"), ("/api/token/refresh", None), (whoami, "Bearer newer"),
    ]  # fmt: skip
    assert script.calls[0].json == {"refresh": jwt("refresh")}


def test_a_personal_access_token_that_is_revoked_is_said(script):
    script.say({"detail": "Token is blacklisted"}, 401)
    with Client(script.url, token=jwt("refresh")) as studio, pytest.raises(Refused) as refused:
        studio.whoami()
    assert "the personal access token was not taken" in str(refused.value)


def test_projects_are_paged_and_found_by_title(script):
    first = {"count": 3, "results": [{"id": 1, "title": "a"}, {"id": 2, "title": "b"}]}
    second = {"count": 3, "results": [{"id": 3, "title": "b", "label_config": "<View/>", "new": 1}]}
    for page in (first, second) * 3:
        script.say(page)
    with Client(script.url) as studio:
        assert [project.id for project in studio.projects()] == [1, 2, 3]
        assert studio.find_project("a") == Project(id=1, title="a")
        with pytest.raises(NotFound, match="the projects 2, 3 are named 'b'"):
            studio.find_project("b")
        script.say({"id": 7})
        assert studio.find_project("7").id == 7
    assert script.calls[1].query == [("page", "2"), ("page_size", "100")]
    assert Project(id=3, label_config="<View/>").config == parse("<View/>")


def test_tasks_are_paged_until_all_are_there(script):
    script.say({"total": 3, "tasks": [{"id": 1}, {"id": 2}]})
    script.say({"total": 3, "tasks": [{"id": 3, "new": {"kept": True}}]})
    with Client(script.url) as studio:
        tasks = list(studio.tasks(5, page_size=2))
    assert tasks == [{"id": 1}, {"id": 2}, {"id": 3, "new": {"kept": True}}]
    assert ("page", "2") in script.last.query


def test_the_calls_of_labelling(script):
    with Client(script.url) as studio:
        script.say({"task_count": 1, "annotation_count": 0, "task_ids": [9], "duration": 0.1}, 201)
        assert studio.import_tasks(5, [{"data": {"a": 1}}]) == Imported(task_count=1, task_ids=[9])
        assert script.last.path == "/api/projects/5/import"
        assert script.last.query == [("return_task_ids", "true")]
        script.say({"id": 1, "result": []}, 201)
        assert studio.annotate(9, [], lead_time=2.5)["id"] == 1
        assert script.last.json == {
            "result": [], "was_cancelled": False, "ground_truth": False, "lead_time": 2.5,
        }  # fmt: skip
        studio.change_annotation(1, ground_truth=True)
        assert (script.last.method, script.last.path) == ("PATCH", "/api/annotations/1/")
        studio.predict(9, [], model_version="m1", score=0.5)
        assert script.last.json["model_version"] == "m1"


def test_no_more_tasks_is_no_error_and_no_project_is_one(script):
    with Client(script.url) as studio:
        script.say({"status_code": 404, "detail": "There are no tasks for ann@example.org"}, 404)
        assert studio.next_task(5) is None
        script.say({"status_code": 404, "detail": "No Project matches the given query."}, 404)
        with pytest.raises(NotFound, match="No Project matches"):
            studio.next_task(6)


def test_a_refused_config_is_said_in_the_servers_words(script):
    script.say({"id": "x", "status_code": 400, "detail": "Validation error"}, 400)
    with Client(script.url) as studio, pytest.raises(BadRequest, match="Validation error"):
        studio.create_project("abc", "<View>")


def test_exports_are_read_and_streamed(script):
    with Client(script.url) as studio:
        script.say([{"id": 1, "annotations": []}])
        assert studio.export(5) == [{"id": 1, "annotations": []}]
        script.say(b"a,b\n1,2\n")
        assert b"".join(studio.export_as(5, "CSV", all_tasks=False)) == b"a,b\n1,2\n"
    assert script.last.query == [("exportType", "CSV"), ("download_all_tasks", "false")]
