"""Single events by the hundred: each counted once, answered when durable, none spoilt by others."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pytest

from dovetail.base.errors import UnavailableError
from dovetail.base.sql import Database
from dovetail.monitoring import gathering, intake, tables
from dovetail.monitoring.gathering import Gathering
from dovetail.monitoring.store import Store
from dovetail.wire.cloudevents import encode_binary, encode_structured

URL = "/monitoring/events"
KSERVE = {
    "ce-specversion": "1.0",
    "ce-source": "http://localhost:9081/",
    "ce-inferenceservicename": "sklearn-iris",
    "ce-namespace": "default",
    "ce-component": "predictor",
    "ce-endpoint": "",
    "ce-metadata": "{}",
    "ce-time": "2026-04-01T06:00:00.123456789Z",
    "Content-Type": "application/json",
}


def kserve(kind: str, name: str) -> dict[str, str]:
    return KSERVE | {"ce-id": name, "ce-type": f"org.kubeflow.serving.inference.{kind}"}


def test_single_events_sent_at_once_count_once_each(server, log):
    events = [log.request(f"r{i}", [[1.0, 2.0]]) for i in range(60)]
    events += [log.response(f"r{i}", [0.5]) for i in range(60)]
    events += events[:30]

    def send(place: int) -> dict[str, int]:
        encode = encode_binary if place % 2 else encode_structured
        headers, body = encode(events[place])
        return server.good(server.http.post(URL, content=body, headers=headers))

    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(send, range(len(events))))
    assert sum(one["accepted"] for one in said) == 120
    assert sum(one["duplicates"] for one in said) == 30
    assert server.get("/models/flights/performance")["predictions"] == 60


def test_a_single_broken_event_says_why_and_leaves_nothing(server, log):
    headers, body = encode_binary(log.response("r1", [0.5]))
    answer = server.http.post(URL, content=body[:-5], headers=headers)
    assert answer.status_code == 400
    assert "event 0" in answer.text
    assert "the data is not JSON" in answer.text
    assert server.get("/models") == []


def test_raw_tensors_are_read_whatever_the_media_type_says(server):
    """KServe names the request's media type on the response, JSON or not."""
    x = np.array([[1.0, 2.0], [3.0, 4.0]], "<f4")
    head = {
        "inputs": [
            {
                "name": "x",
                "shape": [2, 2],
                "datatype": "FP32",
                "parameters": {"binary_data_size": x.nbytes},
            }
        ],
        "parameters": {"columns": ["größe", "b"]},
    }
    p = np.array([0.25, 0.75], "<f8")
    answer = {
        "model_name": "sklearn-iris",
        "model_version": "v1",
        "outputs": [
            {
                "name": "p",
                "shape": [2],
                "datatype": "FP64",
                "parameters": {"binary_data_size": p.nbytes},
            }
        ],
    }
    for kind, said, raw in (("request", head, x), ("response", answer, p)):
        content = msgspec.json.encode(said) + raw.tobytes()
        got = server.http.post(URL, content=content, headers=kserve(kind, "a"))
        assert got.json() == {"accepted": 1, "duplicates": 0, "ignored": 0}
    found = server.get("/models/sklearn-iris/performance")
    assert (found["predictions"], found["mean_score"]) == (2, 0.5)


@pytest.mark.parametrize(
    "tail", [b"", b"\0" * 7, b"\0" * 9], ids=["no bytes", "too few", "too many"]
)
def test_raw_tensors_that_do_not_add_up_are_refused(server, tail):
    tensor = {
        "name": "p",
        "shape": [1],
        "datatype": "FP64",
        "parameters": {"binary_data_size": 8},
    }
    content = msgspec.json.encode({"outputs": [tensor]}) + tail
    got = server.http.post(URL, content=content, headers=kserve("response", "a"))
    assert got.status_code == 400
    assert server.get("/models") == []


def told(stored, ignored):
    """The answer of a call: what was stored."""
    assert ignored == 0
    return stored


class _Refusing(Store):
    """Refuses what one request brings, as a database does with what it cannot hold."""

    def adding(self, items, now_ms):
        work = super().adding(items, now_ms)

        def maybe(connection):
            fresh = work(connection)
            if any(item.inference.request_id == "bad" for item in items):
                raise ValueError("this one cannot be kept")
            return fresh

        return maybe


def test_what_the_store_refuses_spoils_no_neighbour(database_url, log):
    from dovetail.base.clock import SystemClock

    database = Database(database_url, tables.metadata, name="monitoring")
    store = _Refusing(database)

    async def run():
        gathered = Gathering(store, SystemClock(), told)
        calls = [
            gathered.add(intake.read([log.response(name, [0.5])], 1)) for name in ("a", "bad", "c")
        ]
        return await asyncio.gather(*calls, return_exceptions=True)

    first, refused, last = asyncio.run(run())
    assert (first.accepted, last.accepted) == (1, 1)
    assert isinstance(refused, ValueError)
    assert [len(part.scores) for part in store.day("flights", "2013-04-01")] == [2]
    database.close()


def test_too_many_waiting_calls_are_refused_at_once(tmp_path, log, monkeypatch):
    from dovetail.base.clock import SystemClock

    monkeypatch.setattr(gathering, "_MOST_CALLS", 2)
    database = Database(f"sqlite:///{tmp_path}/m.db", tables.metadata, name="monitoring")

    async def run():
        gathered = Gathering(Store(database), SystemClock(), told)
        kept = [gathered.add(intake.read([log.response(n, [0.5])], 1)) for n in "ab"]
        with pytest.raises(UnavailableError, match="too many calls wait"):
            gathered.add([])
        return await asyncio.gather(*kept)

    assert [one.accepted for one in asyncio.run(run())] == [1, 1]
    database.close()


def test_on_a_slow_disk_callers_who_send_again_at_once_share_one_sync(tmp_path, log, monkeypatch):
    from dovetail.base.clock import SystemClock

    database = Database(f"sqlite:///{tmp_path}/m.db", tables.metadata, name="monitoring")
    groups: list[int] = []

    class Slow(Store):
        def adding(self, items, now_ms):
            groups.append(len(items))
            work = super().adding(items, now_ms)
            return lambda connection: (time.sleep(0.3), work(connection))[1]

    async def caller(gathered, name, calls):
        for k in range(calls):
            # An answer takes a while to reach a client, and its next call a while to come.
            await gathered.add(intake.read([log.response(f"{name}-{k}", [0.5])], 1))
            await asyncio.sleep(0.001)

    async def run():
        gathered = Gathering(Slow(database), SystemClock(), told)
        await asyncio.gather(*(caller(gathered, n, 4) for n in range(8)))

    asyncio.run(run())
    assert groups[1:] == [8] * 3
    database.close()
