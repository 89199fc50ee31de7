"""A labelling server with tasks to learn, and a way to wait for what happens in the background."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.labels.learning.examples import CONFIG, choice, comments
from tests.unit.labels.server.conftest import Api

from dovetail.labels.piece import piece
from dovetail.web.testing import run_piece


@pytest.fixture
def labels(tmp_path: Path) -> Iterator[Api]:
    with run_piece(piece, state=tmp_path) as running:
        api = Api(running.url)
        yield api
        api.http.close()


def until(look: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What `look` returns once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s; last seen: {found}")


def loaded(api: Api, count: int = 120) -> tuple[int, list[int], list[str]]:
    """A project with comments: its id, the ids of its tasks, and their true classes."""
    project = api.project(label_config=CONFIG)
    pairs = comments(count)
    ids = api.load(project, [{"data": {"text": text}} for text, _ in pairs])
    return project, ids, [mood for _, mood in pairs]


def answer(api: Api, task: int, mood: str) -> None:
    """Answer a task."""
    api.post(f"/api/tasks/{task}/annotations/", {"result": choice(mood), "lead_time": 1.0})
