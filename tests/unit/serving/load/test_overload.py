"""Too much is answered at once, and one model's trouble is not another's."""

import threading
import time

import httpx
import pytest

from dovetail.serving.errors import BadModelError
from dovetail.serving.opening import Opener
from dovetail.wire.open_inference import Tensor


def test_a_full_queue_answers_at_once_with_when_to_come_again(slow):
    with slow("full", queue=3, max_batch_rows=1) as server:
        server["full"].seconds = 0.4
        server.ask([[1, 1]], "full")  # so that it is known what a call takes
        first = server.hold("full")
        behind = [server.send([[1, 1]], "full") for _ in range(3)]
        server.waits(3, "full")
        start = time.monotonic()
        refused = server.ask([[1, 1]], "full")
        assert time.monotonic() - start < 0.3
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "2"  # four calls of 0.4 s
        assert refused.json()["error"] == (
            "model 'full' is overloaded. 3 requests wait for it. try again in 2 s."
        )
        server["full"].gate.set()
        assert {future.result().status_code for future in [first, *behind]} == {200}
        assert server.metric("dovetail_serving_requests_refused_total", "full") == 1


def test_joined_requests_leave_the_queue_sooner(slow):
    with slow("joined", queue=8, max_batch_rows=8) as server:
        server["joined"].seconds = 0.4
        server.ask([[1, 1]], "joined")
        first = server.hold("joined")
        behind = [server.send([[1, 1]], "joined") for _ in range(8)]
        server.waits(8, "joined")
        assert server.ask([[1, 1]], "joined").headers["retry-after"] == "1"
        server["joined"].gate.set()
        assert {future.result().status_code for future in [first, *behind]} == {200}


def test_bytes_that_wait_are_bounded_too(slow):
    with slow("bytes", queue_mb=1, max_batch_rows=1) as server:
        first = server.hold("bytes")
        big = [[1.0, 2.0]] * 40_000  # 640,000 bytes
        waits = server.send(big, "bytes")
        server.waits(1, "bytes")
        assert server.ask(big, "bytes").status_code == 503
        assert server.send([[1.0, 2.0]], "bytes")
        server.waits(2, "bytes")
        server["bytes"].gate.set()
        assert {first.result().status_code, waits.result().status_code} == {200}


def test_a_busy_model_takes_no_thread_of_another(slow):
    with slow("one", "two", queue=64) as server:
        first = server.hold("one")
        big = [[1.0, 2.0]] * 3000  # read in a thread
        behind = [server.send(big, "one") for _ in range(60)]
        server.waits(60, "one")
        assert server.ask([[1, 2]], "two").status_code == 200
        assert server.ask(big, "two").status_code == 200
        assert httpx.get(f"{server.url}/v2/models/two").status_code == 200
        server["one"].gate.set()
        assert {future.result().status_code for future in [first, *behind]} == {200}


def test_calls_run_side_by_side_up_to_the_setting(slow):
    with slow("wide", model_threads=3, max_batch_rows=1) as server:
        first = server.hold("wide")
        more = [server.send([[1, 1]], "wide") for _ in range(5)]
        server.waits(5, "wide")
        assert len(server["wide"].calls) == 3
        server["wide"].gate.set()
        assert {future.result().status_code for future in [first, *more]} == {200}


def test_a_model_that_hangs_is_shown_as_stuck_and_others_go_on(slow):
    with slow("hangs", "other", stuck_seconds=0.2) as server:
        first = server.hold("hangs")
        assert server.ask([[1, 2]], "other").status_code == 200
        time.sleep(0.3)
        ready = f"{server.url}/v2/models/hangs/ready"
        answer = httpx.get(ready)
        assert answer.status_code == 503
        assert answer.json()["error"].startswith("model 'hangs' is stuck. none of its calls has")
        start = time.monotonic()
        assert server.ask([[1, 2]], "hangs").status_code == 503
        assert time.monotonic() - start < 1
        assert httpx.get(f"{server.url}/v2/health/ready").status_code == 200
        assert server.ask([[1, 2]], "other").status_code == 200
        server["hangs"].gate.set()
        assert first.result().status_code == 200
        assert httpx.get(ready).status_code == 200
        assert server.ask([[1, 2]], "hangs").status_code == 200


def test_a_stuck_model_is_opened_anew(slow, monkeypatch):
    with slow("again", stuck_seconds=0.2) as server:
        first = server.hold("again")
        time.sleep(0.3)
        held = server.models.pop("again")  # the next load makes another
        loaded = httpx.post(f"{server.url}/v2/repository/models/again/load")
        assert loaded.status_code == 200
        assert server.ask([[1, 2]], "again").status_code == 200
        held.gate.set()
        assert first.result().status_code == 200


@pytest.mark.parametrize("value", [666.0, 667.0], ids=["raises", "exits"])
def test_whatever_a_model_raises_is_one_failed_request(slow, value):
    with slow("raises", "other") as server:
        answer = server.ask([[value, 0]], "raises")
        assert answer.status_code == 500
        assert "model 'raises' failed. " in answer.json()["error"]
        assert "Traceback" not in answer.text
        assert server.ask([[1, 2]], "raises").status_code == 200
        assert server.ask([[1, 2]], "other").status_code == 200


@pytest.mark.parametrize("rows", [1, 5000], ids=["small", "large"])
def test_a_client_that_left_is_not_answered_for(slow, rows):
    with slow("left", max_batch_rows=1) as server:
        first = server.hold("left")
        before = server.metric("dovetail_serving_requests_abandoned_total", "left")
        with pytest.raises(httpx.ReadTimeout):
            server.ask([[9, 9]] * rows, "left", timeout=0.3)
        server.waits(0, "left")
        server["left"].calls.clear()
        server["left"].gate.set()
        first.result()
        assert server.ask([[1, 2]], "left").status_code == 200
        assert server["left"].calls == [1]
        after = server.metric("dovetail_serving_requests_abandoned_total", "left")
        assert after == before + 1


def test_rows_of_a_request_are_limited(slow):
    with slow("rows", max_rows=10) as server:
        assert server.ask([[1, 2]] * 10, "rows").status_code == 200
        answer = server.ask([[1, 2]] * 11, "rows")
        assert answer.status_code == 400
        assert answer.json()["error"] == (
            "the request has 11 rows. model 'rows' takes 10 at most. "
            "send fewer rows at a time, or raise max_rows."
        )


GIANT = {
    "numbers": Tensor(name="x", shape=(10**9, 10**3), datatype="FP64", data=[1.0]),
    "bytes": Tensor(name="x", shape=(10**9, 10**3), datatype="BYTES", data=["a"]),
    "no element": Tensor(name="x", shape=(0, 10**18), datatype="FP64", data=[]),
    "past 64 bits": Tensor(name="x", shape=(10**12, 10**12), datatype="FP64", data=[1.0]),
    "many dimensions": Tensor(name="x", shape=(1,) * 80, datatype="FP64", data=[1.0]),
    "empty and past 64 bits": Tensor(name="x", shape=(0, 10**30), datatype="BYTES", data=[]),
}


@pytest.mark.parametrize("tensor", GIANT.values(), ids=GIANT.keys())
def test_a_shape_that_claims_too_much_allocates_nothing(slow, tensor):
    with slow("giant") as server:
        body = {
            "inputs": [
                {
                    "name": "x",
                    "shape": tensor.shape,
                    "datatype": tensor.datatype,
                    "data": tensor.data,
                }
            ]
        }
        answer = httpx.post(f"{server.url}/v2/models/giant/infer", json=body)
        assert answer.status_code == 400, answer.text
        assert "error" in answer.json()


def test_loads_that_take_long_leave_threads_to_inference(slow, monkeypatch):
    with slow("quickly") as server:
        go, waiting = threading.Event(), []

        def slowly(self, version):
            waiting.append(version)
            assert go.wait(20)
            raise BadModelError("x", "it took too long")

        monkeypatch.setattr(Opener, "open", slowly)
        load = f"{server.url}/v2/repository/models/quickly/load"
        loads = [server.pool.submit(httpx.post, load, timeout=30) for _ in range(60)]
        time.sleep(0.5)
        assert len(waiting) == 4
        big = [[1.0, 2.0]] * 5000
        assert server.ask(big, "quickly").status_code == 200
        go.set()
        assert {one.result().status_code for one in loads} == {400}
