"""The servers that are compared, and how each is started on an empty store."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import BIN, Server, postgres, server

__all__ = ["SUBJECTS", "Subject", "serving"]

FASTTRACKML = Path(os.environ.get("FASTTRACKML_VENV", ".venv-fasttrackml")) / "bin/fml"
SQLITE = "sqlite:///{folder}/store.db"


@dataclass(frozen=True)
class Subject:
    """One server on one database.

    Attributes:
        name: the column of the table.
        command: returns the command line for a database and a folder; `{port}` stays.
        on_postgres: whether it keeps its data there.
        kind: whose tables it has.
    """

    name: str
    command: Callable[[str, Path], list[str]]
    on_postgres: bool = False
    kind: str = "dovetail"

    def missing(self) -> str:
        """Say what is not installed here, "" if nothing."""
        if self.kind == "fasttrackml" and not FASTTRACKML.exists():
            return f"{FASTTRACKML} is missing: make bench installs it"
        if self.on_postgres and not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
            return "PostgreSQL is not installed: apt-get install postgresql"
        return ""


def _dovetail(database: str, folder: Path) -> list[str]:
    start = [str(BIN / "dovetail"), "tracking", "run", "--port", "{port}", "--state", str(folder)]
    return [*start, "--db", database]


def _mlflow(database: str, folder: Path) -> list[str]:
    store = database.replace("postgresql://", "postgresql+psycopg://")
    start = [str(BIN / "mlflow"), "server", "--port", "{port}", "--workers", "1"]
    return [*start, "--backend-store-uri", store, "--artifacts-destination", str(folder / "a")]


def _fasttrackml(database: str, folder: Path) -> list[str]:
    store = database.replace("sqlite:///", "sqlite://")
    root = str(folder / "artifacts")
    start = [str(FASTTRACKML.absolute()), "server", "-a", "127.0.0.1:{port}", "-l", "error"]
    return [*start, "-d", store, "--default-artifact-root", root]


SUBJECTS = (
    Subject("dovetail", _dovetail),
    Subject("mlflow", _mlflow, kind="mlflow"),
    Subject("fasttrackml", _fasttrackml, kind="fasttrackml"),
    Subject("dovetail, PostgreSQL", _dovetail, on_postgres=True),
    Subject("mlflow, PostgreSQL", _mlflow, on_postgres=True, kind="mlflow"),
)


@contextmanager
def serving(subject: Subject, folder: Path) -> Iterator[tuple[Server, str]]:
    """Run a subject in an empty folder; yields the server and its database."""
    if not subject.on_postgres:
        database = SQLITE.format(folder=folder)
        with server(subject.command(database, folder), "/health", folder) as target:
            yield target, database
        return
    (folder / "pg").mkdir()
    with (
        postgres(folder / "pg") as (database, pid),
        server(subject.command(database, folder), "/health", folder, [pid]) as target,
    ):
        yield target, database
