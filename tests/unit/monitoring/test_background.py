"""The webhook: told of every change, once it answers, and never led elsewhere."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from dovetail.base.errors import SettingsError
from dovetail.base.sql import Database
from dovetail.monitoring import tables
from dovetail.monitoring.alerts import Alerts
from dovetail.monitoring.background import Webhook
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.wire.http import WireError
from dovetail.wire.monitoring import Alert

ALERT = Alert(id="", model="m", version="1", kind="drift", raised="2013-04-01T00:00:00+00:00")


class Receiver:
    """A real HTTP server that remembers what it was sent."""

    def __init__(self) -> None:
        self.got, self.status, self.location = [], 204, ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append((dict(self.headers), msgspec.json.decode(body)))
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def wait(self, count):
        for _ in range(100):
            if len(self.got) >= count:
                return [body for _, body in self.got]
            time.sleep(0.05)
        raise AssertionError(f"{len(self.got)} of {count} events arrived")


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def raise_one(url):
    database = Database(url, tables.metadata, name="monitoring")
    alerts = Alerts(database, told=True)
    raised = database.write(lambda c: alerts.raise_in(c, ALERT))
    again = database.write(lambda c: alerts.raise_in(c, ALERT))
    database.close()
    return raised, again


def test_an_alert_is_active_once_for_its_kind(database_url):
    raised, again = raise_one(database_url)
    assert raised.id
    assert again is None


def test_every_change_reaches_the_webhook_as_a_cloudevent(start, receiver, tmp_path):
    raised, _ = raise_one(f"sqlite:///{tmp_path / 'state' / 'monitoring.db'}")
    settings = MonitoringSettings(webhook=receiver.url, webhook_token="secret", tick_seconds=0)
    with start(settings) as server:
        first = receiver.wait(1)[0]
        assert (first["type"], first["id"]) == ("dev.dovetail.alert", f"{raised.id}.open")
        assert first["data"]["model"] == "m"
        assert receiver.got[0][0]["Authorization"] == "Bearer secret"
        server.post(f"/alerts/{raised.id}/resolve")
        assert receiver.wait(2)[1]["data"]["status"] == "resolved"


def test_an_alert_that_was_not_taken_is_sent_again_after_a_restart(start, receiver, tmp_path):
    raise_one(f"sqlite:///{tmp_path / 'state' / 'monitoring.db'}")
    settings = MonitoringSettings(webhook=receiver.url, tick_seconds=0)
    receiver.status = 400
    with start(settings):
        receiver.wait(1)
    receiver.status = 204
    with start(settings):
        receiver.wait(2)
    count = len(receiver.got)
    with start(settings) as server:
        server.get("/alerts")
    assert len(receiver.got) == count


def test_redirects_are_not_followed(receiver):
    receiver.status, receiver.location = 307, receiver.url + "/elsewhere"
    webhook = Webhook(receiver.url)
    with pytest.raises(WireError):
        webhook.send(ALERT)
    webhook.close()
    assert len(receiver.got) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x", "example.org"])
def test_a_webhook_that_is_no_web_address_is_refused_at_start(url):
    with pytest.raises(SettingsError):
        Webhook(url)
