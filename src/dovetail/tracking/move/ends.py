"""The two ends of a move, opened from what the user typed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dovetail.base.artifacts import LocalStore
from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.base.settings import ServerSettings
from dovetail.base.sql import Database
from dovetail.tracking.backend import Backend
from dovetail.tracking.move.files import Files, FolderFiles, ProxyFiles
from dovetail.tracking.move.folder_source import TRASH, FolderSource
from dovetail.tracking.move.journal import Journal
from dovetail.tracking.move.records import Source, Target
from dovetail.tracking.move.rest_source import RestSource
from dovetail.tracking.move.rest_target import RestTarget
from dovetail.tracking.move.sql_source import SqlSource
from dovetail.tracking.move.sql_tables import MlflowTables, is_database, shown
from dovetail.tracking.move.sql_target import SqlTarget, initialise
from dovetail.tracking.paths import is_proxied
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.alone import Surroundings
from dovetail.web.declared import read_settings
from dovetail.wire.http import WireError
from dovetail.wire.mlflow import Client

__all__ = ["label_of", "open_source", "open_target", "our_store"]


@contextmanager
def our_store(
    config: Path | None, state: str | None, own: Mapping[str, Any]
) -> Iterator[tuple[Database, Backend, str]]:
    """Open our own store as `dovetail tracking run` with the same options would.

    Args:
        config: settings file.
        state: the state folder.
        own: flags of the tracking piece; None means not given.
    """
    from dovetail.tracking.piece import open_store

    found = read_settings(config)
    server = found.table("server", ServerSettings, {"state": state})
    settings = found.table("tracking", TrackingSettings, own)
    context = Surroundings(server, {}).context()
    database, backend = open_store(context, settings)
    try:
        yield database, backend, shown(settings.database or context.database_url("tracking"))
    finally:
        database.close()


def label_of(address: str) -> str:
    """Return an address as the journal and the report name it."""
    if is_database(address):
        return shown(address)
    if _is_server(address):
        scheme, _, rest = address.rstrip("/").partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return str(Path(address.removeprefix("file://")).absolute())


def _is_server(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _client(address: str, token: str | None) -> Client:
    client = Client(address, token=token)
    try:
        client.version()
    except WireError as error:
        client.close()
        raise NotFoundError(
            f"no MLflow server answers at {label_of(address)}",
            why=error.message,
            fix="start it, or give the database or the mlruns folder itself",
        ) from error
    return client


def open_source(address: str, roots: Sequence[str], token: str | None) -> tuple[Source, Files]:
    """Open a store of MLflow to be read, with its artifacts.

    Args:
        address: of a server, a database or an `mlruns` folder.
        roots: folders or URLs in which artifacts may be read.
        token: bearer token of a server.
    """
    if _is_server(address):
        client = _client(address, token)
        return RestSource(client, label_of(address)), ProxyFiles(client, FolderFiles(roots))
    if is_database(address):
        return SqlSource(MlflowTables(address)), FolderFiles(roots)
    folder = Path(address.removeprefix("file://"))
    return FolderSource(folder), FolderFiles([*roots, str(folder), str(folder / TRASH)])


def open_target(address: str, artifacts: str | None, token: str | None, journal: Journal) -> Target:
    """Open a store of MLflow to be written.

    Args:
        address: of a server or a database.
        artifacts: the folder that a server on that database keeps artifacts in.
        token: bearer token of a server.
        journal: what was moved there before.
    """
    if _is_server(address):
        return RestTarget(_client(address, token), label_of(address), journal)
    if not is_database(address):
        raise InvalidInputError(
            f"{address!r} is not an address to export to",
            why="MLflow no longer writes mlruns folders",
            fix="give http://host:port of an MLflow server, or sqlite:///mlflow.db",
        )
    initialise(address)
    folder = artifacts or "mlartifacts"
    if is_proxied(folder) or "://" in folder:
        raise InvalidInputError(
            f"artifacts cannot be written to {folder!r}", fix="give a folder of this machine"
        )
    return SqlTarget(MlflowTables(address, writable=True), LocalStore(Path(folder)))
