"""Ten deaths of a monitoring server under eight senders: nothing is lost, nothing counted twice.

Each sender repeats a call until it is answered, as loggers do, so a call that was cut off after it
became durable is sent again. In the end every prediction is there exactly once, with its outcome.
"""

import sqlite3
import threading
import time
from pathlib import Path

import httpx
import pytest
from tests.e2e.killed import KilledServer, quiet_port

from dovetail.wire.cloudevents import Event, encode_batch, encode_binary
from dovetail.wire.monitoring import Client

DEATHS, SENDERS, CALLS = 10, 8, 60
KIND = "org.kubeflow.serving.inference."

pytestmark = pytest.mark.e2e


def calls_of(sender: int) -> list[tuple[dict[str, str], bytes]]:
    """Single events and batches; outcomes come before their predictions and twice."""
    calls = []
    for turn in range(CALLS):
        name = f"s{sender}-{turn}"
        tensor = {"shape": [2], "datatype": "FP64", "data": [0.25, 0.75]}
        common = {"source": "/model", "extensions": {"inferenceservicename": "m"}, "id": name}
        asked = Event(type=KIND + "request", data={"inputs": [{"name": "x", **tensor}]}, **common)
        said = Event(
            type=KIND + "response",
            data={"model_version": "1", "outputs": [{"name": "p", **tensor}]},
            **common,
        )
        true = {"model": "m", "request_ids": [name, name], "rows": [0, 1], "values": [0, 1]}
        outcome = Event(id=name, source="/truth", type="dev.dovetail.outcome", data=true)
        if turn % 2:
            calls += [encode_binary(outcome), encode_binary(said), encode_binary(asked)]
        else:
            calls.append(encode_batch([said, outcome, asked, outcome]))
    return calls


def send(url: str, sender: int, accepted: list[int]) -> None:
    with httpx.Client(timeout=10) as client:
        for headers, body in calls_of(sender):
            while True:
                try:
                    answer = client.post(f"{url}/monitoring/events", content=body, headers=headers)
                    if answer.is_success:
                        accepted.append(answer.json()["accepted"])
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.02)


@pytest.mark.timeout(300)
def test_ten_deaths_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    server = KilledServer("monitoring", tmp_path / "state", quiet_port(), "/monitoring/models")
    accepted: list[int] = []
    threads = [
        threading.Thread(target=send, args=(server.url, number, accepted), daemon=True)
        for number in range(SENDERS)
    ]
    server.start()
    for thread in threads:
        thread.start()
    for death in range(DEATHS):
        time.sleep(0.05 + death % 4 * 0.04)  # at many moments of many calls
        server.kill()
        server.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    rows = SENDERS * CALLS * 2
    with Client(server.url) as client:
        found = client.performance("m")
    assert (found.predictions, found.outcomes) == (rows, rows)
    assert found.auc == 1.0
    # What died between the disk and the answer was accepted without anybody hearing of it.
    assert SENDERS * CALLS * 3 * 0.5 < sum(accepted) <= SENDERS * CALLS * 3
    server.kill()
    with sqlite3.connect(tmp_path / "state/monitoring.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
