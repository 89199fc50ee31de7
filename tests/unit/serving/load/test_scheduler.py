"""A lane by itself: threads and a loop that ask at once, order, and threads that end."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dovetail.serving.compile import Compilation
from dovetail.serving.errors import InferenceFailedError, OverloadedError
from dovetail.serving.limits import Limits
from dovetail.serving.model import Model
from dovetail.serving.scheduler import Job, Lane
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.tensors import TensorSpec


def job(value, rows=1, key="same"):
    return Job({"x": np.full((rows, 1), float(value))}, rows, (), key)


def doubling(jobs):
    for one in jobs:
        one.outputs = {"y": one.bound["x"] * 2}


def value(outputs):
    return float(outputs["y"].ravel()[0])


def test_threads_and_a_loop_ask_at_once():
    lane = Lane("both", doubling, Limits(threads=2, queue=1000), 16)

    async def ask():
        return [value(o) for o in await asyncio.gather(*[lane.ask(job(n)) for n in range(300)])]

    with ThreadPoolExecutor(8) as pool:
        threads = [pool.submit(lane.answer, job(1000 + n)) for n in range(300)]
        assert asyncio.run(ask()) == [2.0 * n for n in range(300)]
        assert [value(t.result()) for t in threads] == [2.0 * (1000 + n) for n in range(300)]
    assert (lane.waiting, lane.running) == (0, 0)


def test_two_loops_are_each_told_their_own():
    lane = Lane("loops", doubling, Limits(threads=1, queue=1000), 64)

    async def ask(start):
        jobs = [lane.ask(job(start + n)) for n in range(100)]
        return [value(o) for o in await asyncio.gather(*jobs)]

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(asyncio.run, ask(start)) for start in (0, 500)]
        assert [f.result() for f in both] == [
            [2.0 * (start + n) for n in range(100)] for start in (0, 500)
        ]


def test_other_kinds_keep_their_turn():
    ran, gate = [], threading.Event()

    def run(jobs):
        gate.wait(10)
        ran.append([int(one.bound["x"][0, 0]) for one in jobs])
        doubling(jobs)

    lane = Lane("order", run, Limits(threads=1), 100)

    async def ask():
        first = asyncio.ensure_future(lane.ask(job(0)))
        await asyncio.sleep(0.1)
        kinds = ["a", "b", "a", "c", "b", "a"]
        rest = [asyncio.ensure_future(lane.ask(job(n + 1, key=k))) for n, k in enumerate(kinds)]
        await asyncio.sleep(0.1)
        gate.set()
        await asyncio.gather(first, *rest)

    asyncio.run(ask())
    assert ran == [[0], [1, 3, 6], [2, 5], [4]]


def test_a_caller_that_is_cancelled_leaves_room():
    gate = threading.Event()

    def run(jobs):
        gate.wait(10)
        doubling(jobs)

    lane = Lane("cancel", run, Limits(threads=1, queue=1), 1)

    async def ask():
        first = asyncio.ensure_future(lane.ask(job(0)))
        await asyncio.sleep(0.1)
        second = asyncio.ensure_future(lane.ask(job(1)))
        await asyncio.sleep(0.1)
        with pytest.raises(OverloadedError):
            await lane.ask(job(2))
        second.cancel()
        await asyncio.sleep(0.1)
        third = asyncio.ensure_future(lane.ask(job(3)))
        await asyncio.sleep(0.1)
        gate.set()
        assert value(await third) == 6.0
        await first

    asyncio.run(ask())


def test_a_runner_that_fails_fails_its_jobs_and_goes_on():
    def run(jobs):
        if jobs[0].bound["x"][0, 0] == 1:
            raise SystemExit(1)
        doubling(jobs)

    lane = Lane("fails", run, Limits(threads=1), 1)
    with pytest.raises(InferenceFailedError, match="SystemExit: 1"):
        lane.answer(job(1))
    assert value(lane.answer(job(2))) == 4.0


class Wide:
    """Answers with as many bytes as the request says, as slow as it is told."""

    platform = "tests_wide"
    outputs = (TensorSpec("y", "FP64", (-1, -1)),)
    signature = MatrixSignature("x", (), 1)

    def __init__(self):
        self.pause = threading.Event()
        self.seconds = 0.0

    def run(self, inputs, wanted=()):
        if self.seconds:
            self.pause.wait(self.seconds)
        return {"y": np.zeros((1, int(inputs["x"][0, 0])))}


def test_an_answer_that_is_too_large_is_an_error():
    model = Model("wide", "1", Wide(), _FORM, limits=Limits(answer_bytes=800))
    assert model.infer({"x": np.array([[100.0]])})["y"].shape == (1, 100)
    with pytest.raises(InferenceFailedError, match="the answer of model 'wide' is over 0 MiB"):
        model.infer({"x": np.array([[101.0]])})


def test_a_quick_model_that_turns_slow_gets_threads():
    predictor = Wide()
    model = Model("turns", "1", predictor, _FORM)
    one = {"x": np.array([[1.0]])}
    assert model.runs_here(one)
    predictor.seconds = 0.03
    for _ in range(12):
        model.infer(one)
    assert not model.runs_here(one)
    assert model.answer(one)["y"].shape == (1, 1)


def test_a_large_request_does_not_run_where_it_is_read():
    model = Model("large", "1", Wide(), _FORM)
    assert not model.runs_here({"x": np.zeros((100_000, 1))})


_FORM = Compilation(original="tests_wide", serves="tests_wide", original_us=1.0)
