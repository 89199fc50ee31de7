"""Versions change under load: is a request lost, or answered by a version that was not current?

`python -m benchmarks.serving.swap --seconds 60 --moves 20` starts a registry and a server in
processes of their own, keeps 64 connections busy, and moves the registry's alias again and again.
Each time the server loads the new version, moves all traffic, and lets the old one go. Every answer
has to come from a version that was current at some moment between the request's start and its end.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Asked", "Outcome", "Span", "judge", "load"]

_VERSION = re.compile(rb'"model_version":"([^"]*)"')
_Move = Callable[[], Awaitable[list["Span"]]]
_ROW = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [0.5, -1, 3, 0.2]}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when it began and ended, its status, and the version that answered."""

    start: float
    end: float
    status: int
    version: str


@dataclass(frozen=True, slots=True)
class Span:
    """When a version may have been current: from the first moment to the last."""

    version: str
    start: float
    end: float


@dataclass
class Outcome:
    """What came of a load.

    Args:
        requests: answered or not.
        failed: with another status than 200, or without an answer.
        stale: answered by a version that was not current while they ran.
        seconds: from start to end of each.
        by_version: how many each version answered.
    """

    requests: int = 0
    failed: int = 0
    stale: int = 0
    seconds: list[float] = field(default_factory=list)
    by_version: dict[str, int] = field(default_factory=dict)

    def quantile(self, share: float) -> float:
        """Return milliseconds that this share of the requests took at most."""
        ordered = sorted(self.seconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1e3 if ordered else 0.0


async def load(
    port: int,
    path: str,
    connections: int,
    drive: Callable[[], Awaitable[None]],
    *,
    pause: float = 0.0,
) -> list[Asked]:
    """Keep connections busy while something else happens, and return every request.

    Args:
        port: of the server.
        path: that is asked.
        connections: how many, each with one request at a time.
        drive: what happens meanwhile; the load ends with it.
        pause: seconds between an answer and the next request of a connection.
    """
    asked: list[Asked] = []
    done = asyncio.Event()
    body = json.dumps({"inputs": [_ROW]}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while not done.is_set():
                start = time.monotonic()
                try:
                    writer.write(request)
                    status, version = await _answer(reader)
                except (OSError, asyncio.IncompleteReadError):
                    status, version = 0, ""
                asked.append(Asked(start, time.monotonic(), status, version))
                if status == 0:
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                if pause:
                    await asyncio.sleep(pause)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    busy = [asyncio.ensure_future(one()) for _ in range(connections)]
    try:
        await drive()
    finally:
        done.set()
        await asyncio.gather(*busy)
    return asked


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str]:
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    body = await reader.readexactly(int(found[1]) if found else 0)
    version = _VERSION.search(body)
    return int(head[9:12]), version[1].decode() if version else ""


def judge(asked: list[Asked], spans: list[Span]) -> Outcome:
    """Say what became of the requests.

    Args:
        asked: every request.
        spans: when which version may have been current.
    """
    outcome = Outcome()
    for one in asked:
        outcome.requests += 1
        outcome.seconds.append(one.end - one.start)
        if one.status != 200:
            outcome.failed += 1
            continue
        outcome.by_version[one.version] = outcome.by_version.get(one.version, 0) + 1
        if not any(
            span.version == one.version and span.start <= one.end and one.start <= span.end
            for span in spans
        ):
            outcome.stale += 1
    return outcome


@contextlib.contextmanager
def _server(*arguments: str, cwd: Path, ready: str) -> Iterator[int]:
    """Start a piece in a process of its own; give its port."""
    import httpx

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "dovetail.cli", *arguments, "--port", str(port)]
    process = subprocess.Popen(command, cwd=cwd, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}{ready}").status_code == 200:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _register(registry: str, versions: int) -> None:
    """Train small models, and register each as a version of `late`."""
    import lightgbm
    import numpy as np

    from dovetail.wire.mlflow import Client, proxy_path

    rows = np.random.default_rng(0).normal(size=(2000, 4))
    label = (rows[:, 0] + rows[:, 1] > 0).astype(int)
    with Client(registry) as client:
        client.create_registered_model("late")
        run = client.create_run(client.ensure_experiment("swap"))
        root = run.info.artifact_uri or ""
        for version in range(1, versions + 1):
            options = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": version}
            booster = lightgbm.train(options, lightgbm.Dataset(rows, label), 20 + version)
            files = {
                "model.lgb": booster.model_to_string(),
                "MLmodel": "flavors: {lightgbm: {data: model.lgb}}\n",
            }
            for name, text in files.items():
                client.put_artifact(f"{proxy_path(root)}/{version}/{name}", text.encode())
            client.create_model_version("late", f"{root}/{version}", run_id=run.info.run_id)
        client.set_alias("late", "champion", "1")


async def _move(registry: str, server: str, first: int, moves: int, seconds: float) -> list[Span]:
    """Move the alias again and again; return when each version may have been current."""
    from dovetail.wire.mlflow import Client

    spans, version, since = [], str(first), 0.0
    with Client(registry) as client:
        for following in map(str, range(first + 1, first + moves + 1)):
            await asyncio.sleep(seconds / (moves + 1))
            begins = time.monotonic()
            await asyncio.to_thread(client.set_alias, "late", "champion", following)
            await _until(server, following)
            spans.append(Span(version, since, time.monotonic()))
            version, since = following, begins
        await asyncio.sleep(seconds / (moves + 1))
    spans.append(Span(version, since, float("inf")))
    return spans


async def _quiet(seconds: float) -> None:
    await asyncio.sleep(seconds)


def run(seconds: float, moves: int, connections: int, rate: float) -> dict[str, object]:
    """Return the outcome as one record.

    Args:
        seconds: how long the versions change under load.
        moves: of the alias.
        connections: kept busy.
        rate: requests a second in the part that measures latency.
    """
    path, pause = "/v2/models/late/infer", connections / rate
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tracking = stack.enter_context(
            _server("tracking", "run", "--state", "registry", cwd=folder, ready="/health")
        )
        registry = f"http://127.0.0.1:{tracking}"
        _register(registry, 2 * moves + 1)
        options = ("--registry", registry, "--state", "state")
        port = stack.enter_context(
            _server(
                "serving", "run", "models:/late@champion", *options, cwd=folder,
                ready="/v2/models/late/ready",
            )
        )  # fmt: skip
        server = f"http://127.0.0.1:{port}"
        quiet = judge(asyncio.run(load(port, path, connections, lambda: _quiet(5), pause=pause)),
                      [Span("1", 0.0, float("inf"))])  # fmt: skip
        outcomes = []
        for first, lasting, wait in ((1, seconds, 0.0), (moves + 1, 0.0, pause)):
            spans: list[Span] = []
            move = functools.partial(_move, registry, server, first, moves, lasting)

            async def drive(move: _Move = move, spans: list[Span] = spans) -> None:
                spans.extend(await move())

            asked = asyncio.run(load(port, path, connections, drive, pause=wait))
            outcomes.append(judge(asked, spans))
        full, gently = outcomes
    return {
        "benchmark": "serving-swap",
        "seconds": seconds,
        "moves": moves,
        "connections": connections,
        "requests": full.requests + gently.requests,
        "failed": full.failed + gently.failed,
        "stale": full.stale + gently.stale,
        "versions_that_answered": len({**full.by_version, **gently.by_version}),
        "requests_per_second": round(full.requests / seconds),
        "p99_ms_quiet": round(quiet.quantile(0.99), 2),
        "p99_ms_while_loading": round(gently.quantile(0.99), 2),
        "worst_ms_while_loading": round(gently.quantile(1), 2),
    }


async def _until(server: str, version: str) -> None:
    import httpx

    async with httpx.AsyncClient(base_url=server, timeout=60) as http:
        while True:
            seen = (await http.get("/v2/models/late/aliases")).json()["aliases"]
            if seen.get("champion") == version:
                return
            await asyncio.sleep(0.02)


def main() -> int:
    """Run, print one JSON line, and return 1 if a request was lost or answered by no current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=300)
    given = parser.parse_args()
    record = run(given.seconds, given.moves, given.connections, given.rate)
    print(json.dumps(record))
    return 1 if record["failed"] or record["stale"] else 0


if __name__ == "__main__":
    sys.exit(main())
