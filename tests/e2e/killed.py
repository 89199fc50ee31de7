"""A server in a process of its own, which a test kills and starts again over the same state."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx


class KilledServer:
    """One piece, served by its command.

    Args:
        piece: Which, as in `dovetail PIECE run`.
        state: The folder of its state.
        port: Where it listens, each time.
        ready: A path that answers once it serves.
        more: Further words of the command.
    """

    def __init__(self, piece: str, state: Path, port: int, ready: str, *more: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "dovetail.cli", piece, "run", "--port", str(port)]
        self._command = [*command, "--state", str(state), *more]
        self._cwd, self._ready = state.parent, self.url + ready

    @property
    def pid(self) -> int:
        """The process that serves now."""
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            self._command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self._cwd
        )
        end = time.monotonic() + 60
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if httpx.get(self._ready).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """Kill it without warning, as a crash of the machine's kernel or an OOM killer would."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()


def quiet_port() -> int:
    """A free port that no connection goes out from.

    A client that calls a port of the ephemeral range while nobody listens may be given that very
    port, and then talks to itself.
    """
    start = 20_000 + os.getpid() % 5000
    for port in range(start, start + 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no free port")
