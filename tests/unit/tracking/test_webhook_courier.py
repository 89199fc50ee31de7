"""The queue of deliveries: it outlives the process, is bounded, and is shared without doubles."""

import asyncio
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from dovetail.base.sql import Database
from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.tracking.store import deliveries, webhooks
from dovetail.tracking.store import webhooks_schema as schema
from dovetail.tracking.store.migrations import MIGRATIONS
from dovetail.tracking.store.schema import metadata
from dovetail.tracking.ui import webhook_attention
from dovetail.tracking.webhooks import sender as sending
from dovetail.tracking.webhooks.policy import Policy
from dovetail.tracking.webhooks.sender import Sender
from dovetail.web.piece import Attention
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import WebhookEvent

API = "/api/2.0/mlflow"
EVENT = WebhookEvent("REGISTERED_MODEL", "CREATED")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, metadata, name="tracking", migrations=MIGRATIONS)
    values = {
        "webhook_id": "hook",
        "name": "hook",
        "url": "https://hooks.example/",
        "status": "ACTIVE",
        "creation_timestamp": 1,
        "last_updated_timestamp": 1,
        "changed_by": "local",
    }
    opened.write(lambda c: webhooks.create(c, values, [EVENT]))
    yield opened
    opened.close()


def add(database: Database, *names: str) -> None:
    def write(c: Any) -> None:
        for name in names:
            deliveries.add(c, "hook", EVENT.name, name, "{}", 1)

    database.write(write)


def listed(database: Database) -> list[Any]:
    return database.read(lambda c: deliveries.newest(c, None, 5000))


def claim(database: Database, now: int = 10, until: int = 20, limit: int = 99) -> list[str]:
    rows = database.write(lambda c: deliveries.claim(c, now, until, limit, []))
    return [row.delivery_id for row in rows]


def test_a_claimed_delivery_is_nobody_elses_until_the_claim_is_void(database: Database) -> None:
    add(database, "a", "b")
    assert claim(database, limit=1) == ["a"]
    assert claim(database) == ["b"]
    assert claim(database, now=19) == []
    assert sorted(claim(database, now=20, until=30)) == ["a", "b"]


def test_a_settled_delivery_is_not_settled_again(database: Database) -> None:
    add(database, "a")
    (row,) = database.write(lambda c: deliveries.claim(c, 10, 20, 1, []))
    database.write(lambda c: deliveries.cancel(c, "hook", "switched off", 12))
    database.write(lambda c: deliveries.settle(c, row.id, state=deliveries.DELIVERED))
    assert [(one.state, one.error) for one in listed(database)] == [("failed", "switched off")]


def test_a_full_queue_shows_what_it_did_not_take(database: Database) -> None:
    waiting = {
        "webhook_id": "hook", "event": EVENT.name, "is_test": False, "body": "{}", "created": 1,
        "state": "waiting", "due": 0, "attempts": 0,
    }  # fmt: skip
    rows = [{**waiting, "delivery_id": str(i)} for i in range(deliveries.MOST_WAITING - 1)]
    database.write(lambda c: c.execute(sa.insert(schema.deliveries), rows) and None)
    add(database, "last", "one more")
    more, last = listed(database)[:2]
    assert (last.delivery_id, last.state) == ("last", "waiting")
    assert (more.delivery_id, more.state) == ("one more", "failed")
    assert more.error == "10000 deliveries were waiting already"


def test_only_the_newest_settled_deliveries_are_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "KEPT", 3)
    add(database, *"abcdef")
    claim(database)
    for row in listed(database)[:-1]:
        database.write(lambda c, row=row: deliveries.settle(c, row.id, state=deliveries.DELIVERED))
    database.write(lambda c: deliveries.prune(c, "hook"))
    assert [row.delivery_id for row in listed(database)] == ["f", "e", "d", "a"]


def test_a_webhook_whose_last_delivery_failed_asks_for_attention(database: Database) -> None:
    add(database, "a", "b")
    rows = database.write(lambda c: deliveries.claim(c, 10, 20, 2, []))
    states = (deliveries.FAILED, deliveries.DELIVERED)

    def settle(number: int) -> None:
        facts = {"state": states[number], "error": "the receiver answered 404"}
        database.write(lambda c: deliveries.settle(c, rows[number].id, **facts))

    assert webhook_attention(database) == []
    settle(0)
    text = "webhook hook: the last delivery failed (attempts: 1): the receiver answered 404"
    assert webhook_attention(database) == [Attention("warn", text, "/tracking/webhooks")]
    settle(1)
    assert webhook_attention(database) == []


def test_two_servers_on_one_database_send_each_delivery_once(
    tmp_path: Path, postgres_url: str, receiver, until
) -> None:
    settings = TrackingSettings(database=postgres_url, webhook_allow=("127.0.0.1",))
    model = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
    with (
        run_piece(piece, settings, state=tmp_path / "a") as first,
        run_piece(piece, settings, state=tmp_path / "b") as second,
        httpx.Client() as client,
    ):
        hook = {"name": "h", "url": receiver.url, "events": model}
        client.post(f"{first.url}{API}/webhooks", json=hook).raise_for_status()

        def create(url: str, name: str) -> None:
            with httpx.Client(base_url=url) as own:
                for i in range(20):
                    body = {"name": f"{name}{i}"}
                    own.post(f"{API}/registered-models/create", json=body).raise_for_status()

        threads = [
            threading.Thread(target=create, args=(url, name))
            for url, name in ((first.url, "a"), (second.url, "b"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        page = f"{first.url}/tracking/webhooks.json"

        def all_delivered() -> bool:
            return all(one["state"] == "delivered" for one in client.get(page).json()["deliveries"])

        until(all_delivered, 60)
    ids = [headers["X-MLflow-Delivery-Id"] for _, headers, _ in receiver.requests]
    assert len(ids) == len(set(ids)) == 40


def start(state: Path, port: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "dovetail.cli", "tracking", "run", "--port", str(port)]
    server = subprocess.Popen(
        [*command, "--state", str(state)],
        stderr=subprocess.DEVNULL,
        cwd=state.parent,
        env={**os.environ, "DOVETAIL_TRACKING__WEBHOOK_ALLOW": "127.0.0.1"},
    )
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health").is_success:
                return server
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def test_what_was_acknowledged_is_told_of_after_a_kill(
    tmp_path: Path, free_port, receiver, until
) -> None:
    """One attempt is under way, others wait behind it, when the server is killed."""
    state, port = tmp_path / "state", free_port()
    receiver.pause = 5
    server = start(state, port)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            model = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
            hook = {"name": "h", "url": receiver.url, "events": model, "secret": "s3cret"}
            client.post(f"{API}/webhooks", json=hook).raise_for_status()
            for i in range(8):
                body = {"name": f"m{i}"}
                client.post(f"{API}/registered-models/create", json=body).raise_for_status()
        receiver.wait(1)
    finally:
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    receiver.pause = 0
    told = {json.loads(body)["data"]["name"] for _, _, body in receiver.requests}
    assert len(told) < 8
    again = start(state, port)
    try:
        until(
            lambda: (
                len({headers["X-MLflow-Delivery-Id"] for _, headers, _ in receiver.requests}) == 8
            )
        )
    finally:
        again.terminate()
        again.wait(30)
    names = {
        headers["X-MLflow-Delivery-Id"]: json.loads(body)["data"]["name"]
        for _, headers, body in receiver.requests
    }
    assert sorted(names.values()) == [f"m{i}" for i in range(8)]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_certificate_is_checked_against_the_name_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to a checked address; who answers there still has to prove the name."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=hook.example", "-addext", "subjectAltName=DNS:hook.example",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Taking)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    sending._trust.cache_clear()

    async def resolve(_: str) -> list[str]:
        return ["127.0.0.1"]

    sender = Sender(Policy(["127.0.0.1"], resolve), 10)
    port = server.server_address[1]
    try:
        right, wrong = (
            asyncio.run(sender.send(f"https://{host}:{port}/", None, "id", b"{}"))
            for host in ("hook.example", "other.example")
        )
    finally:
        sending._trust.cache_clear()
        server.shutdown()
        server.server_close()
    assert (right.status, right.error) == (200, None)
    assert wrong.status is None
    assert "not valid for 'other.example'" in str(wrong.error)
