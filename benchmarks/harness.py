"""What every benchmark stands on: servers as processes, a cheap client, and one line a figure.

The client is `http.client` on one keep-alive connection, far cheaper than any server that it
drives. Beside wall time each figure is taken as server CPU per operation, summed over the server's
process tree: on a shared machine that is what can be compared.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TICKS = os.sysconf("SC_CLK_TCK")
BIN = Path(sys.executable).parent
LONGEST = 30.0  # seconds that one figure may take
# No usage data, and none of the idle processes of MLflow's job runner: its figures are better so.
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


@dataclass(frozen=True)
class Figure:
    """One measured value.

    Attributes:
        piece: which benchmark.
        name: what was measured, with its size.
        subject: whose value this is.
        value: the number.
        unit: its unit; for all of them less is better, but for rates (`/s`).
    """

    piece: str
    name: str
    subject: str
    value: float
    unit: str

    def emit(self) -> None:
        """Print the figure as its JSON line."""
        print(json.dumps(vars(self)), flush=True)


class Connection:
    """One keep-alive connection to a server.

    Args:
        url: the server's base URL.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send JSON and return the JSON of the answer.

        Raises:
            RuntimeError: the status is not 200.
        """
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.send(method, path, b"" if body is None else content)
        return json.loads(answer or b"{}")

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Send bytes and return the bytes of the answer.

        Raises:
            RuntimeError: the status is not 2xx.
        """
        self._http.request(method, path, body, {"Content-Type": kind, **(headers or {})})
        response = self._http.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {answer[:300]!r}")
        return answer


class Server:
    """A server process that answers.

    Attributes:
        url: its base URL.
        started: seconds from the start of the process to its first answer.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], url: str, started: float, also: Sequence[int] = ()
    ) -> None:
        self.url, self.started = url, started
        self._process, self._also = process, also

    def connect(self) -> Connection:
        """Open a connection."""
        return Connection(self.url)

    def cpu_seconds(self) -> float:
        """CPU that the process tree and its database have used, ended children included."""
        total = 0
        for pid in self._tree():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15])
        return total / TICKS

    def memory_mb(self) -> float:
        """Memory of the process tree, shared pages counted once (PSS)."""
        total = 0
        for pid in self._tree():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def _tree(self) -> list[int]:
        found = [self._process.pid, *self._also]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
        return found


@contextmanager
def server(
    command: Sequence[str], ready: str, folder: Path, also: Sequence[int] = ()
) -> Iterator[Server]:
    """Run a server for as long as the block lasts.

    Args:
        command: the command line; `{port}` stands for a free port.
        ready: a path that answers 200 once the server is ready.
        folder: its working directory.
        also: processes of its database, whose CPU and memory count as well.

    Raises:
        RuntimeError: it ends, or is not ready within two minutes.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.perf_counter()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | QUIET,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, url + ready, folder / "server.log")
        yield Server(process, url, time.perf_counter() - begun, also)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    parts = urlsplit(url)
    for _ in range(2400):
        if process.poll() is not None:
            break
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
        try:
            connection.request("GET", parts.path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} is not ready:\n{log.read_text()[-2000:]}")


def measure(
    piece: str, name: str, subject: str, target: Server, work: Callable[[int], object], times: int
) -> None:
    """Time one operation and print its median and its server CPU.

    Args:
        piece: which benchmark.
        name: what the operation is.
        subject: whose server it is.
        target: the server, for its CPU.
        work: the operation, given its number, which never repeats.
        times: how often; a fifth more runs before, unmeasured. A slow server gets fewer.
    """
    end = time.perf_counter() + LONGEST
    for number in range(max(1, times // 5)):
        work(times + number)
        if time.perf_counter() > end:
            break
    before, end = target.cpu_seconds(), time.perf_counter() + LONGEST
    lengths: list[float] = []
    while len(lengths) < times and (not lengths or time.perf_counter() < end):
        begun = time.perf_counter()
        work(len(lengths))
        lengths.append(time.perf_counter() - begun)
    spent, times = target.cpu_seconds() - before, len(lengths)
    lengths.sort()
    Figure(piece, name, subject, lengths[times // 2] * 1000, "ms, median").emit()
    if times >= 20:
        Figure(piece, name, subject, lengths[times * 95 // 100] * 1000, "ms, p95").emit()
    Figure(piece, name, subject, spent / times * 1000, "ms of server CPU").emit()


def measure_together(
    piece: str,
    name: str,
    subject: str,
    target: Server,
    make: Callable[[Connection], Callable[[int], object]],
    clients: int,
    seconds: float = 4.0,
) -> None:
    """Repeat an operation from several clients and print the rate and the server CPU.

    Args:
        piece: which benchmark.
        name: what the operation is.
        subject: whose server it is.
        target: the server, for its CPU.
        make: returns a client's operation, given its connection.
        clients: how many at the same time.
        seconds: how long.
    """
    works = [make(target.connect()) for _ in range(clients)]
    for work in works:
        work(0)
    counts, gate, end = [0] * clients, threading.Barrier(clients + 1), [0.0]

    def loop(client: int) -> None:
        gate.wait()
        while time.perf_counter() < end[0]:
            counts[client] += 1
            works[client](counts[client])

    threads = [threading.Thread(target=loop, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    before, begun = target.cpu_seconds(), time.perf_counter()
    end[0] = begun + seconds
    gate.wait()
    for thread in threads:
        thread.join()
    took, spent = time.perf_counter() - begun, target.cpu_seconds() - before
    Figure(piece, name, subject, sum(counts) / took, "/s").emit()
    Figure(piece, name, subject, spent / sum(counts) * 1000, "ms of server CPU").emit()


@contextmanager
def postgres(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a PostgreSQL; yields the URL of an empty database and the process.

    Raises:
        RuntimeError: none is installed.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    binaries, data = found[-1].parent, folder / "data"
    folder.chmod(0o777)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/tmp"}
    init = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-N"]
    subprocess.run([*as_user, *init], **quiet)
    control = [*as_user, str(binaries / "pg_ctl"), "-D", str(data), "-w"]
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c max_connections=200"
    subprocess.run([*control, "-o", options, "-l", str(folder / "log"), "start"], **quiet)
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres", pid
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


def at_rest(piece: str, subject: str, target: Server) -> None:
    """Print how long a server took to start and what memory it holds before any work."""
    Figure(piece, "start to first answer", subject, target.started, "s").emit()
    Figure(piece, "idle", subject, target.memory_mb(), "MB (PSS)").emit()
