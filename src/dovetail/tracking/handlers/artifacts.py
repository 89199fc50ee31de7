"""Use cases on artifacts: lists below runs and logged models, and the artifact proxy itself."""

from sqlalchemy.engine import Connection

from dovetail.base.artifacts import Stat, Writer
from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import (
    InvalidParameterError,
    MissingResourceError,
    UnsupportedError,
)
from dovetail.tracking.paths import safe_path
from dovetail.tracking.places import place_of
from dovetail.tracking.store import logged_models, runs
from dovetail.wire.mlflow import (
    FileInfo,
    ListArtifacts,
    ListArtifactsResponse,
    ListLoggedModelArtifacts,
    ListProxied,
)

__all__ = [
    "create",
    "delete",
    "list_folder",
    "list_of_model",
    "list_of_run",
    "locate",
    "proxy_path",
]


def list_of_run(b: Backend, c: Connection, q: ListArtifacts) -> ListArtifactsResponse:
    """List a folder of a run's artifacts."""
    return _below(b, str(runs.get(c, q.run).artifact_uri), q.path)


def list_of_model(b: Backend, c: Connection, q: ListLoggedModelArtifacts) -> ListArtifactsResponse:
    """List a folder of a logged model's files."""
    location = str(logged_models.get(c, q.model_id).artifact_location)
    return _below(b, location, q.artifact_directory_path)


def _below(b: Backend, root: str, folder: str | None) -> ListArtifactsResponse:
    place = place_of(b, root)
    prefix = f"{safe_path(folder).rstrip('/')}/" if folder else ""
    found = place.store.list(place.inside(folder))
    files = tuple(_info(one, prefix) for one in found)
    return ListArtifactsResponse(root_uri=root, files=files)


def _info(one: Stat, prefix: str) -> FileInfo:
    name = prefix + one.path.rsplit("/", 1)[-1]
    return FileInfo(path=name, is_dir=one.is_dir, file_size=None if one.is_dir else one.size)


def proxy_path(b: Backend, path: str) -> str:
    """Return a path of the proxy in plain characters.

    Raises:
        UnsupportedError: the server does not serve artifacts.
        InvalidParameterError: the path could leave the store.
    """
    if not b.serves_artifacts:
        raise UnsupportedError(
            "Endpoint disabled due to the mlflow server running with `--no-serve-artifacts`. "
            "To enable artifacts server functionality, run `mlflow server` with `--serve-artifacts`"
        )
    return safe_path(path)


def list_folder(b: Backend, q: ListProxied) -> ListArtifactsResponse:
    """List a folder behind the proxy, by base names."""
    try:
        found = b.artifacts.list(proxy_path(b, q.path or ""))
    except InvalidInputError as error:
        raise InvalidParameterError(str(error)) from error
    return ListArtifactsResponse(files=tuple(_info(one, "") for one in found))


def locate(b: Backend, path: str) -> Stat:
    """Return the file that a path of the proxy leads to.

    Raises:
        MissingResourceError: there is none.
    """
    plain = proxy_path(b, path)
    try:
        found = b.artifacts.stat(plain)
    except NotFoundError as error:
        raise MissingResourceError(f"No such artifact: '{plain}'") from error
    except InvalidInputError as error:
        raise InvalidParameterError(str(error)) from error
    if found.is_dir:
        raise MissingResourceError(f"No such artifact: '{plain}'")
    return found


def create(b: Backend, path: str) -> Writer:
    """Begin to store a file; it appears whole or not at all."""
    plain = proxy_path(b, path)
    try:
        return b.artifacts.create(plain)
    except InvalidInputError as error:
        raise InvalidParameterError(str(error)) from error


def delete(b: Backend, path: str) -> None:
    """Remove a file or a folder; an absent one is fine."""
    plain = proxy_path(b, path)
    if not plain.strip("/."):
        raise InvalidParameterError("Invalid path")
    try:
        b.artifacts.delete(plain)
    except InvalidInputError as error:
        raise InvalidParameterError(str(error)) from error
