"""Machines are asked at the same time: several sources, and several calls of one."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.unit.labels.routing.test_served import made, mood, running, until, url
from tests.unit.labels.server.conftest import Api

from dovetail.web.testing import serve_in_thread


class Endpoint:
    """Answers the mood of a text, after a while, and counts who asks at the same time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.asked, self.now, self.most = seconds, [], 0, 0
        self.gate = threading.Event()
        self.gate.set()
        self._guard = threading.Lock()

    async def answer(self, request: Request) -> JSONResponse:
        text = (await request.json())["text"]
        await run_in_threadpool(self._wait, text)
        return JSONResponse({"label": "good" if "nice" in text else "bad"})

    def _wait(self, text: str) -> None:
        with self._guard:
            self.asked.append(text)
            self.now += 1
            self.most = max(self.most, self.now)
        self.gate.wait(30)
        time.sleep(self.seconds)
        with self._guard:
            self.now -= 1


@contextmanager
def served(**endpoints: Endpoint) -> Iterator[str]:
    routes = [Route(f"/{name}", one.answer, methods=["POST"]) for name, one in endpoints.items()]
    with serve_in_thread(Starlette(routes=routes)) as server:
        yield server.url


def source(api: Api, project: int, base: str, name: str, **more: Any) -> None:
    body = {
        "kind": "http", "name": name, "url": f"{base}/{name}", "template": {"text": "$text"},
        "label": "/label", **more,
    }  # fmt: skip
    api.post(url(project, "sources"), body)


def predictions(api: Api, project: int, name: str) -> list[dict[str, Any]]:
    said = api.get(f"/api/predictions/?project={project}")
    return sorted((one for one in said if one["model_version"] == name), key=lambda one: one["id"])


def test_a_slow_source_does_not_hold_up_a_fast_one(tmp_path: Path) -> None:
    slow, fast = Endpoint(), Endpoint()
    slow.gate.clear()
    with served(slow=slow, fast=fast) as base, running(tmp_path) as api:
        project, _ = made(api, 40, floor=2)
        source(api, project, base, "slow", cost=0.1)
        until(lambda: slow.now)
        source(api, project, base, "fast", cost=0.1)
        until(lambda: len(predictions(api, project, "fast")) >= 24)
        assert predictions(api, project, "slow") == []
        slow.gate.set()
        # Where the first two agree on everything, one answer is enough for the rest.
        until(lambda: api.get(url(project, "quality"))["done"] == 40)
        assert predictions(api, project, "slow") != []
    for one in (slow, fast):
        assert len(set(one.asked)) == len(one.asked)  # nothing is asked twice


def test_a_source_takes_as_many_calls_at_a_time_as_it_states(tmp_path: Path) -> None:
    one = Endpoint(0.05)
    with served(one=one) as base, running(tmp_path) as api:
        project, tasks = made(api, 60, floor=1)
        source(api, project, base, "one", concurrency=4)
        until(lambda: len(predictions(api, project, "one")) == 60)
        assert one.most == 4
        assert len(one.asked) == 60
        said = {
            p["task"]: p["result"][0]["value"]["choices"][0]
            for p in predictions(api, project, "one")
        }
        assert [said[task] for task in tasks] == [mood(i) for i in range(60)]


def test_without_a_word_there_is_one_call_at_a_time(tmp_path: Path) -> None:
    one = Endpoint(0.01)
    with served(one=one) as base, running(tmp_path) as api:
        project, _ = made(api, 20, floor=1)
        source(api, project, base, "one")
        until(lambda: len(predictions(api, project, "one")) == 20)
        assert one.most == 1


def test_answers_are_written_in_the_order_in_which_they_were_asked_for(tmp_path: Path) -> None:
    class Odd(Endpoint):
        """The first call takes longest."""

        def _wait(self, text: str) -> None:
            super()._wait(text)
            time.sleep(0.6 if text == self.asked[0] else 0)

    one = Odd()
    with served(one=one) as base, running(tmp_path) as api:
        project, tasks = made(api, 16, floor=1)
        source(api, project, base, "one", concurrency=4)
        until(lambda: len(predictions(api, project, "one")) == 16)
        assert [p["task"] for p in predictions(api, project, "one")] == tasks


def test_the_budget_counts_what_is_under_way(tmp_path: Path) -> None:
    one = Endpoint(0.05)
    with served(one=one) as base, running(tmp_path) as api:
        project, _ = made(api, 60, floor=1, budget=10.0)
        source(api, project, base, "one", concurrency=8, cost=0.5)
        until(lambda: api.get(url(project, "quality"))["spent"] == 10.0)
        time.sleep(1.5)
        assert len(one.asked) == 20


def test_answers_under_way_are_kept_when_the_server_stops_or_the_policy_changes(
    tmp_path: Path,
) -> None:
    one = Endpoint(0.3)
    with served(one=one) as base:
        with running(tmp_path) as api:
            project, _ = made(api, 8, floor=1)
            source(api, project, base, "one", concurrency=4, cost=1.0)
            until(lambda: one.now)
            api.call("PUT", url(project, "routing"), {"floor": 1, "quality": 0.9})
        with running(tmp_path) as api:
            until(lambda: len(predictions(api, project, "one")) == 8)
            assert api.get(url(project, "quality"))["spent"] == 8.0
    assert len(one.asked) == 8


@pytest.mark.parametrize("concurrency", [0, 33, 1.5])
def test_a_concurrency_that_cannot_be_is_refused(tmp_path: Path, concurrency: float) -> None:
    with running(tmp_path) as api:
        project, _ = made(api, 1)
        body = {
            "kind": "ml_backend",
            "name": "x",
            "url": "https://x.org/",
            "concurrency": concurrency,
        }
        assert "concurrency" in str(api.post(url(project, "sources"), body, status=400))
