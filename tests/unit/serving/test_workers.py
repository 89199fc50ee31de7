"""Several processes that answer as one server: what one is told, all hold."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.unit.serving.test_grpc import M, Stub, raw, rows

COUNT = 3
INFER = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.5]}]}


class Workers:
    """A server of several processes, started by its command."""

    def __init__(self, folder: Path, *arguments: str, count: int = COUNT) -> None:
        self.log = folder / "log"
        command = [sys.executable, "-W", "error", "-m", "dovetail.cli", "serving", "run"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *arguments, "--port", "0", "--state", "state", "--workers", str(count)],
                cwd=folder,
                stderr=log,
            )

    def wait(self) -> "Workers":
        found = self.until(lambda: re.search(r"answers on (\S+), gRPC on (\S+) ", self.said()))
        self.url, self.grpc = found.groups()
        self.until(lambda: self.get("/v2/health/ready").status_code == 200)
        return self

    def said(self) -> str:
        assert self.process.poll() is None, self.log.read_text()
        return self.log.read_text()

    def lines(self, event: str) -> list[dict]:
        found = [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    def until(self, condition):
        for _ in range(1200):
            found = condition()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def get(self, path):
        return self.post(path, method="GET")

    def post(self, path, body=None, method="POST"):
        """Send on a connection of its own, which the kernel gives to any of the workers."""
        with httpx.Client(verify=False, trust_env=False, timeout=60) as client:  # cheap to make
            return client.request(method, self.url + path, json=body)

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@contextmanager
def running(folder, *arguments, count=COUNT):
    server = Workers(folder, *arguments, count=count)
    try:
        yield server.wait()
    finally:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, model_file, other_file):
    folder = tmp_path_factory.mktemp("workers")
    (folder / "echo.identity").touch()
    for name, file in (("one.txt", model_file), ("two.txt", other_file)):
        (folder / name).write_bytes(file.read_bytes())
    with running(folder, "echo.identity", "late=one.txt") as found:
        yield found


def test_connections_reach_every_worker(server):
    answered = [server.post("/v2/models/echo/infer", INFER).status_code for _ in range(40)]
    assert set(answered) == {200}
    listening = {line["worker"] for line in server.lines("model loaded")}
    assert listening == set(range(COUNT))


def test_a_change_holds_everywhere_once_it_is_acknowledged(server):
    for _ in range(4):
        assert server.post("/v2/repository/models/echo/unload").status_code == 200
        gone = {server.post("/v2/models/echo/infer", INFER).status_code for _ in range(12)}
        assert gone == {404}
        assert server.post("/v2/repository/models/echo/load").status_code == 200
        back = {server.post("/v2/models/echo/infer", INFER).status_code for _ in range(12)}
        assert back == {200}


def test_a_change_over_grpc_holds_everywhere_too(server):
    stub = Stub(server.grpc)
    stub("RepositoryModelUnload", M("RepositoryModelUnloadRequest")(model_name="echo"))
    gone = {server.post("/v2/models/echo/infer", INFER).status_code for _ in range(12)}
    assert gone == {404}
    stub("RepositoryModelLoad", M("RepositoryModelLoadRequest")(model_name="echo"))
    back = {server.post("/v2/models/echo/infer", INFER).status_code for _ in range(12)}
    assert back == {200}
    stub.close()


def test_traffic_is_the_same_in_all(server):
    asked = {"parameters": {"uri": "two.txt", "version": "2"}}
    assert server.post("/v2/repository/models/late/load", asked).status_code == 200
    assert server.post("/v2/models/late/traffic", {"weights": {"2": 1}}, "PUT").status_code == 200
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1.0, 2.0, 3.0, 4.0]}
    answers = [server.post("/v2/models/late/infer", {"inputs": [tensor]}) for _ in range(12)]
    assert {answer.json()["model_version"] for answer in answers} == {"2"}
    assert server.post("/v2/models/late/traffic", {"weights": {"1": 1}}, "PUT").status_code == 200
    answers = [server.post("/v2/models/late/infer", {"inputs": [tensor]}) for _ in range(12)]
    assert {answer.json()["model_version"] for answer in answers} == {"1"}


def test_changes_told_to_several_workers_at_once_end_alike(server):
    def change(version):
        server.post("/v2/models/late/traffic", {"weights": {version: 1}}, "PUT")

    changes = [threading.Thread(target=change, args=(str(n % 2 + 1),)) for n in range(12)]
    for one in changes:
        one.start()
    for one in changes:
        one.join()
    found = {server.get("/v2/models/late/traffic").text for _ in range(24)}
    assert len(found) == 1


def test_metrics_of_one_address_show_the_whole(server):
    def counted():
        text = server.get("/metrics").text
        found = re.search(r'request_success_total\{model="late",version="1"\} (\S+)', text)
        return float(found.group(1)) if found else 0.0

    before = counted()
    stubs = [Stub(server.grpc) for _ in range(4)]
    for _ in range(5):
        for stub in stubs:
            stub.infer(raw("late", rows(), model_version="1"))
    for stub in stubs:
        stub.close()
    assert {counted() for _ in range(12)} == {before + 20}


def loads_of(server, worker):
    return [line for line in server.lines("model loaded") if line["worker"] == worker]


def test_a_worker_that_dies_is_started_anew_and_the_others_go_on(server):
    before = server.children()
    before_loads = [len(loads_of(server, worker)) for worker in range(COUNT)]
    os.kill(before[1], signal.SIGKILL)
    server.until(lambda: server.lines("worker ended and is started anew"))
    for _ in range(20):
        assert server.get("/v2/health/ready").status_code == 200
        assert server.post("/v2/models/echo/infer", INFER).status_code == 200
    server.until(lambda: len(server.children()) == COUNT)
    assert set(server.children()) != set(before)
    restarted = server.lines("worker ended and is started anew")[-1]["worker"]
    server.until(lambda: len(loads_of(server, restarted)) > before_loads[restarted])
    assert server.post("/v2/repository/models/echo/unload").status_code == 200
    gone = {server.post("/v2/models/echo/infer", INFER).status_code for _ in range(12)}
    assert gone == {404}
    assert server.post("/v2/repository/models/echo/load").status_code == 200


def test_a_followed_alias_moves_in_all(tmp_path, registry):
    registry.aliases["late", "champion"] = "1"
    arguments = ["models:/late@champion", "--registry", registry.url]
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1.0, 2.0, 3.0, 4.0]}

    def versions():
        answers = [server.post("/v2/models/late/infer", {"inputs": [tensor]}) for _ in range(12)]
        assert {answer.status_code for answer in answers} == {200}
        return {answer.json()["model_version"] for answer in answers}

    with running(tmp_path, *arguments, count=2) as server:
        assert versions() == {"1"}
        registry.aliases["late", "champion"] = "2"
        server.until(lambda: versions() == {"2"})
        followed = server.lines("alias followed")
        assert {line["worker"] for line in followed} == {0}
        assert [line["version"] for line in followed] == ["1", "2"]


def test_a_stop_fails_no_request_and_leaves_nothing_running(tmp_path):
    (tmp_path / "echo.identity").touch()
    failures, answered, done = [], [], threading.Event()

    def ask(url):
        with httpx.Client(verify=False, trust_env=False) as client:
            while not done.is_set():
                try:
                    answer = client.post(f"{url}/v2/models/echo/infer", json=INFER)
                except httpx.ConnectError:
                    return  # the port is closed: the server has ended
                except httpx.TransportError as error:
                    failures.append(error)
                    return
                (answered if answer.status_code == 200 else failures).append(answer)

    with running(tmp_path, "echo.identity", count=2) as server:
        children = server.children()
        askers = [threading.Thread(target=ask, args=(server.url,)) for _ in range(4)]
        for asker in askers:
            asker.start()
        server.until(lambda: len(answered) > 50)
        assert server.stop() == 0
        done.set()
        for asker in askers:
            asker.join()
    assert failures == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_workers_end_when_their_supervisor_is_killed(tmp_path):
    (tmp_path / "echo.identity").touch()
    with running(tmp_path, "echo.identity", count=2) as server:
        children = server.children()
        server.process.kill()
        server.process.wait(10)
        for _ in range(200):
            if not any(Path(f"/proc/{pid}/exe").exists() for pid in children):
                return
            time.sleep(0.1)
        raise AssertionError("workers are left over")


def test_a_taken_port_is_refused_at_once(tmp_path, server):
    port = server.url.rpartition(":")[2]
    command = [sys.executable, "-m", "dovetail.cli", "serving", "run", "--workers", "2"]
    ran = subprocess.run(
        [*command, "--port", port, "--state", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use" in ran.stderr
