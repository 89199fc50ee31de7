"""The servers that are compared, and how each is started on the same models."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import BIN, Server, server
from benchmarks.serving.models import KINDS, write_for_mlserver

__all__ = ["MLSERVER", "SUBJECTS", "Subject", "serving"]

MLSERVER = Path(os.environ.get("MLSERVER_VENV", ".venv-mlserver")).resolve()


@dataclass(frozen=True)
class Subject:
    """One way to serve.

    Attributes:
        name: the column of the table.
        kind: `dovetail`, `mlserver` or `floor`.
        flags: of our command.
        workers: of MLServer beside its main process; 1 is its default.
        models: which models it serves.
        protocols: `rest`, `grpc` or both.
    """

    name: str
    kind: str
    flags: tuple[str, ...] = ()
    workers: int = 0
    models: tuple[str, ...] = KINDS
    protocols: tuple[str, ...] = ("rest", "grpc")

    def missing(self) -> str:
        """Say what is not installed here, "" if nothing."""
        if self.kind == "mlserver" and not (MLSERVER / "bin/mlserver").exists():
            return f"{MLSERVER} is missing: make bench installs it"
        return ""


SUBJECTS = (
    Subject("dovetail", "dovetail"),
    Subject("dovetail --no-compile", "dovetail", flags=("--no-compile",)),
    Subject("mlserver", "mlserver", workers=1),
    Subject("mlserver, no workers", "mlserver"),
    Subject("floor: uvicorn", "floor", models=("lr",), protocols=("rest",)),
    Subject("floor: grpc.aio", "floor", models=("lr",), protocols=("grpc",)),
)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    subject: Subject, folder: Path, models: dict[str, Path]
) -> Iterator[tuple[Server, int]]:
    """Run a subject in an empty folder; yields the server and its gRPC port."""
    grpc_port = free_port()
    with server(_command(subject, folder, models, grpc_port), _ready(subject), folder) as target:
        yield target, grpc_port


def _ready(subject: Subject) -> str:
    return "/" if subject.kind == "floor" else "/v2/health/ready"


def _command(subject: Subject, folder: Path, models: dict[str, Path], grpc_port: int) -> list[str]:
    if subject.kind == "floor":
        kind = "grpc" if "grpc" in subject.protocols else "http"
        floor = str(Path(__file__).with_name("floor.py"))
        return [sys.executable, floor, kind, str(grpc_port), "{port}"]
    if subject.kind == "mlserver":
        place = write_for_mlserver(folder / "mlserver", models, subject.workers)
        return mlserver(place, grpc_port)
    named = [f"{kind}={file}" for kind, file in models.items()]
    trusted = [part for file in models.values() for part in ("--trust", str(file))]
    return dovetail(folder, grpc_port, *named, *trusted, *subject.flags)


def dovetail(folder: Path, grpc_port: int, *arguments: str) -> list[str]:
    """Our command line."""
    start = [str(BIN / "dovetail"), "serving", "run", *arguments, "--port", "{port}"]
    return [*start, "--grpc-port", str(grpc_port), "--state", str(folder / "state")]


def mlserver(place: Path, grpc_port: int) -> list[str]:
    """MLServer's command line."""
    ports = ["MLSERVER_HTTP_PORT={port}", f"MLSERVER_GRPC_PORT={grpc_port}"]
    start = ["env", "MLSERVER_HOST=127.0.0.1", *ports]
    return [*start, str(MLSERVER / "bin/mlserver"), "start", str(place)]
