"""Requests that wait for a busy model go together, and nobody notices but the clock."""

import numpy as np
import pytest

FAILS, EXITS, SHRINKS = 666.0, 667.0, 668.0


def sums(answer):
    assert answer.status_code == 200, answer.text
    return {output["name"]: output["data"] for output in answer.json()["outputs"]}["sum"]


def together(server, *requests, model="slow"):
    """Send requests while the model is busy; return their answers and the rows of its calls."""
    first = server.hold(model)
    server[model].calls.clear()
    futures = []
    for number, rows in enumerate(requests):
        futures.append(server.send(rows, model))
        server.waits(number + 1, model)
    server[model].gate.set()
    assert first.result().status_code == 200
    return [future.result() for future in futures], server[model].calls


def test_an_idle_model_answers_at_once(slow):
    with slow(max_batch_rows=64) as server:
        assert sums(server.ask([[1, 2]])) == [3.0]
        assert server["slow"].calls == [1]


def test_requests_gather_while_the_model_is_busy_and_each_gets_its_rows(slow):
    with slow(max_batch_rows=64) as server:
        requests = [[[n, 1]] * (n + 1) for n in range(6)]
        answers, calls = together(server, *requests)
        assert [sums(a) for a in answers] == [[n + 1.0] * (n + 1) for n in range(6)]
        assert calls == [21]


def test_it_is_measured_whether_joining_pays(slow):
    with slow() as server:  # 32 rows cost this model what one row costs
        answers, calls = together(server, [[1, 1]], [[2, 2]], [[3, 3]])
        assert [sums(a) for a in answers] == [[2.0], [4.0], [6.0]]
        assert calls == [3]


def test_a_setting_joins_none(slow):
    with slow(max_batch_rows=1) as server:
        _, calls = together(server, [[1, 1]], [[2, 2]], [[3, 3]])
        assert calls == [1, 1, 1]


def test_rows_are_counted_not_requests(slow):
    with slow(max_batch_rows=10) as server:
        answers, calls = together(server, [[1, 1]] * 4, [[1, 1]] * 4, [[1, 1]] * 4, [[1, 1]] * 2)
        assert [len(sums(a)) for a in answers] == [4, 4, 4, 2]
        assert calls == [10, 4]


def test_a_request_over_the_limit_runs_alone_and_whole(slow):
    with slow(max_batch_rows=10) as server:
        answers, calls = together(server, [[1, 1]] * 25, [[1, 1]])
        assert [len(sums(a)) for a in answers] == [25, 1]
        assert calls == [25, 1]


def test_other_outputs_are_another_call(slow):
    with slow(max_batch_rows=64) as server:
        first = server.hold()
        server["slow"].calls.clear()
        wanted = [
            server.send([[n, 0]], outputs=[{"name": "first" if n % 2 else "sum"}]) for n in range(4)
        ]
        server.waits(4)
        server["slow"].gate.set()
        first.result()
        got = [w.result().json()["outputs"] for w in wanted]
        assert [[(o["name"], o["data"]) for o in one] for one in got] == [
            [("sum", [0.0])], [("first", [1.0])], [("sum", [2.0])], [("first", [3.0])]
        ]  # fmt: skip
        assert server["slow"].calls == [2, 2]


def test_ids_never_mix(slow):
    with slow(max_batch_rows=64) as server:
        first = server.hold()
        futures = [server.send([[n, 0]], id=f"request-{n}") for n in range(8)]
        server.waits(8)
        server["slow"].gate.set()
        first.result()
        for number, future in enumerate(futures):
            assert future.result().json()["id"] == f"request-{number}"
            assert sums(future.result()) == [float(number)]


@pytest.mark.parametrize("value", [FAILS, EXITS], ids=["raises", "exits"])
def test_one_that_fails_does_not_fail_the_others(slow, value):
    with slow(max_batch_rows=64) as server:
        answers, calls = together(server, [[1, 1]], [[value, 0]], [[3, 3]])
        assert [a.status_code for a in answers] == [200, 500, 200]
        assert sums(answers[0]) == [2.0]
        assert sums(answers[2]) == [6.0]
        assert answers[1].json()["error"].startswith("model 'slow' failed. ")
        assert calls == [3, 1, 1, 1]


def test_a_bad_request_is_told_before_it_joins(slow):
    with slow(max_batch_rows=64) as server:
        first = server.hold()
        bad = server.ask([[1, 2, 3]])  # while the others wait
        assert bad.status_code == 400
        assert "3 features, the model takes 2" in bad.json()["error"]
        server["slow"].gate.set()
        assert first.result().status_code == 200


def test_a_model_that_does_not_answer_by_rows_is_not_joined_again(slow):
    with slow(max_batch_rows=64) as server:
        answers, calls = together(server, [[1, 1]], [[SHRINKS, 0], [2, 2]])
        assert sums(answers[0]) == [2.0]
        assert sums(answers[1]) == [4.0]  # its own business
        assert calls == [3, 1, 2]
        _, calls = together(server, [[1, 1]], [[2, 2]])
        assert calls == [1, 1]


def test_a_delay_lets_an_idle_model_wait_for_more(slow):
    with slow(max_batch_rows=2, batch_delay_ms=5000) as server:
        one = server.send([[1, 1]])
        two = server.send([[2, 2]])
        assert [sums(one.result()), sums(two.result())] == [[2.0], [4.0]]
        assert server["slow"].calls == [2]


def test_large_requests_join_too(slow):
    with slow(max_batch_rows=100_000) as server:
        many = np.ones((5000, 2)).tolist()
        answers, calls = together(server, many, many)
        assert [len(sums(a)) for a in answers] == [5000, 5000]
        assert calls == [10_000]


def test_batches_are_in_tritons_statistics(slow):
    with slow("counted", max_batch_rows=64) as server:
        together(server, [[1, 1]], [[2, 2]] * 3, model="counted")
        found = server.statistics("counted")
        assert found["inference_count"] == 5
        assert found["execution_count"] == 2
        assert {b["batch_size"]: b["compute_infer"]["count"] for b in found["batch_stats"]} == {
            1: 1, 4: 1
        }  # fmt: skip
        assert found["inference_stats"]["queue"]["count"] == 3
        assert found["inference_stats"]["queue"]["ns"] > 0
