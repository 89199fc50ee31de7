"""Versions change under 64 busy connections: nothing is lost, and nothing stale answers."""

import asyncio
import gc
import importlib.util
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from dovetail.serving.model import Model

SCRIPT = Path(__file__).parents[4] / "benchmarks/serving/swap.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="benchmarks are not beside the tests")


@pytest.fixture(scope="module")
def swap():
    spec = importlib.util.spec_from_file_location("benchmarks_serving_swap", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def port_of(late):
    return httpx.URL(late.url).port


def test_an_alias_that_moves_twenty_times_loses_no_request(late, swap):
    late.do("PUT", "/aliases/current", {"version": "1"})
    late.put({"kind": "fixed", "version": "current"})
    spans, since = [], [0.0]

    async def drive():
        async with httpx.AsyncClient(base_url=late.url) as client:
            for move in range(20):
                await asyncio.sleep(0.1)
                old, new = ("1", "2") if move % 2 == 0 else ("2", "1")
                begins = time.monotonic()
                path = "/v2/models/late/aliases/current"
                answer = await client.put(path, json={"version": new})
                assert answer.status_code == 200
                spans.append(swap.Span(old, since[0], time.monotonic()))
                since[0] = begins
            spans.append(swap.Span("1", since[0], float("inf")))

    asked = asyncio.run(swap.load(port_of(late), "/v2/models/late/infer", 64, drive))
    outcome = swap.judge(asked, spans)
    assert (outcome.failed, outcome.stale) == (0, 0)
    assert set(outcome.by_version) == {"1", "2"}
    assert outcome.requests > 200


def test_loading_unloading_and_replacing_lose_no_request(late, swap):
    async def drive():
        async with httpx.AsyncClient(base_url=late.url, timeout=30) as client:
            for uri in ("models:/late/3", "models:/late/2") * 3:
                path = "/v2/repository/models/late"
                loads = {"parameters": {"uri": uri}}
                assert (await client.post(f"{path}/load", json=loads)).status_code == 200
                rule = {"kind": "split", "weights": {"1": 1, uri[-1]: 1}}
                put = await client.put("/v2/models/late/routing", json={"rule": rule})
                assert put.status_code == 200
                await asyncio.sleep(0.05)
                gone = {"parameters": {"version": uri[-1]}}
                assert (await client.post(f"{path}/unload", json=gone)).status_code == 200

    asked = asyncio.run(swap.load(port_of(late), "/v2/models/late/infer", 64, drive))
    always = [swap.Span(version, 0.0, float("inf")) for version in "123"]
    outcome = swap.judge(asked, always)
    assert outcome.failed == 0
    assert set(outcome.by_version) == {"1", "2", "3"}


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(late, swap, registry):
    (registry.root / "3" / "model.lgb").write_text("tree\nversion=v4\n")

    async def drive():
        async with httpx.AsyncClient(base_url=late.url, timeout=30) as client:
            loads = {"parameters": {"uri": "models:/late/3"}}
            answer = await client.post("/v2/repository/models/late/load", json=loads)
            assert answer.status_code == 400

    asked = asyncio.run(swap.load(port_of(late), "/v2/models/late/infer", 8, drive))
    outcome = swap.judge(asked, [swap.Span("1", 0.0, float("inf"))])
    assert (outcome.failed, outcome.stale) == (0, 0)
    assert outcome.requests


SLOW = """
import time

class Model:
    def predict(self, inputs):
        time.sleep(0.5)
        return inputs
"""


def test_unload_lets_running_requests_finish_and_then_the_model_goes(run, tmp_path, at):
    folder = tmp_path / "may"
    folder.mkdir()
    (folder / "slow.py").write_text(SLOW)
    with run(f"late={folder}/slow.py", trusted=(str(folder),)) as server:
        late = at(server.url)
        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(late.ask, f"r{i}") for i in range(4)]
            time.sleep(0.2)
            late.unload()
            gone = late.client.post("/v2/models/late/infer", json={"inputs": []})
            assert gone.status_code in (400, 404)
            assert [done.result(30) for done in running] == ["1"] * 4
        for _ in range(100):
            gc.collect()
            if not any(type(m) is Model and "slow.py" in m.uri for m in gc.get_objects()):
                return
            time.sleep(0.05)
        raise AssertionError("the model is still held")


def test_judge_knows_a_lost_request_and_a_stale_answer(swap):
    spans = [swap.Span("1", 0.0, 2.0), swap.Span("2", 1.9, float("inf"))]
    asked = [
        swap.Asked(1.0, 1.5, 200, "1"),
        swap.Asked(1.95, 2.5, 200, "1"),  # it began while 1 was current
        swap.Asked(2.1, 2.5, 200, "1"),  # it did not
        swap.Asked(3.0, 3.1, 503, ""),
        swap.Asked(3.0, 3.1, 200, "2"),
    ]
    outcome = swap.judge(asked, spans)
    assert (outcome.requests, outcome.failed, outcome.stale) == (5, 1, 1)
