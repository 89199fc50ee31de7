"""A real Alertmanager hears of an alert though it was away, while it lasts, and when it is over."""

import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.monitoring.conftest import Log, Server
from tests.unit.monitoring.test_alert_content import raise_drift, shifted

from dovetail.monitoring.piece import piece
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.web.testing import run_piece

pytestmark = [pytest.mark.compat, pytest.mark.timeout(180)]
PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@contextmanager
def alertmanager(folder: Path, port: int):
    (folder / "alertmanager.yml").write_text(CONFIG)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                str(PROGRAM),
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def wait(what, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = what()
        except httpx.TransportError:
            found = None
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("it did not come")


def rules_of(folder: Path, url: str) -> MonitoringSettings:
    path = folder / "rules.toml"
    path.write_text(
        f'[[receivers]]\nname = "am"\ntype = "alertmanager"\nurl = "{url}"\n'
        '[[rules]]\nseverity = "alarm"\nreceivers = ["am"]\n'
    )
    return MonitoringSettings(
        rules=str(path),
        receiver_allow=("127.0.0.1",),
        resend_seconds=1,
        public_url="https://monitoring.example.org",
    )


@pytest.mark.skipif(PROGRAM is None, reason="prometheus-alertmanager is not installed")
def test_an_alert_reaches_a_real_alertmanager_lasts_there_and_ends(tmp_path, free_port):
    port = free_port()
    settings = rules_of(tmp_path, f"http://127.0.0.1:{port}")
    with (
        run_piece(piece, settings, state=tmp_path / "state") as running,
        httpx.Client(base_url=running.url, timeout=30) as http,
    ):
        server = Server(http)
        alert, _ = raise_drift(server, Log(), shifted)
        with alertmanager(tmp_path, port) as url:

            def held():
                return httpx.get(f"{url}/api/v2/alerts", params={"active": "true"}).json()

            (first,) = wait(held)
            assert first["labels"] == {
                "alertname": "DovetailDrift",
                "model": "flights",
                "version": "1",
                "kind": "drift",
                "severity": "critical",
                "cause": "world",
                "alert": alert["id"],
            }
            assert first["annotations"]["summary"] == alert["message"]
            assert first["annotations"]["columns"].startswith("wind")
            link = f"https://monitoring.example.org/monitoring/flights#{alert['id']}"
            assert first["generatorURL"] == link
            wait(lambda: held()[0]["endsAt"] > first["endsAt"])
            server.post(f"/alerts/{alert['id']}/resolve", reason="mended")
            wait(lambda: held() == [])


def test_a_scrape_is_what_prometheus_reads(tmp_path):
    with (
        run_piece(piece, state=tmp_path / "state") as running,
        httpx.Client(base_url=running.url, timeout=30) as http,
    ):
        raise_drift(Server(http), Log(), shifted)
        text = http.get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    alerts = families["dovetail_monitoring_active_alerts"].samples
    assert [(s.labels, s.value) for s in alerts] == [({"model": "flights", "kind": "drift"}, 1.0)]
    evidence = families["dovetail_monitoring_evidence"].samples
    assert any(s.labels["model"] == "flights" and s.value > 1 for s in evidence)
    events = {
        s.labels.get("result"): s.value for s in families["dovetail_monitoring_events"].samples
    }
    assert events["accepted"] >= 10
