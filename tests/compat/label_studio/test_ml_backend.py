"""A real Label Studio uses our AI labeller as its ML backend.

`ml_backend_calls.json` holds what Label Studio 1.23.2 sent to a backend while somebody connected
it, answered, changed and deleted answers, started training and retrieved predictions; it is
replayed everywhere. Where Label Studio is installed, the real one does it.
"""

import json
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.compat.label_studio.reference import VENV, needs_label_studio
from tests.unit.labels.learning.examples import CONFIG, choice, comments

from dovetail.labels.learning.studio_piece import StudioSettings, piece
from dovetail.web.testing import run_piece

CALLS = json.loads((Path(__file__).parent / "ml_backend_calls.json").read_text())
TOKEN = "0123456789abcdef0123456789abcdef01234567"
START_SECONDS = 300


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        run_piece(piece, StudioSettings(every=5), state=tmp_path / "ours") as running,
        httpx.Client(base_url=running.url, timeout=60) as client,
    ):
        yield client


def replay(backend: httpx.Client, calls: list[dict[str, Any]]) -> list[Any]:
    said = []
    for call in calls:
        answered = backend.request(call["method"], call["path"], json=call["body"])
        assert answered.is_success, (call["path"], answered.text)
        said.append(answered.json())
    return said


def versions(backend: httpx.Client) -> list[str]:
    found: list[str] = backend.get("/versions").json()["versions"]
    return found


def until(look: Any, seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
    return found


def test_every_recorded_call_is_answered(backend: httpx.Client) -> None:
    said = replay(backend, CALLS)
    by_path = {call["path"]: answer for call, answer in zip(CALLS, said, strict=True)}
    assert by_path["/health"]["status"] == "UP"
    assert by_path["/setup"]["model_version"]
    predicts = [(c, a) for c, a in zip(CALLS, said, strict=True) if c["path"] == "/predict"]
    assert len(predicts) > 1
    for call, answer in predicts:
        assert len(answer["results"]) == len(call["body"]["tasks"])


def event_of(action: str, number: int, text: str, mood: str) -> dict[str, Any]:
    """A recorded event, about another answer."""
    event: dict[str, Any] = json.loads(json.dumps(CALLS[4]["body"]))
    label = "pos" if mood == "good" else "neg"
    event["action"] = action
    event["annotation"] |= {"id": number, "task": number}
    event["annotation"]["result"] = choice(label, "sentiment")
    event["task"] |= {"id": number, "data": {"text": text}}
    return event


def start_training(backend: httpx.Client) -> str:
    project = CALLS[1]["body"]["project"].partition(".")[0]
    body = {"action": "START_TRAINING", "project": {"id": int(project)}}
    assert backend.post("/webhook", json=body).is_success
    return str(project)


def test_answers_are_learned_as_they_were_last_changed(backend: httpx.Client) -> None:
    other = {"good": "bad", "bad": "good"}
    replay(backend, CALLS[:2])
    for number, (text, mood) in enumerate(comments(20)):
        wrong = event_of("ANNOTATION_CREATED", 900 + number, text, other[mood])
        right = event_of("ANNOTATION_UPDATED", 900 + number, text, mood)
        replay(backend, [{"method": "POST", "path": "/webhook", "body": b} for b in (wrong, right)])
    before = len(versions(backend))
    project = start_training(backend)
    until(lambda: len(versions(backend)) > before)
    time.sleep(1)
    body = {"project": project, "tasks": [{"id": 1, "data": {"text": "a lovely superb film"}}]}
    (found,) = backend.post("/predict", json=body).json()["results"]
    assert found["result"][0]["value"]["choices"] == ["pos"]
    assert found["result"][0]["from_name"] == "sentiment"
    assert found["model_version"] == versions(backend)[-1]


def test_answers_that_were_deleted_are_not_learned(tmp_path: Path) -> None:
    settings = StudioSettings(every=1000)
    with (
        run_piece(piece, settings, state=tmp_path) as running,
        httpx.Client(base_url=running.url, timeout=60) as backend,
    ):
        replay(backend, CALLS[:2])
        project = CALLS[4]["body"]["project"]
        for number, (text, mood) in enumerate(comments(20)):
            event = event_of("ANNOTATION_CREATED", 900 + number, text, mood)
            assert backend.post("/webhook", json=event).is_success
        gone = [{"id": 900 + number} for number in range(20)]
        body = {"action": "ANNOTATIONS_DELETED", "annotations": gone, "project": project}
        assert backend.post("/webhook", json=body).is_success
        start_training(backend)
        time.sleep(1.5)
        assert versions(backend) == []


def test_the_token_of_setup_is_nowhere_on_disk_or_in_the_log(
    backend: httpx.Client, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    replay(backend, CALLS)
    setup = next(call for call in CALLS if call["path"] == "/setup")
    secret = setup["body"]["access_token"]
    wrong = {**setup["body"], "schema": 7}
    refused = backend.post("/setup", json=wrong)
    assert refused.status_code == 400
    assert secret not in refused.text
    time.sleep(0.5)
    kept = b"".join(f.read_bytes() for f in (tmp_path / "ours").rglob("*") if f.is_file())
    assert b"sentiment" in kept
    assert secret.encode() not in kept
    said = capfd.readouterr()
    assert secret not in caplog.text + said.out + said.err


def test_a_config_that_cannot_be_learned_is_refused_at_setup(backend: httpx.Client) -> None:
    body = {
        "project": "5.1",
        "schema": '<View><Image name="i" value="$i"/><RectangleLabels name="b" toName="i">'
        '<Label value="x"/></RectangleLabels></View>',
    }
    answered = backend.post("/setup", json=body)
    assert answered.status_code == 400
    assert "asks nothing that can be learned" in answered.text


def test_a_backend_for_one_config_refuses_other_questions(tmp_path: Path) -> None:
    file = tmp_path / "config.xml"
    file.write_text(CONFIG)
    settings = StudioSettings(label_config=str(file))
    with run_piece(piece, settings, state=tmp_path) as running:
        good = httpx.post(f"{running.url}/setup", json={"project": "1.1", "schema": CONFIG})
        assert good.is_success
        other = {"project": "2.1", "schema": CALLS[1]["body"]["schema"]}
        refused = httpx.post(f"{running.url}/setup", json=other)
        assert refused.status_code == 400
        assert "other questions" in refused.text


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"tasks": 5}', b'{"tasks": [{"data": []}]}', b"\xff"]
)
def test_what_is_no_request_is_refused_and_harms_nothing(
    backend: httpx.Client, body: bytes
) -> None:
    for path in ("/setup", "/predict", "/webhook", "/train"):
        answered = backend.post(path, content=body)
        assert answered.status_code in (200, 201, 400), (path, answered.text)
    assert backend.get("/health").is_success


# The real one


@dataclass(frozen=True)
class Studio:
    """A real Label Studio that answers."""

    http: httpx.Client

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answered = self.http.request(method, path, json=body)
        assert answered.is_success, (path, answered.status_code, answered.text[:1000])
        return answered.json() if answered.content else None


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("label-studio")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {
        **os.environ,
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "ML_BLOCK_LOCAL_IP": "false",
        "USE_DEFAULT_BANNED_SUBNETS": "false",  # the webhook to the backend is checked by this one
        "COLLECT_ANALYTICS": "false",
        "SENTRY_RATE": "0",
        "FRONTEND_SENTRY_RATE": "0",
    }
    environment.pop("PYTHONPATH", None)
    command = [
        str(VENV / "bin" / "label-studio"), "start", "--no-browser", "--port", str(port),
        "--data-dir", str(folder), "--username", "ann@example.com", "--password", "pw12345678",
        "--user-token", TOKEN, "--enable-legacy-api-token",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        headers = {"Authorization": f"Token {TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False) as client:
            _wait(client, process, folder / "log")
            yield Studio(client)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(client: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            if client.get("/api/projects").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(1)
    raise AssertionError(f"Label Studio does not answer: {log.read_text()[-3000:]}")


@needs_label_studio
@pytest.mark.timeout(600)
@pytest.mark.compat
def test_a_real_label_studio_connects_trains_and_shows_our_predictions(
    studio: Studio, backend: httpx.Client
) -> None:
    project = studio.call("POST", "/api/projects", {"title": "moods", "label_config": CONFIG})["id"]
    pairs = comments(60)
    tasks = [{"data": {"text": text}} for text, _ in pairs]
    path = f"/api/projects/{project}/import?return_task_ids=true"
    ids = studio.call("POST", path, tasks)["task_ids"]

    def answer(place: int) -> None:
        said = {"result": choice(pairs[place][1]), "lead_time": 1.0}
        studio.call("POST", f"/api/tasks/{ids[place]}/annotations/", said)

    for place in range(6):  # before the backend is there: their answers come with the tasks
        answer(place)
    url = str(backend.base_url)
    made = studio.call("POST", "/api/ml/", {"url": url, "project": project, "title": "ours"})
    assert made["state"] == "CO"
    assert made["model_version"] == "untrained"
    everything = {"selectedItems": {"all": True, "excluded": []}}
    retrieve = f"/api/dm/actions?id=retrieve_tasks_predictions&project={project}"
    studio.call("POST", retrieve, everything)
    for place in range(6, 26):
        answer(place)
    studio.call("POST", f"/api/ml/{made['id']}/train", {})
    until(lambda: versions(backend))
    time.sleep(2)
    listed = studio.call("GET", f"/api/ml/{made['id']}/versions")["versions"]
    assert listed == versions(backend)
    studio.call("POST", retrieve, everything)
    said = {one["task"]: one for one in studio.call("GET", f"/api/predictions/?project={project}")}
    right = [
        said[task]["result"][0]["value"]["choices"] == [mood]
        for task, (_, mood) in zip(ids[26:], pairs[26:], strict=True)
    ]
    assert sum(right) / len(right) > 0.8
    assert {one["model_version"] for one in said.values()} == {listed[-1]}
    assert studio.call("GET", f"/api/ml/{made['id']}")["model_version"] == listed[-1]
