"""A request whose time is over is not run, and one that takes too long is answered all the same."""

import time

import httpx
import pytest

SAYS = {
    "the parameter timeout": {"parameters": {"timeout": 150_000}},
    "Envoy's header": {"headers": {"x-envoy-expected-rq-timeout-ms": "150"}},
}


@pytest.mark.parametrize("said", SAYS.values(), ids=SAYS.keys())
def test_what_waits_past_its_time_is_answered_504_and_not_run(slow, said):
    with slow("late", max_batch_rows=1) as server:
        first = server.hold("late")
        server["late"].calls.clear()
        answer = server.ask([[1, 2]], "late", **said)
        assert answer.status_code == 504
        assert answer.json()["error"].startswith("model 'late' did not answer in time. after 0.1")
        assert answer.json()["error"].endswith("s it waited in the queue and was not run.")
        server["late"].gate.set()
        assert first.result().status_code == 200
        assert server.ask([[1, 2]], "late").status_code == 200
        assert server["late"].calls == [1]
        assert server.metric("dovetail_serving_requests_expired_total", "late") >= 1


def test_what_runs_too_long_is_answered_504_and_keeps_its_thread(slow):
    with slow("long", timeout_seconds=0.15, max_batch_rows=1) as server:
        server["long"].gate.clear()
        start = time.monotonic()
        answer = server.ask([[1, 2]], "long")
        assert answer.status_code == 504
        assert time.monotonic() - start < 2
        assert answer.json()["error"].endswith("s the model still runs.")
        assert server.ask([[1, 2]], "long").status_code == 504  # its only thread is taken
        assert len(server["long"].calls) == 1
        server["long"].gate.set()
        assert server.ask([[1, 2]], "long").status_code == 200


def test_the_shortest_time_counts(slow):
    with slow("short", timeout_seconds=20) as server:
        first = server.hold("short")
        start = time.monotonic()
        assert server.ask([[1, 2]], "short", parameters={"timeout": 100_000}).status_code == 504
        assert time.monotonic() - start < 10
        server["short"].gate.set()
        first.result()


def test_a_timeout_that_is_no_number_is_refused(slow):
    with slow("bad") as server:
        answer = server.ask([[1, 2]], "bad", parameters={"timeout": "soon"})
        assert answer.status_code == 400
        assert answer.json()["error"] == (
            "the parameter timeout is 'soon'. send whole microseconds."
        )
        assert server.ask([[1, 2]], "bad", parameters={"timeout": 0}).status_code == 200


def test_large_requests_have_deadlines_too(slow):
    with slow("large", max_batch_rows=1) as server:
        first = server.hold("large")
        big = [[1.0, 2.0]] * 5000
        answer = server.ask(big, "large", parameters={"timeout": 200_000})
        assert answer.status_code == 504
        assert httpx.get(f"{server.url}/v2/health/live").status_code == 200
        server["large"].gate.set()
        first.result()
