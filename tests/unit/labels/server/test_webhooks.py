"""Webhooks: Label Studio's bodies, delivered until they are taken, to allowed addresses only."""

import hashlib
import hmac
import json

import pytest

from dovetail.labels.settings import LabelSettings
from dovetail.web.auth import Tokens


def region(label):
    value = {"choices": [label]}
    return [{"from_name": "mood", "to_name": "text", "type": "choices", "value": value}]


def test_what_happens_is_told_in_label_studios_shapes(on_database, receiver):
    project = on_database.project()
    body = {"url": f"{receiver.url}/hook", "project": project, "headers": {"X-Mine": "yes"}}
    hook = on_database.post("/api/webhooks/", body)
    assert hook["headers"] == {"X-Mine": "yes"}
    task = on_database.load(project, [{"data": {"text": "a"}, "mine": 1.50}])[0]
    made = on_database.post(f"/api/tasks/{task}/annotations/", {"result": region("good")})
    path = f"/api/annotations/{made['id']}/"
    on_database.patch(path, {"result": region("bad")})
    on_database.delete(path)
    on_database.delete(f"/api/tasks/{task}")
    told = [json.loads(sent) for _, _, sent in receiver.wait(5)]
    assert [one["action"] for one in told] == [
        "TASKS_CREATED",
        "ANNOTATION_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATIONS_DELETED",
        "TASKS_DELETED",
    ]
    assert {one["project"]["id"] for one in told} == {project}
    assert told[0]["project"]["created_by"] == 1
    assert told[0]["project"]["parsed_label_config"]["mood"]["type"] == "Choices"
    assert told[3]["annotations"] == [{"id": made["id"]}]
    assert told[4]["tasks"] == [{"id": task}]
    assert receiver.requests[0][1]["X-Mine"] == "yes"


def test_a_body_is_written_word_for_word(labels, receiver):
    project = labels.project()
    labels.post("/api/webhooks", {"url": receiver.url, "project": project})
    task = labels.load(project, [{"text": "a"}])[0]
    sent = b'{"result":[{"type":"hologram","value":{"x":1.50}}]}'
    labels.call("POST", f"/api/tasks/{task}/annotations/", sent, status=201)
    bodies = [body for _, _, body in receiver.wait(2)]
    assert b'{"type":"hologram","value":{"x":1.50}}' in bodies[1]


def test_a_secret_signs_and_only_asked_actions_are_told(labels, receiver):
    project = labels.project()
    hook = labels.post(
        "/api/webhooks",
        {
            "url": receiver.url,
            "project": project,
            "secret": "s3cret",
            "send_for_all_actions": False,
            "actions": ["TASKS_CREATED"],
        },
    )
    assert "secret" not in hook
    task = labels.load(project, [{"text": "a"}])[0]
    labels.post(f"/api/tasks/{task}/annotations/", {"result": region("good")})
    labels.patch(f"/api/webhooks/{hook['id']}/", {"send_payload": False})
    labels.load(project, [{"text": "b"}])
    (_, headers, body), (_, _, bare) = receiver.wait(2)
    signed = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Dovetail-Signature"] == f"sha256={signed}"
    assert json.loads(bare) == {"action": "TASKS_CREATED"}
    labels.delete(f"/api/webhooks/{hook['id']}/")
    assert labels.get(f"/api/webhooks/?project={project}") == []


def test_a_receiver_that_fails_is_tried_again(labels, receiver):
    receiver.answers = [(503, {}), (200, {})]
    labels.post("/api/webhooks", {"url": receiver.url})
    project = labels.project()
    receiver.wait(2)
    assert [json.loads(body)["project"]["id"] for _, _, body in receiver.requests] == [project] * 2


def test_what_was_not_delivered_is_after_a_restart(start, receiver, api_of, tmp_path):
    receiver.answers = [(500, {})]
    with start() as server:
        labels = api_of(server)
        labels.post("/api/webhooks", {"url": receiver.url})
        labels.project()
        receiver.wait(1)
    with start():
        assert len(receiver.wait(2)) >= 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://example.org"}, "url"),
        ({"url": "http://127.0.0.1:1/x", "actions": ["NOPE"]}, "actions"),
        ({"url": "http://127.0.0.1:1/x", "headers": {"Host": "x"}}, "headers"),
        ({"url": "http://127.0.0.1:1/x", "headers": {"A": "b\r\nC: d"}}, "headers"),
    ],
)
def test_a_bad_webhook_is_refused(labels, body, field):
    assert field in labels.post("/api/webhooks", body, status=400)["validation_errors"]


def test_only_allowed_addresses_are_called_where_others_may_call_us(start, api_of, tmp_path):
    secret = Tokens(f"sqlite:///{tmp_path / 'web.db'}").create("ann", "editor")
    with start(auth=True) as server:
        labels = api_of(server, secret)
        refused = labels.post("/api/webhooks", {"url": "https://127.0.0.1:9/x"}, status=400)
        assert "127.0.0.1" in refused["validation_errors"]["url"][0]
        assert "outbound_allow" in refused["validation_errors"]["url"][0]
    with start(LabelSettings(outbound_allow=("127.0.0.1",)), auth=True) as server:
        api_of(server, secret).post("/api/webhooks", {"url": "http://127.0.0.1:9/x"})


def test_headers_are_not_to_be_seen_in_the_database(start, api_of, tmp_path):
    with start() as server:
        body = {"url": "http://127.0.0.1:9/x", "headers": {"Authorization": "Bearer hush-hush"}}
        made = api_of(server).post("/api/webhooks", body)
        assert api_of(server).get(f"/api/webhooks/{made['id']}")["headers"] == body["headers"]
    assert all(b"hush-hush" not in path.read_bytes() for path in tmp_path.glob("labels*"))
