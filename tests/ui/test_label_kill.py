"""A server that is killed while people save: every answer is there afterwards, once."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.ui.label_server import TEXT, texts

pytestmark = pytest.mark.ui


@contextlib.contextmanager
def server(state: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The labelling server in a process of its own."""
    options = ["--port", str(port), "--state", str(state), "--log-level", "warning"]
    command = [sys.executable, "-m", "dovetail.cli", "labels", "run", *options]
    process = subprocess.Popen(command, env=os.environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    return False


def test_nothing_is_lost_and_nothing_is_there_twice(
    page: Page, tmp_path: Path, free_port: Callable[[], int], until: Callable[..., None]
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with server(tmp_path, port) as first:
        until(lambda: answers(port), seconds=60)
        with httpx.Client(base_url=url, timeout=60) as client:
            body = {"title": "Killed", "label_config": TEXT}
            project = client.post("/api/projects", json=body).json()["id"]
            path = f"/api/projects/{project}/import?return_task_ids=true"
            tasks = client.post(path, json=texts(30)).json()["task_ids"]
        page.goto(f"{url}/labels/projects/{project}/label")
        page.wait_for_selector("label-desk .item")
        for at in range(10):
            page.keyboard.press("1")
            if at == 4:
                os.kill(first.pid, signal.SIGKILL)
        first.wait()
        expect(page.locator(".saved.wrong")).to_contain_text("The server does not answer.")
        page.keyboard.press("2")
    with server(tmp_path, port):
        until(lambda: answers(port), seconds=60)
        saved = page.locator(".saved[data-waiting='0']")
        expect(saved).to_have_text("All saved", timeout=30_000)
        with httpx.Client(base_url=url, timeout=60) as client:
            said = [
                [one["result"][0]["value"]["choices"] for one in listed.json()]
                for listed in (client.get(f"/api/tasks/{task}/annotations/") for task in tasks[:12])
            ]
    assert said == [[["spam"]]] * 10 + [[["ham"]], []]
