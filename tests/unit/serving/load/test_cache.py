"""More models than fit: those that are used are in memory, the others are opened when asked."""

import gc
import threading
import time
import weakref

import httpx
import pytest

from dovetail.serving import opening
from dovetail.serving.cache import Opened
from dovetail.serving.compile import Compilation
from dovetail.serving.model import Model

MIB = 1 << 20


@pytest.fixture
def each_takes_a_mib(monkeypatch):
    """What a model takes is an estimate; here it is known."""
    real = opening.measured

    def measured(open_model, path):
        opened = real(open_model, path)
        return Opened(opened.predictor, opened.compilation, MIB)

    monkeypatch.setattr(opening, "measured", measured)


def resting(server, name):
    return httpx.get(f"{server.url}/v2/models/{name}").json()["parameters"]["resting"]


def evictions(server, *names):
    return [server.metric("dovetail_serving_cache_evictions_total", name) for name in names]


@pytest.mark.usefixtures("each_takes_a_mib")
def test_the_model_used_least_lately_rests_and_answers_when_asked(slow):
    with slow("a1", "a2", "a3", max_memory_mb=2) as server:
        assert [resting(server, n) for n in ("a1", "a2", "a3")] == [True, False, False]
        index = httpx.post(f"{server.url}/v2/repository/index").json()
        assert {entry["state"] for entry in index} == {"READY"}
        server.ask([[1, 2]], "a2")
        loads = server["a1"].loads
        assert server.ask([[1, 2]], "a1").json()["outputs"][0]["data"] == [3.0]
        assert server["a1"].loads == loads + 1
        assert [resting(server, n) for n in ("a1", "a2", "a3")] == [False, False, True]
        assert server.ask([[1, 2]], "a1").status_code == 200
        assert server["a1"].loads == loads + 1
        assert evictions(server, "a1", "a2", "a3") == [1, 0, 1]
        assert server.metric("dovetail_serving_cache_misses_total", "a1") == 1
        assert server.metric("dovetail_serving_cache_loads_total", "a1") == 1
        assert server.metric("dovetail_serving_cache_load_seconds_total", "a1") > 0


@pytest.mark.usefixtures("each_takes_a_mib")
def test_a_model_that_runs_does_not_rest(slow):
    with slow("b1", "b2", max_memory_mb=1) as server:
        assert server.ask([[1, 2]], "b1").status_code == 200  # b2 rests
        first = server.hold("b1")
        assert server.ask([[1, 2]], "b2").status_code == 200
        assert [resting(server, n) for n in ("b1", "b2")] == [False, False]
        server["b1"].gate.set()
        assert first.result().status_code == 200


@pytest.mark.usefixtures("each_takes_a_mib")
def test_many_wait_for_one_opening(slow, monkeypatch):
    with slow("c1", "c2", max_memory_mb=1, model_threads=4) as server:
        assert resting(server, "c1")
        loads = server["c1"].loads
        real = opening.open_form
        go = threading.Event()

        def slowly(*arguments, **more):
            assert go.wait(10)
            return real(*arguments, **more)

        monkeypatch.setattr(opening, "open_form", slowly)
        asked = [server.send([[n, 0]], "c1") for n in range(12)]
        time.sleep(0.3)
        assert httpx.get(f"{server.url}/v2/health/live").status_code == 200
        go.set()
        assert [f.result().json()["outputs"][0]["data"] for f in asked] == [[n] for n in range(12)]
        assert server["c1"].loads == loads + 1


@pytest.mark.usefixtures("each_takes_a_mib")
def test_a_model_whose_files_are_gone_says_so_and_others_go_on(slow, tmp_path):
    with slow("d1", "d2", max_memory_mb=1) as server:
        kept = next((tmp_path / "state" / "serving" / "models" / "d1").rglob("*.slow"))
        kept.write_text("something else")
        answer = server.ask([[1, 2]], "d1")
        assert answer.status_code == 503
        assert "are not those that were loaded" in answer.json()["error"]
        assert server.ask([[1, 2]], "d2").status_code == 200


def test_after_a_restart_models_are_opened_when_asked(slow, tmp_path):
    with slow("e1", "e2") as server:
        assert server.ask([[1, 2]], "e1").status_code == 200
    with slow(load_lazily=True) as server:
        index = httpx.post(f"{server.url}/v2/repository/index").json()
        assert {e["name"]: e["state"] for e in index} == {
            "e1": "READY", "e2": "READY", "slow": "READY"
        }  # fmt: skip
        before = server["e1"].loads
        assert server.ask([[1, 2, 3]], "e1").status_code == 400  # bound once it is open
        assert server["e1"].loads == before + 1
        assert server.ask([[1, 2]], "e1").json()["outputs"][0]["data"] == [3.0]
        assert server["e2"].loads == 1
        inputs = httpx.get(f"{server.url}/v2/models/e2").json()["inputs"]
        assert inputs == [{"name": "input", "datatype": "FP64", "shape": [-1, 2]}]


@pytest.mark.usefixtures("each_takes_a_mib")
def test_a_restart_opens_no_more_than_fits(slow):
    names = ("f1", "f2", "f3", "f4")
    with slow(*names):
        pass
    with slow("f1", max_memory_mb=2) as server:
        assert [server[name].loads for name in names] == [2, 2, 1, 1]
        assert {server.ask([[1, 2]], name).status_code for name in names} == {200}


def test_a_model_that_was_let_go_leaves_memory_at_once():
    """Not when Python next looks for circles, which may be much later."""

    class Nothing:
        platform, outputs = "nothing", ()

        class signature:
            inputs = ()

            @staticmethod
            def bind(tensors):
                return dict(tensors)

        def run(self, inputs, wanted=()):
            return dict(inputs)

    gc.disable()
    try:
        model = Model("gone", "1", Nothing(), Compilation(original="", serves=""))
        gone, predictor = weakref.ref(model), weakref.ref(model.predictor)
        del model
        assert (gone(), predictor()) == (None, None)
    finally:
        gc.enable()
