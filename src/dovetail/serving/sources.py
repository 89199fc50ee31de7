"""Where models come from: a registry behind MLflow's REST API, or a path that is allowed.

A registry names files in many ways. `models:/NAME/3` leads to a version, its source may be
`models:/m-...` (a logged model), `runs:/...`, `mlflow-artifacts:/...` or a path. Each step is one
method here; the files themselves come through the artifact proxy, never from a URL that a client
or a registry made up.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from dovetail.base.errors import (
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from dovetail.serving.copying import copy_model
from dovetail.serving.errors import BadModelError
from dovetail.serving.formats import onnx
from dovetail.web.piece import Endpoint
from dovetail.wire import mlflow
from dovetail.wire.http import NotFound
from dovetail.wire.mlflow import endpoints

__all__ = ["RegistryUri", "Sources", "parse_uri", "path_of"]

_REGISTRY = re.compile(r"models:/+(?P<name>[^/@]+)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+))")
_MOST_FILES = 10_000
_MOST_STEPS = 5


@dataclass(frozen=True)
class RegistryUri:
    """`models:/NAME/VERSION` or `models:/NAME@ALIAS`.

    Args:
        name: the registered model.
        version: the version, or empty.
        alias: the alias, or empty.
    """

    name: str
    version: str
    alias: str

    def at(self, version: str) -> str:
        """Return the URI of one version, which `parse_uri` reads back."""
        return "models:/" + "/".join(
            re.sub("[%/@]", lambda m: quote(m[0], safe=""), part) for part in (self.name, version)
        )


def parse_uri(uri: str) -> RegistryUri | None:
    """Return what a registry URI names; None for a path.

    Raises:
        InvalidInputError: it is neither.
    """
    found = _REGISTRY.fullmatch(uri)
    if found:
        return RegistryUri(
            unquote(found["name"]), unquote(found["version"] or ""), unquote(found["alias"] or "")
        )
    scheme = urlsplit(uri).scheme
    if scheme in ("", "file"):
        return None
    raise InvalidInputError(
        f"{uri!r} is not a place to load a model from",
        fix="give models:/NAME/VERSION, models:/NAME@ALIAS or a path",
    )


def path_of(uri: str) -> Path:
    """Return the path, free of links, that a path or a `file:` URL names."""
    return Path(unquote(urlsplit(uri).path) if uri.startswith("file:") else uri).resolve()


class Sources:
    """Finds versions and brings their files.

    Args:
        connect: returns the registry's endpoint.
        folders: folders below which paths are allowed.
    """

    def __init__(self, connect: Callable[[], Endpoint], folders: Sequence[Path]) -> None:
        self._connect = connect
        self._folders = [folder.resolve() for folder in folders]

    def resolve_alias(self, name: str, alias: str) -> str:
        """Return the version that an alias names now."""
        with self._registry() as registry, _found(f"models:/{name}@{alias}"):
            return registry.get_alias(name, alias).version

    def fetch_version(self, name: str, version: str, target: Path) -> None:
        """Bring the files of a registered version into a folder."""
        with self._registry() as registry, _found(f"models:/{name}/{version}"):
            uri = registry.get_download_uri(name, version)
            for _ in range(_MOST_STEPS):
                if uri.startswith("mlflow-artifacts:"):
                    _Download(registry).folder(mlflow.proxy_path(uri), target / "model")
                    return
                if urlsplit(uri).scheme in ("", "file"):
                    self.fetch_path(uri, target, anywhere=False)
                    return
                uri = _one_step(registry, uri)
        raise InvalidInputError(f"the source of {name!r} version {version!r} does not end: {uri!r}")

    def fetch_path(self, uri: str, target: Path, *, anywhere: bool) -> None:
        """Copy a file or folder of this machine into a folder.

        Args:
            uri: a path or `file://` URL.
            target: the folder to copy into.
            anywhere: whether the operator named it; else it must lie in an allowed folder.

        Raises:
            ForbiddenError: it lies elsewhere.
            BadModelError: it does not exist, cannot be read, or holds links that lead out of it.
        """
        path = path_of(uri)
        if not anywhere and not any(path.is_relative_to(folder) for folder in self._folders):
            raise ForbiddenError(
                f"{str(path)!r} may not be loaded",
                why="it lies outside the folders that the setting `folders` of [serving] allows",
            )
        copy_model(path, target / path.name)
        if path.suffix == ".onnx" and path.is_file():
            for beside in onnx.companions(path):
                copy_model(beside, target / beside.relative_to(path.parent))

    def _registry(self) -> mlflow.Client:
        try:
            endpoint = self._connect()
        except UnavailableError as error:
            raise UnavailableError(
                "models:/ URIs need a registry, and none is named",
                fix="start the server with --registry URL, or set tracking under [joints]",
            ) from error
        return endpoint.open(mlflow.Client)


@contextmanager
def _found(uri: str) -> Iterator[None]:
    """Name the model in the error when the registry does not have it."""
    try:
        yield
    except NotFound as error:
        raise NotFoundError(f"{uri} is not in the registry", why=error.message) from error


def _one_step(registry: mlflow.Client, uri: str) -> str:
    """Return what a logged model's or a run's URI stands for."""
    parts = urlsplit(uri)
    path = unquote(parts.path).strip("/")
    if parts.scheme == "models" and path.startswith("m-"):
        request = mlflow.GetLoggedModel(path)
        found = registry.call(endpoints.GET_LOGGED_MODEL, request).model.info.artifact_uri
        if found:
            return found
    if parts.scheme == "runs":
        run_id, _, below = path.partition("/")
        root = registry.get_run(run_id).info.artifact_uri
        if root:
            return f"{root.rstrip('/')}/{below}"
    if parts.scheme == "models":
        named = parse_uri(uri)
        if named is not None and named.version:
            return registry.get_download_uri(named.name, named.version)
    raise UnavailableError(
        f"the files at {uri!r} cannot be fetched",
        why="they are not behind the registry's artifact proxy",
        fix="start the registry with proxied artifacts (mlflow server --serve-artifacts)",
    )


class _Download:
    """A folder of the artifact proxy, brought file by file."""

    def __init__(self, registry: mlflow.Client) -> None:
        self._registry, self._files = registry, 0

    def folder(self, path: str, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for entry in self._registry.list_artifacts(path):
            name = entry.path.rstrip("/").rpartition("/")[2]
            if name in ("", ".", "..") or "\\" in name or "\0" in name:
                raise BadModelError(path, f"the registry lists a file named {entry.path!r}")
            if entry.is_dir:
                self.folder(f"{path}/{name}", target / name)
            else:
                self._file(f"{path}/{name}", target / name)

    def _file(self, path: str, target: Path) -> None:
        self._files += 1
        if self._files > _MOST_FILES:
            raise BadModelError(path, f"it has more than {_MOST_FILES} files")
        with target.open("wb") as out:
            for chunk in self._registry.iter_artifact(path):
                out.write(chunk)
