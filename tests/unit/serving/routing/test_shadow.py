"""A shadow is asked, compared, counted, told of, and never in the way."""

import threading
import time

import numpy as np
import pytest

from dovetail.serving.engine import answer_by
from dovetail.serving.routing.compare import Difference, compare

A = np.array([[0.2], [0.8]])


def until(check):
    for _ in range(200):
        found = check()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def test_answers_of_the_shadow_are_compared_with_the_live_ones(late):
    late.load("3")  # the same model as 1
    late.put({"kind": "fixed", "version": "1"}, shadow={"version": "3"})
    assert {late.ask(f"r{i}") for i in range(10)} == {"1"}
    report = until(lambda: _report(late, 10))
    assert report["agreement"] == 1.0
    assert report["outputs"]["predict"]["largest_difference"] == 0.0
    assert report["live_ms"] > 0
    assert report["shadow_ms"] > 0
    late.put({"kind": "fixed", "version": "1"}, shadow={"version": "2"})
    late.ask()
    report = until(lambda: _report(late, 1))
    assert report["version"] == "2"
    assert report["agreement"] == 0.0
    assert report["outputs"]["predict"]["largest_difference"] > 0.01
    shown = late.client.get("/metrics").text
    series = 'dovetail_serving_shadow_requests_total{model="late",outcome="%s",version="%s"}'
    assert f"{series % ('agreed', 3)} 10.0" in shown
    assert f"{series % ('differed', 2)} 1.0" in shown


def test_a_share_of_requests_is_copied(late):
    late.put({"kind": "fixed", "version": "1"}, shadow={"version": "2", "share": 0.25})
    before = late.do("GET", "/routing/shadow")["requests"]
    for i in range(200):
        late.ask(f"r{i}")
    time.sleep(0.3)
    assert 25 <= late.do("GET", "/routing/shadow")["requests"] - before <= 75


def test_requests_for_tests_and_of_the_shadow_itself_are_not_copied(late):
    late.put({"kind": "fixed", "version": "1"}, shadow={"version": "2"})
    before = late.do("GET", "/routing/shadow")["requests"]
    late.ask(parameters={"role": "test"})
    late.ask(path="late/versions/1")  # asked for by name: no rule decides
    time.sleep(0.2)
    assert late.do("GET", "/routing/shadow")["requests"] == before


def test_a_model_without_a_shadow_has_no_report(late):
    assert "model 'late' has no shadow" in late.do("GET", "/routing/shadow", status=409)["error"]


def test_a_slow_shadow_holds_nothing_up_and_what_is_dropped_is_counted():
    from dovetail.serving.model import Model
    from dovetail.serving.questions import Question, Reply
    from dovetail.serving.routing.document import Shadow
    from dovetail.serving.routing.shadow import Shadows

    go = threading.Event()

    class Slow:
        name, version = "slow", "2"

    def answer(question, model):
        go.wait(10)
        raise RuntimeError("it is broken")

    told = []
    shadows = Shadows([lambda question, reply: told.append(question)], answer, most=3)
    shadows.start()
    shadowing = shadows.shadowing(Slow(), Shadow(version="2"))
    live = Reply(Model.__new__(Model), {"y": A})
    start = time.perf_counter()
    for i in range(20):
        shadowing.answered(Question("slow", "", {"x": A}, id=str(i)), live, 1000)
    assert time.perf_counter() - start < 1
    go.set()
    report = until(lambda: (r := shadows.report("slow", "2")).failed >= 3 and r)
    shadows.stop()
    assert report.dropped >= 16
    assert report.last_error == "it is broken"
    assert told == []


def test_the_payload_log_is_told_of_a_shadow_by_its_role(tmp_path, model_file, other_file):
    from dovetail.serving.model import Model
    from dovetail.serving.questions import Question, Reply
    from dovetail.serving.routing.document import Shadow
    from dovetail.serving.routing.shadow import Shadows

    one = Model.load(model_file, name="late", version="1")
    two = Model.load(other_file, name="late", version="2")
    told = []
    shadows = Shadows([lambda question, reply: told.append((question, reply))], answer_by)
    shadows.start()
    question = Question("late", "", {"x": np.zeros((1, 4))}, id="r")
    reply = Reply(one, one.infer(question.tensors))
    shadows.shadowing(two, Shadow(version="2")).answered(question, reply, 1)
    until(lambda: told)
    shadows.stop()
    assert told[0][0].told.role == "shadow"
    assert told[0][0].id == "r"
    assert told[0][1].model is two
    assert question.told.role == "live"


CASES = {
    "the same": (A, A, True, (2, 2, 0.0)),
    "within the tolerance": (A, A + 1e-9, True, (2, 2, 1e-9)),
    "apart": (A, A + np.array([[0.0], [0.5]]), False, (2, 1, 0.5)),
    "both not a number": (np.array([np.nan]), np.array([np.nan]), True, (1, 1, None)),
    "one not a number": (np.array([np.nan]), np.array([1.0]), False, (1, 0, None)),
    "infinite": (np.array([np.inf]), np.array([np.inf]), True, (1, 1, None)),
    "words": (np.array(["a", "b"], object), np.array(["a", "c"], object), False, (2, 1, None)),
    "classes": (np.array([1, 2]), np.array([1, 3]), False, (2, 1, 1.0)),
    "words and numbers": (np.array(["a"], object), np.array([1.0]), False, (1, 0, None)),
}


@pytest.mark.parametrize(("one", "other", "agrees", "seen"), CASES.values(), ids=CASES.keys())
def test_elements_agree_or_differ(one, other, agrees, seen):
    into: dict[str, Difference] = {}
    assert compare({"y": one}, {"y": other}, 1e-6, into) is agrees
    found = into["y"].describe()
    assert (found.compared, found.agreed) == seen[:2]
    assert found.largest_difference == (None if seen[2] is None else pytest.approx(seen[2]))


def test_another_shape_and_a_missing_output_are_mismatches():
    into: dict[str, Difference] = {}
    assert not compare({"y": A, "z": A}, {"y": A[:1]}, 0, into)
    assert (into["y"].mismatched, into["z"].mismatched) == (1, 1)
    assert into["y"].describe().agreement is None


def _report(late, compared):
    report = late.do("GET", "/routing/shadow")
    return report if report["compared"] >= compared else None
