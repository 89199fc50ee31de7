"""The labelling server over HTTP: import, pages, the next task, saving, export.

`python -m benchmarks.labels.server [--tasks 10000] [--big 100000] [--database URL]
[--label-studio URL TOKEN]`. Ours is started here, on SQLite or on the PostgreSQL of the URL, whose
CPU counts where it is on this machine; a Label Studio that runs already is driven beside it.
Everything is done twice, in a project of its own and in one that has a hundred thousand tasks
before. Figures are wall time at the 95th percentile, and of ours server CPU beside it.
"""

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.harness import BIN, Figure, Server, server

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text">'
    '<Choice value="good"/><Choice value="bad"/></Choices></View>'
)
MOOD: dict[str, Any] = {"from_name": "mood", "to_name": "text", "type": "choices"}
RESULT = [{**MOOD, "value": {"choices": ["good"]}}]
SAVES, PAGES = 200, 100


class Client:
    """A keep-alive connection that sends a token.

    Args:
        url: of the server.
        token: an API token; any where none is needed.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
        self._headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> bytes:
        """Return the body of an answer.

        Raises:
            RuntimeError: the status is not 2xx.
        """
        sent = body if isinstance(body, bytes) else json.dumps(body).encode() if body else None
        self._http.request(method, path, sent, self._headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """Return the value of an answer."""
        return json.loads(self.call(method, path, body) or b"null")


def tasks(count: int, *, predicted: bool = False) -> bytes:
    """The body of an import."""
    text = "lorem ipsum dolor sit amet " * 5
    said = {"predictions": [{"model_version": "v1", "score": 0.5, "result": RESULT}]}
    more = said if predicted else {}
    return json.dumps(
        [{"data": {"text": f"item {i} {text}", "n": i}, **more} for i in range(count)]
    ).encode()


class Run:
    """One run against one server.

    Args:
        subject: whose figures these are.
        client: calls it.
        ours: the process, for its CPU; None for what was started elsewhere.
    """

    def __init__(self, subject: str, client: Client, ours: Server | None) -> None:
        self._subject, self._client, self._ours = subject, client, ours

    def timed(self, name: str, times: int, work: Callable[[int], object]) -> Iterator[Figure]:
        """Do something and tell how long the slowest twentieth took at least."""
        took = []
        cpu = self._ours.cpu_seconds() if self._ours else 0.0
        for index in range(times):
            began = time.perf_counter()
            work(index)
            took.append(1000 * (time.perf_counter() - began))
        took.sort()
        yield Figure("labels", name, self._subject, took[int(0.95 * (times - 1))], "ms, p95")
        if self._ours:
            spent = 1000 * (self._ours.cpu_seconds() - cpu) / times
            yield Figure("labels", name, self._subject, spent, "ms of CPU")

    def figures(self, count: int, before: int) -> Iterator[Figure]:
        """Everything, in a project that has some tasks already."""
        client = self._client
        made = client.json("POST", "/api/projects", {"title": "bench", "label_config": CONFIG})
        path, number = f"/api/projects/{made['id']}", made["id"]
        for start in range(0, before, 20_000):
            client.call("POST", f"{path}/import", tasks(min(20_000, before - start)))
        size = f"{before:,} tasks" if before else "an empty project"
        many, predicted = tasks(count), tasks(count, predicted=True)
        yield from self.timed(
            f"import {count:,} into {size}", 1,
            lambda _: client.call("POST", f"{path}/import", many),
        )  # fmt: skip
        yield from self.timed(
            f"import {count:,} with predictions into {size}", 1,
            lambda _: client.call("POST", f"{path}/import", predicted),
        )  # fmt: skip
        one, total = tasks(1), before + 2 * count
        middle = max(1, total // 200)  # clients read page after page
        yield from self.timed(
            f"import one into {total:,} tasks", 20,
            lambda _: client.call("POST", f"{path}/import", one),
        )  # fmt: skip
        yield from self.timed(
            f"pages of 100 from the middle of {total:,} tasks", PAGES,
            lambda i: client.call(
                "GET", f"/api/tasks?project={number}&page={middle + i}"
                "&page_size=100&fields=all",
            ),
        )  # fmt: skip
        yield from self._labelling(path, total)
        yield from self.timed(
            f"export {total:,} tasks, JSON", 1,
            lambda _: client.call("GET", f"{path}/export?exportType=JSON&download_all_tasks=true"),
        )  # fmt: skip

    def _labelling(self, path: str, total: int) -> Iterator[Figure]:
        client, found = self._client, []
        body = json.dumps({"result": RESULT, "lead_time": 1.5}).encode()
        answered: list[int] = []

        def ask(_: int) -> None:
            found.append(client.json("GET", f"{path}/next")["id"])

        def save(_: int) -> None:
            client.call("POST", f"/api/tasks/{found[-1]}/annotations/", body)

        took: dict[str, list[float]] = {"next task": [], "save": []}
        cpu = self._ours.cpu_seconds() if self._ours else 0.0
        for index in range(SAVES):
            for name, work in (("next task", ask), ("save", save)):
                began = time.perf_counter()
                work(index)
                took[name].append(1000 * (time.perf_counter() - began))
            answered.append(found[-1])
        assert len(set(answered)) == SAVES, "a task was handed out again"
        if self._ours:
            spent = 1000 * (self._ours.cpu_seconds() - cpu) / SAVES
            name = f"next task and save, of {total:,}"
            yield Figure("labels", name, self._subject, spent, "ms of CPU")
        for name, values in took.items():
            values.sort()
            yield Figure(
                "labels", f"{name}, of {total:,}", self._subject, values[SAVES // 2], "ms, median"
            )
            slow = values[int(0.95 * (SAVES - 1))]
            yield Figure("labels", f"{name}, of {total:,}", self._subject, slow, "ms, p95")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--big", type=int, default=100_000)
    parser.add_argument("--database", metavar="URL", help="an empty database of PostgreSQL")
    parser.add_argument("--label-studio", nargs=2, metavar=("URL", "TOKEN"))
    given = parser.parse_args()
    command = [str(BIN / "dovetail"), "labels", "run", "--port", "{port}", "--state", "state"]
    name, also = "dovetail", []
    if given.database:
        name, also = "dovetail, PostgreSQL", server_of(given.database)
        command += ["--database", given.database]
    with (
        tempfile.TemporaryDirectory() as folder,
        server(command, "/readyz", Path(folder), also) as ours,
    ):
        yield_all(Run(name, Client(ours.url, "x"), ours), given.tasks, given.big)
        Figure("labels", "memory of the server", name, ours.memory_mb(), "MB").emit()
        Figure("labels", "start of the server", name, ours.started, "s").emit()
    if given.label_studio:
        url, token = given.label_studio
        yield_all(Run("Label Studio", Client(url, token), None), given.tasks, 0)
    sys.stdout.flush()


def server_of(database: str) -> list[int]:
    """Return the process of a PostgreSQL whose children serve it; none where it is elsewhere."""
    import psycopg

    with psycopg.connect(database) as connection:
        child = Path(f"/proc/{connection.info.backend_pid}")
        if not child.exists() or (child / "comm").read_text().strip() != "postgres":
            return []
        return [int((child / "stat").read_text().rpartition(")")[2].split()[1])]


def yield_all(run: Run, count: int, big: int) -> None:
    """Print what a run measures, in a small and in a big project."""
    for before in dict.fromkeys((0, big)):
        for figure in run.figures(count, before):
            figure.emit()


if __name__ == "__main__":
    main()
