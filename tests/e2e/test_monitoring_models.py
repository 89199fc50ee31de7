"""Ten thousand models with little traffic each: memory stays bounded, a killed server is back."""

import time
from pathlib import Path

import httpx
import pytest
from tests.e2e.killed import KilledServer, quiet_port
from tests.unit.monitoring.conftest import Log

from dovetail.wire.cloudevents import encode_batch

MODELS, BATCH = 10_000, 500
DAY = "2026-04-01"

pytestmark = pytest.mark.e2e


def memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.timeout(300)
def test_ten_thousand_models_are_kept_within_bounds(tmp_path: Path) -> None:
    server = KilledServer(
        "monitoring", tmp_path / "state", quiet_port(), "/monitoring/models?limit=1"
    )
    server.start()
    empty = memory_mb(server.pid)
    names = [f"m{number:05}" for number in range(MODELS)]
    with httpx.Client(base_url=server.url, timeout=60) as http:
        for start in range(0, MODELS, BATCH):
            events = []
            for name in names[start : start + BATCH]:
                log = Log(name)
                events.append(log.request(name, [[1.0, 2.0]], at=f"{DAY}T06:00:00Z"))
                events.append(log.response(name, [0.5], at=f"{DAY}T06:00:00Z"))
            headers, body = encode_batch(events)
            answer = http.post("/monitoring/events", content=body, headers=headers)
            assert answer.json()["accepted"] == 2 * BATCH, answer.text
        reference = {"version": "1", "features": {"f0": [1.0, 2.0] * 50}, "scores": [0.5] * 100}
        for name in names[:300]:
            put = http.put(f"/monitoring/models/{name}/reference", json=reference)
            assert put.is_success, put.text
            closed = http.post(f"/monitoring/models/{name}/close", json={"day": DAY})
            assert closed.json() == [], closed.text
        assert memory_mb(server.pid) - empty < 100
        server.kill()
        server.start()
        assert cpu_seconds(server.pid) < 5
        assert memory_mb(server.pid) - empty < 30
        before, begun = cpu_seconds(server.pid), time.monotonic()
        page = http.get("/monitoring/models", params={"limit": "100"}).json()
        assert [one["model"] for one in page] == names[:100]
        assert http.get(f"/monitoring/models/{names[-1]}/performance").json()["predictions"] == 1
        time.sleep(2)
        assert cpu_seconds(server.pid) - before < 0.5 * (time.monotonic() - begun)
    server.kill()
