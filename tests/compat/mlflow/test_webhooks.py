"""The real client manages webhooks, and what arrives passes MLflow's own way to verify it."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.testing import run_piece

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]
GUIDE = Path(__file__).parents[3] / "docs/how-to/tracking-webhooks.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECRET = "test-secret-key"


@pytest.fixture
def client(imported_mlflow: ModuleType, tmp_path: Path) -> Iterator[Any]:
    settings = TrackingSettings(webhook_allow=("127.0.0.1",))
    with run_piece(piece, settings, state=tmp_path) as running:
        yield imported_mlflow.MlflowClient(running.url)


def is_genuine(headers: dict[str, str], body: bytes) -> bool:
    """The receiver's side as MLflow documents it."""
    constants = pytest.importorskip("mlflow.webhooks.constants")
    delivery = headers[constants.WEBHOOK_DELIVERY_ID_HEADER]
    timestamp = headers[constants.WEBHOOK_TIMESTAMP_HEADER]
    content = f"{delivery}.{timestamp}.{body.decode()}"
    digest = hmac.new(SECRET.encode(), content.encode(), hashlib.sha256).digest()
    expected = f"{constants.WEBHOOK_SIGNATURE_VERSION},{base64.b64encode(digest).decode()}"
    return hmac.compare_digest(expected, headers[constants.WEBHOOK_SIGNATURE_HEADER])


def test_the_client_manages_webhooks(client: Any, receiver) -> None:
    entities = pytest.importorskip("mlflow.entities.webhook")
    hook = client.create_webhook(
        name="ci",
        url=f"{receiver.url}/hook",
        events=["model_version.created", "model_version_alias.created", "prompt.created"],
        description="builds",
        secret=SECRET,
    )
    assert (hook.name, hook.description, hook.secret) == ("ci", "builds", None)
    assert hook.status == entities.WebhookStatus.ACTIVE
    assert {str(event) for event in client.get_webhook(hook.webhook_id).events} == {
        "model_version.created",
        "model_version_alias.created",
        "prompt.created",
    }
    tested = client.test_webhook(hook.webhook_id, event="model_version_alias.created")
    assert (tested.success, tested.response_status, tested.response_body) == (True, 200, "done")
    changed = client.update_webhook(hook.webhook_id, name="cd", status="DISABLED")
    assert (changed.name, changed.status) == ("cd", entities.WebhookStatus.DISABLED)
    assert [one.webhook_id for one in client.list_webhooks()] == [hook.webhook_id]
    client.delete_webhook(hook.webhook_id)
    assert list(client.list_webhooks()) == []


def test_what_arrives_is_signed_and_says_what_changed(client: Any, receiver) -> None:
    client.create_webhook(
        "ci", f"{receiver.url}/hook", ["model_version_alias.created", "prompt.created"],
        secret=SECRET,
    )  # fmt: skip
    client.create_registered_model("flights")
    client.create_model_version("flights", "s3://models/flights/1")
    client.set_registered_model_alias("flights", "champion", "1")
    client.create_prompt("greeting", description="says hello", tags={"team": "x"})
    sent = receiver.wait(2)
    assert all(is_genuine(headers, body) for _, headers, body in sent)
    told = {json.loads(body)["entity"]: json.loads(body)["data"] for _, _, body in sent}
    assert told == {
        "model_version_alias": {"name": "flights", "alias": "champion", "version": "1"},
        "prompt": {"name": "greeting", "tags": {"team": "x"}, "description": "says hello"},
    }


def test_a_refusal_reaches_the_client(client: Any, imported_mlflow: ModuleType) -> None:
    refused = imported_mlflow.MlflowException
    with pytest.raises(refused, match="must not resolve to a non-public IP address"):
        client.create_webhook("ci", "https://169.254.169.254/", ["prompt.created"])
    with pytest.raises(refused, match=r"Webhook with ID no-such not found"):
        client.get_webhook("no-such")


def test_the_guide_works_as_it_stands(tmp_path: Path, free_port, until) -> None:
    port, other = str(free_port()), str(free_port())
    started: list[subprocess.Popen[str]] = []
    here = {"PYTHONUNBUFFERED": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

    def start(command: list[str], **more: Any) -> None:
        environment = {**os.environ, **here, **more.pop("env", {})}
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, **more))

    text = GUIDE.read_text().replace("5000", port).replace("5001", other)
    (first, receiver, use) = [block for _, block in BLOCK.findall(text)][:3]
    setting, *words = first.removeprefix("$ ").strip().removesuffix(" &").split()
    name, _, value = setting.partition("=")
    try:
        program = [sys.executable, "-m", "dovetail.cli"]
        start([*program, *words[1:]], env={name: value}, stderr=subprocess.DEVNULL)
        with (tmp_path / "seen").open("w") as seen:
            start([sys.executable, "-c", receiver], stdout=seen, stderr=subprocess.DEVNULL)
        until(lambda: _answers(f"http://127.0.0.1:{port}/health"), 60)
        until(lambda: _answers(f"http://127.0.0.1:{other}/"), 60)
        done = subprocess.run(
            [sys.executable, "-c", use], cwd=tmp_path, env={**os.environ, **here},
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        until(lambda: (tmp_path / "seen").read_text().count("\n") >= 3)
    finally:
        for process in started:
            process.terminate()
            process.wait(30)
    events = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    told = sorted((one["entity"], one["data"]["name"]) for one in events)
    assert ("model_version_alias", "flights") in told
    assert ("registered_model", "flights") in told
    assert [name for _, name in told].count("example_model") == 1


def _answers(url: str) -> bool:
    try:
        return bool(httpx.get(url).status_code)
    except httpx.TransportError:
        return False
