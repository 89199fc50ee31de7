"""Webhooks over the protocol: managed as in MLflow, told of every change that was kept, once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import verify

API = "/api/2.0/mlflow"
HOOKS = f"{API}/webhooks"
IS_PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}
ALL = [
    {"entity": entity, "action": action}
    for entity, action in (
        ("REGISTERED_MODEL", "CREATED"),
        ("MODEL_VERSION", "CREATED"),
        ("MODEL_VERSION_TAG", "SET"),
        ("MODEL_VERSION_TAG", "DELETED"),
        ("MODEL_VERSION_ALIAS", "CREATED"),
        ("MODEL_VERSION_ALIAS", "DELETED"),
        ("PROMPT", "CREATED"),
        ("PROMPT_VERSION", "CREATED"),
        ("PROMPT_TAG", "SET"),
        ("PROMPT_TAG", "DELETED"),
        ("PROMPT_VERSION_TAG", "SET"),
        ("PROMPT_VERSION_TAG", "DELETED"),
        ("PROMPT_ALIAS", "CREATED"),
        ("PROMPT_ALIAS", "DELETED"),
    )
]
MODEL = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]


def settings(url: str = "", **more: Any) -> TrackingSettings:
    return TrackingSettings(
        database=url, webhook_allow=("127.0.0.1", "hooks.example"), webhook_retries=2, **more
    )


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[httpx.Client]:
    """A server on each database whose webhooks may call this machine."""
    with (
        run_piece(piece, settings(database_url), state=tmp_path) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        yield client


def make(server: httpx.Client, url: str, **more: Any) -> dict[str, Any]:
    body = {"name": "hook", "url": url, "events": MODEL, **more}
    answer = server.post(HOOKS, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["webhook"])


def call(server: httpx.Client, method: str, path: str, **body: Any) -> Any:
    answer = server.request(method, f"{API}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    return answer.status_code, body["error_code"], body["message"]


def told(receiver: Any, count: int) -> list[tuple[str, Any]]:
    """Return event and data of what came, in an order of its own: deliveries have none."""
    bodies = [json.loads(body) for _, _, body in receiver.wait(count)]
    pairs = [(f"{one['entity']}.{one['action']}", one["data"]) for one in bodies]
    return sorted(pairs, key=lambda pair: (pair[0], json.dumps(pair[1])))


def deliveries(server: httpx.Client) -> list[dict[str, Any]]:
    return list(server.get("/tracking/webhooks.json").json()["deliveries"])


def test_a_webhook_is_made_read_changed_and_removed_and_never_tells_its_secret(
    server: httpx.Client, tmp_path: Path
) -> None:
    made = make(
        server, "https://hooks.example/a", description="tells", secret="s3cret", events=MODEL * 2
    )
    assert made == {
        "webhook_id": made["webhook_id"],
        "name": "hook",
        "description": "tells",
        "url": "https://hooks.example/a",
        "events": MODEL,
        "status": "ACTIVE",
        "creation_timestamp": made["creation_timestamp"],
        "last_updated_timestamp": made["creation_timestamp"],
    }
    one = f"{HOOKS}/{made['webhook_id']}"
    assert server.get(one).json() == {"webhook": made}
    two = [*MODEL, {"entity": "MODEL_VERSION", "action": "CREATED"}]
    changed = call(
        server, "PATCH", f"webhooks/{made['webhook_id']}", name="x", events=two, status="DISABLED"
    )["webhook"]
    assert changed["last_updated_timestamp"] > made["last_updated_timestamp"]
    assert (changed["name"], changed["status"]) == ("x", "DISABLED")
    assert sorted(e["entity"] for e in changed["events"]) == ["MODEL_VERSION", "REGISTERED_MODEL"]
    assert (changed["url"], changed["description"]) == ("https://hooks.example/a", "tells")
    assert "s3cret" not in server.get(HOOKS).text + server.get("/tracking/webhooks.json").text
    stored = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(b"s3cret" in content for content in stored)
    assert server.request("DELETE", one, json={}).json() == {}
    gone = (404, "RESOURCE_DOES_NOT_EXIST", f"Webhook with ID {made['webhook_id']} not found.")
    assert refusal(server.get(one)) == gone
    assert refusal(server.request("DELETE", one)) == gone
    assert refusal(server.patch(one, json={"name": "y"})) == gone
    assert refusal(server.post(f"{one}/test", json={})) == gone
    assert server.get("/ajax-api/2.0/mlflow/webhooks").json() == {}


def test_webhooks_are_listed_newest_first_a_page_at_a_time(server: httpx.Client) -> None:
    made = [make(server, "https://hooks.example/", name=f"h{i}")["name"] for i in range(5)]
    found, token = [], ""
    while True:
        answer = server.get(HOOKS, params={"max_results": 2, "page_token": token}).json()
        found += [one["name"] for one in answer["webhooks"]]
        token = answer.get("next_page_token", "")
        if not token:
            break
    assert sorted(found) == sorted(made)
    said = "max_results must be between 1 and 1000."
    for wrong in (-1, 1001):
        answer = server.get(HOOKS, params={"max_results": wrong})
        assert refusal(answer) == (400, "INVALID_PARAMETER_VALUE", said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "-a"}, "Webhook name '-a' is invalid. It must start and end with a letter"),
        ({"name": "a" * 64}, "Webhook name"),
        ({"name": ""}, "Missing value for required parameter 'name'."),
        ({"url": ""}, "Missing value for required parameter 'url'."),
        ({"url": "https://127.0.0.2/"}, "Webhook URL must not resolve to a non-public IP address."),
        ({"events": []}, "Missing value for required parameter 'events'."),
        (
            {"events": [{"entity": "MODEL_VERSION", "action": "DELETED"}]},
            "Invalid action 'deleted' for entity 'model_version'. Valid actions are: ['created']",
        ),
        ({"events": [{"entity": "RUN", "action": "CREATED"}]}, "Invalid value for parameter"),
        ({"events": [{"entity": "PROMPT"}]}, "Missing value for required parameter"),
        ({"status": "ASLEEP"}, "Invalid value \"ASLEEP\" for parameter 'status' supplied"),
        ({"secret": "s" * 1001}, "Webhook secret has more than 1000 characters."),
    ],
)
def test_a_wrong_webhook_is_refused_and_not_kept(
    server: httpx.Client, change: dict[str, Any], said: str
) -> None:
    body = {"name": "hook", "url": "https://hooks.example/", "events": MODEL, **change}
    status, code, message = refusal(server.post(HOOKS, json=body))
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message.startswith(said)
    assert server.get(HOOKS).json() == {}


def test_every_change_of_a_model_is_told_in_mlflows_words(server: httpx.Client, receiver) -> None:
    make(server, f"{receiver.url}/hook", events=ALL, secret="s3cret")
    tags = [{"key": "team", "value": "x"}]
    call(server, "POST", "registered-models/create", name="m", tags=tags)
    call(
        server, "POST", "model-versions/create", name="m", source="s3://b/m", tags=tags,
        description="first",
    )  # fmt: skip
    of = {"name": "m", "version": "1"}
    call(server, "POST", "model-versions/set-tag", **of, key="k", value="v")
    call(server, "DELETE", "model-versions/delete-tag", **of, key="k")
    call(server, "POST", "registered-models/alias", **of, alias="champion")
    call(server, "DELETE", "registered-models/alias", name="m", alias="champion")
    call(server, "POST", "registered-models/set-tag", name="m", key="k", value="v")
    assert told(receiver, 6) == [
        (
            "model_version.created",
            {
                **of,
                "source": "s3://b/m",
                "run_id": None,
                "tags": {"team": "x"},
                "description": "first",
            },
        ),
        ("model_version_alias.created", {**of, "alias": "champion"}),
        ("model_version_alias.deleted", {"name": "m", "alias": "champion"}),
        ("model_version_tag.deleted", {**of, "key": "k"}),
        ("model_version_tag.set", {**of, "key": "k", "value": "v"}),
        ("registered_model.created", {"name": "m", "tags": {"team": "x"}, "description": ""}),
    ]
    path, headers, body = receiver.requests[0]
    assert path == "/hook"
    lower = {name.lower(): value for name, value in headers.items()}
    assert verify("s3cret", httpx.Headers(lower), body)
    assert not verify("other", httpx.Headers(lower), body)
    assert json.loads(body)["actor"] == "local"


def test_every_change_of_a_prompt_is_told_as_that_of_a_prompt(
    server: httpx.Client, receiver
) -> None:
    make(server, receiver.url, events=ALL)
    kind = {"key": "_mlflow_prompt_type", "value": "text"}
    call(server, "POST", "registered-models/create", name="p", tags=[IS_PROMPT, kind])
    text = {"key": "mlflow.prompt.text", "value": "Hello {{name}}!"}
    call(
        server, "POST", "model-versions/create", name="p", source="dummy-source",
        tags=[IS_PROMPT, text, kind, {"key": "a", "value": "b"}],
    )  # fmt: skip
    of = {"name": "p", "version": "1"}
    call(server, "POST", "registered-models/set-tag", name="p", key="k", value="v")
    call(server, "DELETE", "registered-models/delete-tag", name="p", key="k")
    call(server, "POST", "model-versions/set-tag", **of, key="k", value="v")
    call(server, "DELETE", "model-versions/delete-tag", **of, key="k")
    call(server, "POST", "registered-models/alias", **of, alias="champion")
    call(server, "DELETE", "registered-models/alias", name="p", alias="champion")
    assert told(receiver, 8) == [
        ("prompt.created", {"name": "p", "tags": {}, "description": ""}),
        ("prompt_alias.created", {**of, "alias": "champion"}),
        ("prompt_alias.deleted", {"name": "p", "alias": "champion"}),
        ("prompt_tag.deleted", {"name": "p", "key": "k"}),
        ("prompt_tag.set", {"name": "p", "key": "k", "value": "v"}),
        (
            "prompt_version.created",
            {**of, "template": "Hello {{name}}!", "tags": {"a": "b"}, "description": None},
        ),
        ("prompt_version_tag.deleted", {**of, "key": "k"}),
        ("prompt_version_tag.set", {**of, "key": "k", "value": "v"}),
    ]


def test_a_change_that_fails_is_not_told(server: httpx.Client, receiver) -> None:
    make(server, receiver.url, events=ALL)
    call(server, "POST", "registered-models/create", name="m")
    for path, body in (
        ("registered-models/create", {"name": "m"}),
        ("model-versions/create", {"name": "none", "source": "s3://b/m"}),
        ("model-versions/set-tag", {"name": "m", "version": "1", "key": "k", "value": "v"}),
        ("registered-models/alias", {"name": "m", "alias": "a", "version": "1"}),
    ):
        assert server.post(f"{API}/{path}", json=body).status_code >= 400
    call(server, "POST", "registered-models/create", name="last")
    assert [data["name"] for _, data in told(receiver, 2)] == ["last", "m"]
    assert len(deliveries(server)) == 2


def test_only_active_webhooks_that_asked_for_an_event_hear_of_it(
    server: httpx.Client, receiver, until
) -> None:
    other = [{"entity": "PROMPT", "action": "CREATED"}]
    make(server, f"{receiver.url}/other", events=other)
    make(server, f"{receiver.url}/off", status="DISABLED")
    make(server, f"{receiver.url}/on")
    call(server, "POST", "registered-models/create", name="m")
    until(lambda: [one["state"] for one in deliveries(server)] == ["delivered"])
    assert [path for path, _, _ in receiver.requests] == ["/on"]


def test_what_failed_in_passing_is_sent_again_under_the_same_id(
    server: httpx.Client, receiver, until
) -> None:
    receiver.answers = [(503, {"Retry-After": "1"}), (500, {})]
    make(server, receiver.url, secret="s3cret")
    call(server, "POST", "registered-models/create", name="m")
    until(lambda: [one["state"] for one in deliveries(server)] == ["delivered"])
    sent = receiver.requests
    assert len({headers["X-MLflow-Delivery-Id"] for _, headers, _ in sent}) == 1
    assert len({body for _, _, body in sent}) == 1
    (line,) = deliveries(server)
    assert (line["attempts"], line["status"], line["error"]) == (3, 200, "")
    for _, headers, body in sent:
        assert verify("s3cret", httpx.Headers(headers), body)


def test_what_keeps_failing_is_given_up_and_shown(server: httpx.Client, receiver, until) -> None:
    receiver.answers = [(429, {})] * 9
    make(server, receiver.url)
    call(server, "POST", "registered-models/create", name="m")
    until(lambda: [one["state"] for one in deliveries(server)] == ["failed"])
    (line,) = deliveries(server)
    assert (line["attempts"], line["error"]) == (3, "the receiver answered 429")
    assert len(receiver.requests) == 3


def test_what_the_receiver_refuses_is_not_sent_again(server: httpx.Client, receiver, until) -> None:
    receiver.answers = [(404, {})]
    make(server, receiver.url)
    call(server, "POST", "registered-models/create", name="m")
    until(lambda: [one["state"] for one in deliveries(server)] == ["failed"])
    assert len(receiver.requests) == 1


def test_a_receiver_that_hangs_delays_neither_requests_nor_other_receivers(
    server: httpx.Client, receiver, until, free_port
) -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        make(server, f"http://127.0.0.1:{silent.getsockname()[1]}/", name="silent")
        make(server, receiver.url, name="prompt")
        for i in range(30):
            call(server, "POST", "registered-models/create", name=f"m{i}")
        assert {data["name"] for _, data in told(receiver, 30)} == {f"m{i}" for i in range(30)}
        states = [one["state"] for one in deliveries(server) if one["webhook"] == "silent"]
        assert states.count("sending") <= 2


def test_switching_off_gives_up_what_waits(server: httpx.Client, receiver, until) -> None:
    receiver.answers = [(503, {"Retry-After": "900"})]
    hook = make(server, receiver.url)["webhook_id"]
    call(server, "POST", "registered-models/create", name="m")
    until(lambda: [one["state"] for one in deliveries(server)] == ["retrying"])
    call(server, "PATCH", f"webhooks/{hook}", status="DISABLED")
    (line,) = deliveries(server)
    assert (line["state"], line["error"]) == ("failed", "the webhook was switched off")


def test_a_test_sends_an_example_once_and_tells_the_answer(server: httpx.Client, receiver) -> None:
    hook = make(server, receiver.url, events=ALL[1:], secret="s3cret")["webhook_id"]
    receiver.answers = [(200, {}), (500, {})]
    path = f"webhooks/{hook}/test"
    assert call(server, "POST", path)["result"] == {
        "success": True,
        "response_status": 200,
        "response_body": "done",
    }
    failed = call(server, "POST", path, event={"entity": "PROMPT_ALIAS", "action": "CREATED"})
    assert failed["result"] == {
        "success": False,
        "response_status": 500,
        "response_body": "done",
    }
    first, second = (json.loads(body) for _, _, body in receiver.requests)
    assert second["data"] == {"name": "example_prompt", "alias": "example_alias", "version": "1"}
    assert (first["entity"], first["action"]) == ("model_version", "created")
    shown = [(one["event"], one["is_test"], one["state"]) for one in deliveries(server)]
    assert shown == [
        ("prompt_alias.created", True, "failed"),
        ("model_version.created", True, "delivered"),
    ]


def test_a_test_of_a_receiver_that_is_not_there_says_so(server: httpx.Client, free_port) -> None:
    hook = make(server, f"http://127.0.0.1:{free_port()}/")["webhook_id"]
    result = call(server, "POST", f"webhooks/{hook}/test")["result"]
    assert result["success"] is False
    assert result["error_message"].startswith("Failed to test webhook: the receiver cannot be")


def test_an_address_is_checked_again_when_it_is_called(
    tmp_path: Path, database_url: str, receiver, until
) -> None:
    """A webhook made while the setting allowed its address stays, and is no longer called."""
    with (
        run_piece(piece, settings(database_url), state=tmp_path) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        make(client, f"https://127.0.0.1:{receiver.port}/")
    strict = TrackingSettings(database=database_url)
    with (
        run_piece(piece, strict, state=tmp_path) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        call(client, "POST", "registered-models/create", name="m")
        until(lambda: [one["state"] for one in deliveries(client)] == ["failed"])
        assert "non-public IP address" in deliveries(client)[0]["error"]
    assert receiver.requests == []


def test_a_secret_under_another_key_is_reported_not_ignored(
    tmp_path: Path, database_url: str, receiver, until
) -> None:
    with (
        run_piece(piece, settings(database_url), state=tmp_path) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        make(client, receiver.url, secret="s3cret")
    changed = settings(database_url, webhook_key="another key of 32 characters or so")
    with (
        run_piece(piece, changed, state=tmp_path) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        call(client, "POST", "registered-models/create", name="m")
        until(lambda: [one["state"] for one in deliveries(client)] == ["failed"])
        assert "the secret of the webhook cannot be opened" in deliveries(client)[0]["error"]
    assert receiver.requests == []


def test_what_was_due_at_the_stop_is_sent_after_the_start(
    tmp_path: Path, database_url: str, receiver
) -> None:
    receiver.answers = [(503, {"Retry-After": "1"})]
    with (
        run_piece(piece, settings(database_url), state=tmp_path) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        make(client, receiver.url)
        call(client, "POST", "registered-models/create", name="m")
        receiver.wait(1)
    with run_piece(piece, settings(database_url), state=tmp_path):
        receiver.wait(2)
    assert len({headers["X-MLflow-Delivery-Id"] for _, headers, _ in receiver.requests}) == 1
