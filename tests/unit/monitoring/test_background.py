"""Receivers: told of every change, once they answer, and never led elsewhere."""

import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from dovetail.base.errors import DovetailError, SettingsError
from dovetail.base.sql import Database
from dovetail.monitoring import tables
from dovetail.monitoring.alerts import Alerts
from dovetail.monitoring.migrations import MIGRATIONS
from dovetail.monitoring.receivers import Target
from dovetail.monitoring.routing import Router
from dovetail.monitoring.rules import Receiver as Named
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.web.outbound import Policy
from dovetail.wire.monitoring import Alert

ALERT = Alert(id="", model="m", version="1", kind="drift", raised="2013-04-01T00:00:00+00:00")


NOW = datetime(2013, 4, 1, tzinfo=UTC)


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


def raise_one(url, settings=None):
    """Raise the alert as a closed day does, before the server starts."""
    database = Database(url, tables.metadata, name="monitoring", migrations=MIGRATIONS)
    settings = settings or MonitoringSettings(webhook="http://anywhere")
    alerts = Alerts(database, Router(settings).decide)
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


def sent(receiver, **target):
    named = Named(name="r", type="webhook", url=receiver.url)
    Target(named, **target).send(ALERT, NOW)


def test_redirects_are_not_followed(receiver):
    receiver.status, receiver.location = 307, receiver.url + "/elsewhere"
    with pytest.raises(DovetailError, match="receiver 'r' answered 307"):
        sent(receiver)
    assert len(receiver.got) == 1


def test_a_receiver_of_the_rules_may_not_be_what_only_this_server_reaches(receiver):
    with pytest.raises(DovetailError, match="Invalid webhook URL scheme"):
        sent(receiver, policy=Policy())
    assert receiver.got == []
    sent(receiver, policy=Policy(["127.0.0.0/8"]))
    (headers, _), *_ = receiver.got
    assert headers["Host"] == receiver.url.removeprefix("http://").removesuffix("/hook")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x", "example.org"])
def test_a_webhook_that_is_no_web_address_is_refused_at_start(url):
    with pytest.raises(SettingsError):
        Router(MonitoringSettings(webhook=url))


def write_rules(path, receiver):
    path.write_text(f"""
[[receivers]]
name = "old"
type = "webhook"
url = "{receiver.url}"

[[receivers]]
name = "away"
type = "cloudevents"
url = "http://127.0.0.1:9/"

[[rules]]
models = ["m*"]
severity = "alarm"
receivers = ["away", "old"]
""")


def test_a_receiver_that_is_away_keeps_nobody_else_waiting(start, receiver, tmp_path):
    write_rules(tmp_path / "rules.toml", receiver)
    settings = MonitoringSettings(
        rules=str(tmp_path / "rules.toml"), receiver_allow=("127.0.0.1",), tick_seconds=0
    )
    raised, _ = raise_one(f"sqlite:///{tmp_path / 'state' / 'monitoring.db'}", settings)
    assert raised.severity == "alarm"
    with start(settings) as server:
        first = receiver.wait(1)[0]
        assert (first["version"], first["status"], first["receiver"]) == ("4", "firing", "old")
        assert first["alerts"][0]["labels"] == {
            "alertname": "DovetailDrift",
            "model": "m",
            "version": "1",
            "kind": "drift",
            "severity": "critical",
            "cause": "world",
            "alert": raised.id,
        }
        server.post(f"/alerts/{raised.id}/resolve", reason="mended")
        second = receiver.wait(2)[1]
        assert (second["status"], second["alerts"][0]["status"]) == ("resolved", "resolved")


def test_a_silenced_alert_is_told_again_when_the_silence_ends(start, receiver, tmp_path):
    raised, _ = raise_one(f"sqlite:///{tmp_path / 'state' / 'monitoring.db'}")
    with start(MonitoringSettings(webhook=receiver.url, tick_seconds=0)) as server:
        receiver.wait(1)
        end = datetime.now(UTC) + timedelta(seconds=2)
        url = f"/monitoring/alerts/{raised.id}/silence"
        refused = [
            server.http.post(url, json=body)
            for body in ({"until": end.isoformat()}, {"reason": "x", "until": "2013-04-01T00:00Z"})
        ]
        assert [(r.status_code, r.json()["type"].rpartition(":")[2]) for r in refused] == [
            (400, "silence-invalid")
        ] * 2
        server.post(f"/alerts/{raised.id}/silence", reason="closed", until=end.isoformat())
        server.post(f"/alerts/{raised.id}/acknowledge", reason="seen")
        time.sleep(0.5)
        assert len(receiver.got) == 1
        assert receiver.wait(2)[1]["data"]["status"] == "acknowledged"
        history = server.get(f"/alerts/{raised.id}/history")
    said = [(one["action"], one["reason"], one["by"]) for one in history]
    assert said == [("silenced", "closed", "local"), ("acknowledged", "seen", "local")]


def test_a_store_with_an_untold_alert_of_an_earlier_version_tells_it(tmp_path, start, receiver):
    (tmp_path / "state").mkdir()
    old = sqlite3.connect(tmp_path / "state" / "monitoring.db")
    alert = msgspec.structs.replace(ALERT, id="a" * 32)
    with old:
        old.execute("CREATE TABLE schema_revisions (name TEXT PRIMARY KEY, revision INTEGER)")
        old.execute("INSERT INTO schema_revisions VALUES ('monitoring', 0)")
        for table in tables.metadata.sorted_tables:
            if table.name not in ("alert_changes", "deliveries", "standings", "feeds"):
                old.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        old.execute("ALTER TABLE alerts ADD COLUMN unsent BOOLEAN")
        old.execute("ALTER TABLE alerts DROP COLUMN severity")
        old.execute(
            "INSERT INTO alerts VALUES (?, 'm', '1', 'drift', 'open', ?, 1)",
            (alert.id, msgspec.json.encode(alert)),
        )
    old.close()
    with start(MonitoringSettings(webhook=receiver.url, tick_seconds=0)):
        assert receiver.wait(1)[0]["id"] == f"{alert.id}.open"
    new = sqlite3.connect(tmp_path / "state" / "monitoring.db")
    assert new.execute("SELECT severity FROM alerts").fetchall() == [(alert.severity,)]
    new.close()
