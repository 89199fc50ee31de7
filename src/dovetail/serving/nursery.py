"""Processes that have imported a library once, and make a child for each model.

Importing scikit-learn takes ten times as long as reading one of its models. So a process that did
it stays for a moment, and each further model is read in a fork of it: as alone as in a process of
its own, without the import. It never reads a model itself. When nothing came for a while it ends,
and its memory goes with it.

`serve` is what such a process runs; it is told jobs by lines on its input, one at a time.
"""

import importlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

__all__ = ["Ended", "Nursery", "serve"]

IDLE_SECONDS = 2.0
_WORDS = 4096


class Ended(msgspec.Struct, frozen=True):
    """How a child ended: its exit code, negative for a signal, and the end of what it said."""

    code: int
    words: str = ""


class _Kind(msgspec.Struct, frozen=True):
    """What makes two processes the same: the interpreter, the program, its arguments."""

    executable: str
    program: str
    arguments: tuple[str, ...]


class _Parent:
    """A process that is warm, seen from here.

    Args:
        kind: what it runs.
    """

    def __init__(self, kind: _Kind) -> None:
        self.jobs = 0
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        self._process = subprocess.Popen(
            [kind.executable, "-c", kind.program, *kind.arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            start_new_session=True,
        )

    @property
    def has_ended(self) -> bool:
        """Whether no more can be asked of it."""
        return self._process.returncode is not None

    def ask(self, job: Sequence[str], seconds: float) -> Ended:
        """Have a job done in a child.

        Raises:
            TimeoutError: it took too long; the process and the child are killed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(msgspec.json.encode(list(job)) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return self._ended()
        waiting = select.poll()  # `select` knows no descriptor over 1023, and servers have many
        waiting.register(self._process.stdout, select.POLLIN)
        if not waiting.poll(seconds * 1000):
            self.kill()
            self.close()
            raise TimeoutError
        reply = self._process.stdout.readline()
        return msgspec.json.decode(reply, type=Ended) if reply else self._ended()

    def _ended(self) -> Ended:
        code = self._process.wait()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace")
        self.close()
        return Ended(code, words[-_WORDS:])

    def kill(self) -> None:
        """End the process and its child; whoever asks it something is told."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process; it ends by itself when it is told no more."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()
        self._words.close()


class Nursery:
    """The warm processes of a server, by what they run."""

    def __init__(self) -> None:
        self._idle: defaultdict[_Kind, list[_Parent]] = defaultdict(list)
        self._busy: set[_Parent] = set()
        self._lock = threading.Lock()
        self._killed = False

    def run(
        self, program: str, arguments: Sequence[str], job: Sequence[str], seconds: float
    ) -> Ended:
        """Do a job in a child of a process that runs a program.

        Args:
            program: Python source that calls `serve`.
            arguments: of the program; processes of equal ones are shared.
            job: what `serve` is to be told.
            seconds: how long it may take, the import included.

        Raises:
            TimeoutError: it took longer, and was ended.
        """
        kind = _Kind(sys.executable, program, tuple(arguments))
        parent = self._take(kind)
        try:
            ended = parent.ask(job, seconds)
            if parent.has_ended and parent.jobs and not self._killed:
                self._busy.discard(parent)  # killed by others while it had nothing to do
                parent = self._take(kind)
                ended = parent.ask(job, seconds)
        finally:
            self._busy.discard(parent)
        if not parent.has_ended:
            self._rest(kind, parent)
        return ended

    def _take(self, kind: _Kind) -> _Parent:
        with self._lock:
            waiting = self._idle[kind]
            parent = waiting.pop() if waiting else _Parent(kind)
            self._busy.add(parent)
            if self._killed:
                parent.kill()
            return parent

    def _rest(self, kind: _Kind, parent: _Parent) -> None:
        parent.jobs += 1
        with self._lock:
            self._idle[kind].append(parent)
        timer = threading.Timer(IDLE_SECONDS, self._retire, (kind, parent, parent.jobs))
        timer.daemon = True
        timer.start()

    def _retire(self, kind: _Kind, parent: _Parent, jobs: int) -> None:
        """End a process that had nothing to do since it had done so many jobs."""
        with self._lock:
            if parent.jobs != jobs or parent not in self._idle[kind]:
                return
            self._idle[kind].remove(parent)
        parent.close()

    def kill(self) -> None:
        """End all processes and what they do, now and later."""
        with self._lock:
            self._killed = True
            parents = [parent for waiting in self._idle.values() for parent in waiting]
            self._idle.clear()
            for parent in self._busy:
                parent.kill()
        for parent in parents:
            parent.close()


def serve(work: Callable[..., int], roots: Sequence[str]) -> None:
    """Do jobs in children, until the input ends.

    Args:
        work: takes a job's arguments in the child, and returns the exit code.
        roots: packages whose modules are imported here, once a child needed them.
    """
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)  # libraries print what they like
    with tempfile.TemporaryDirectory() as folder:
        words, modules = Path(folder) / "words", Path(folder) / "modules"
        for line in sys.stdin.buffer:
            _warm(modules, roots)  # not before it is known that another comes
            job = msgspec.json.decode(line, type=list[str])
            code = _in_child(work, job, words, modules, roots)
            said = words.read_bytes()[-_WORDS:].decode(errors="replace")
            answers.write(msgspec.json.encode(Ended(code, said)) + b"\n")


def _in_child(
    work: Callable[..., int], job: Sequence[str], words: Path, modules: Path, roots: Sequence[str]
) -> int:
    words.write_bytes(b"")
    pid = os.fork()
    if pid:
        _wait_while_wanted(pid)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        with words.open("wb") as said:
            os.dup2(said.fileno(), 2)
        os.dup2(1, 0)
        code = work(*job)
        found = [name for name in sys.modules if name.partition(".")[0] in roots]
        modules.write_bytes(msgspec.json.encode(found))
    except BaseException:
        _tell(sys.stderr)
    finally:
        os._exit(code)


def _wait_while_wanted(pid: int) -> None:
    """Wait for a child, and end it if whoever asked has ended, on Linux."""
    if not hasattr(os, "pidfd_open"):
        return
    child = os.pidfd_open(pid)
    watched = select.poll()
    watched.register(child, select.POLLIN)
    watched.register(0, 0)  # hanging up is always told
    if any(descriptor == 0 for descriptor, _ in watched.poll()):
        os.kill(pid, signal.SIGKILL)
    os.close(child)


def _tell(stream: IO[str]) -> None:
    import traceback

    traceback.print_exc(file=stream)
    stream.flush()


def _warm(modules: Path, roots: Sequence[str]) -> None:
    """Import what the child before imported, so that the next one has it."""
    if not modules.exists():
        return
    for name in msgspec.json.decode(modules.read_bytes(), type=list[str]):
        if name.partition(".")[0] in roots and name not in sys.modules:
            with suppress(Exception):  # the next child will try, and say why not
                importlib.import_module(name)
