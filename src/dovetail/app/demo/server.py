"""`dovetail up` as a child process, which the demo starts, restarts and ends.

A driver that is killed leaves its server behind, still healthy; the next driver finds it by the
file `server.json` in the state folder and goes on with it.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import msgspec

from dovetail.app.demo.workspace import Workspace
from dovetail.base.errors import UnavailableError
from dovetail.web.serve import bind

__all__ = ["ServerProcess"]

START_SECONDS = 60.0
STOP_SECONDS = 20.0
RESTARTS = 5


class ServerProcess:
    """The demo's server.

    Args:
        workspace: whose settings it runs with.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._log = workspace.state / "server.log"
        self._note = workspace.state / "server.json"
        self._pid: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._restarts = 0

    def __enter__(self) -> Self:
        """Find the server that an earlier driver left, or start one."""
        left = self._left_behind()
        if left is not None and self._answers():
            self._pid = left
        else:
            self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the server gracefully."""
        if self._pid is None:
            return
        if _is_alive(self._pid, self._child):
            os.kill(self._pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _is_alive(self._pid, self._child) and time.monotonic() < deadline:
            time.sleep(0.05)
        if _is_alive(self._pid, self._child):
            os.kill(self._pid, signal.SIGKILL)
        self._note.unlink(missing_ok=True)

    def ensure(self) -> None:
        """Wait until the server answers, starting it again if it died.

        Raises:
            UnavailableError: it keeps dying, or does not answer.
        """
        if self._is_running() and self._wait():
            return
        self._restarts += 1
        if self._restarts > RESTARTS:
            raise UnavailableError(
                f"the demo's server died {self._restarts} times", fix=f"see {self._log}"
            )
        self._start()

    def _start(self) -> None:
        server = self._workspace.server
        bind(server.host, server.port).close()
        command = [sys.executable, "-m", "dovetail.cli", "up"]
        with self._log.open("ab") as output:
            self._child = subprocess.Popen(
                [*command, "--config", str(self._workspace.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        self._pid = self._child.pid
        self._note.write_bytes(msgspec.json.encode({"pid": self._pid}))
        if not self._wait():
            said = self._log.read_text(errors="replace").strip().splitlines()
            why = said[-1] if said else "it said nothing"
            raise UnavailableError("the demo's server ended while it started", why=why)

    def _is_running(self) -> bool:
        return self._pid is not None and _is_alive(self._pid, self._child)

    def _wait(self) -> bool:
        """Wait until the server answers; False if its process ends instead."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self._is_running():
                return False
            if self._answers():
                return True
            time.sleep(0.05)
        raise UnavailableError(
            f"the server at {self._workspace.url} did not become ready", fix=f"see {self._log}"
        )

    def _answers(self) -> bool:
        try:
            answer = httpx.get(f"{self._workspace.url}/readyz", timeout=2, trust_env=False)
        except httpx.TransportError:
            return False
        return answer.is_success

    def _left_behind(self) -> int | None:
        if not self._note.exists():
            return None
        pid = int(msgspec.json.decode(self._note.read_bytes())["pid"])
        return pid if _is_alive(pid, None) and self._is_ours(pid) else None

    def _is_ours(self, pid: int) -> bool:
        """Whether the process serves this demo; after a reboot the number may be another's."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return not Path("/proc/self").exists()
        return os.fsencode(self._workspace.config) in command


def _is_alive(pid: int, child: "subprocess.Popen[bytes] | None") -> bool:
    if child is not None and child.pid == pid:
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits for whoever inherited it to take note."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state == "Z"
