"""What a client was told succeeded is there after the server was killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire.http import WireError
from dovetail.wire.mlflow import Client


def start(state: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dovetail.cli", "tracking", "run", "--port", str(port)]
    server = subprocess.Popen(
        [*command, "--state", str(state)], stderr=subprocess.DEVNULL, cwd=state.parent
    )
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health").is_success:
                return server
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def test_acknowledged_writes_outlive_a_kill(tmp_path: Path, free_port) -> None:
    state, port = tmp_path / "state", free_port()
    server = start(state, port)
    acknowledged: dict[str, int] = {}

    def log(name: str) -> None:
        with Client(f"http://127.0.0.1:{port}") as client:
            run = client.create_run("0", name=name).info.run_id
            try:
                for step in range(100_000):
                    client.log_metric(run, "auc", step / 10, step=step)
                    client.put_artifact(f"0/{run}/artifacts/{step}.txt", b"x" * 1000)
                    acknowledged[run] = step
            except (WireError, httpx.HTTPError):
                return

    threads = [threading.Thread(target=log, args=(f"r{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    while len(acknowledged) < 4 or min(acknowledged.values()) < 3:
        time.sleep(0.01)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    for thread in threads:
        thread.join()
    with run_piece(piece, state=state) as running, Client(running.url) as client:
        for run, last in acknowledged.items():
            steps = [metric.step for metric in client.get_metric_history(run, "auc")]
            assert steps[: last + 1] == list(range(last + 1))
            assert len(steps) <= last + 2
            files = client.list_artifacts(f"0/{run}/artifacts")
            assert len(files) >= last + 1
            assert {file.file_size for file in files} == {1000}


def test_a_kill_shows_no_half_file_and_an_upload_in_parts_goes_on(
    tmp_path: Path, free_port
) -> None:
    state, port = tmp_path / "state", free_port()
    server = start(state, port)
    address = f"http://127.0.0.1:{port}/api/2.0/mlflow-artifacts"
    asked = {"path": "big.bin", "num_parts": 2}
    upload = httpx.post(f"{address}/mpu/create/1", json=asked).json()
    first, second = (one["url"] for one in upload["credentials"])
    etags = [httpx.put(first, content=b"1" * 100_000).headers["etag"]]
    head = "PUT /api/2.0/mlflow-artifacts/{} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n\r\n"
    signed = second.split("/mlflow-artifacts/")[1]
    with (
        socket.create_connection(("127.0.0.1", port)) as whole,
        socket.create_connection(("127.0.0.1", port)) as part,
    ):
        lines = (head.format(path, "Content-Length: 9999999") for path in ("artifacts/1/a", signed))
        for one, text in zip((whole, part), lines, strict=True):
            one.sendall(text.encode() + b"x" * 3_000_000)
        staging = state / "artifacts" / ".staging"
        while sum(one.lstat().st_size > 1_000_000 for one in staging.rglob("*")) < 2:
            time.sleep(0.05)
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    server = start(state, port)
    try:
        assert httpx.get(f"{address}/artifacts").json() == {}
        etags.append(httpx.put(second, content=b"2" * 50_000).headers["etag"])
        parts = [{"part_number": n, "etag": etag} for n, etag in enumerate(etags, 1)]
        done = {"path": "big.bin", "upload_id": upload["upload_id"], "parts": parts}
        assert httpx.post(f"{address}/mpu/complete/1", json=done).json() == {}
        found = httpx.get(f"{address}/artifacts/1/big.bin").content
        assert found == b"1" * 100_000 + b"2" * 50_000
    finally:
        server.terminate()
        server.wait(30)
