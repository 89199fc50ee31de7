"""Artifact paths and URIs: joined, checked, and told apart.

Paths arrive from the network in every encoding that an attacker can think of. They are decoded
until nothing changes, then must be relative, without a step upwards, a backslash or a fragment.
"""

import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote, unquote_plus, urlsplit

from dovetail.tracking.errors import InvalidParameterError

__all__ = [
    "SCHEME",
    "absolute",
    "append",
    "check_location",
    "check_source",
    "is_local",
    "is_proxied",
    "is_within",
    "local_path",
    "proxied_path",
    "safe_path",
]

SCHEME = "mlflow-artifacts"
ROUTE = "/api/2.0/mlflow-artifacts/artifacts/"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ROUNDS = 10
LONGEST = 2048


def safe_path(text: str) -> str:
    """Return a relative path in plain characters.

    Raises:
        InvalidParameterError: the path could leave its root.

    Example:
        >>> safe_path("model%2FMLmodel")
        'model/MLmodel'
    """
    path = _decoded(text)
    if (
        "#" in path
        or "\\" in path
        or _CONTROL.search(path)
        or path.startswith("file:")
        or ".." in path.split("/")
        or PureWindowsPath(path).drive
        or PureWindowsPath(path).is_absolute()
        or PurePosixPath(path).is_absolute()
    ):
        raise InvalidParameterError("Invalid path")
    return path


def _decoded(text: str) -> str:
    for _ in range(_ROUNDS):
        plain = unquote(text)
        if plain == text:
            return plain
        text = plain
    raise InvalidParameterError("Invalid path")


def append(uri: str, *parts: str) -> str:
    """Return a URI with segments added to its path, before any query."""
    base, mark, query = uri.partition("?")
    tail = "/".join(parts)
    joined = f"{base}{tail}" if base.endswith("/") else f"{base}/{tail}"
    return f"{joined}{mark}{query}"


def absolute(location: str) -> str:
    """Return a location with a relative path made absolute, as MLflow's server does.

    Example:
        >>> absolute("s3://bucket/key")
        's3://bucket/key'
    """
    scheme, path = urlsplit(location).scheme, urlsplit(location).path
    if scheme not in ("", "file") or path.startswith("/"):
        return location
    here = Path.cwd() / unquote(path)
    return here.as_uri() if scheme else here.as_posix()


def is_local(uri: str) -> bool:
    """Tell whether a URI names a file of the machine that reads it."""
    parts = urlsplit(uri)
    return parts.scheme in ("", "file") or len(parts.scheme) == 1


def local_path(uri: str) -> Path:
    """Return the absolute path that a local URI, or a plain path, names on this machine."""
    if urlsplit(uri).scheme != "file":
        return Path(uri).absolute()
    return Path(unquote(urlsplit(uri).path)).absolute()


def is_proxied(uri: str) -> bool:
    """Tell whether a URI names something behind an artifact proxy."""
    scheme, _, parts = _parts(uri)
    if scheme == SCHEME:
        return True
    route = tuple(ROUTE.strip("/").split("/"))
    starts = range(len(parts) - len(route) + 1)
    return scheme in ("http", "https") and any(parts[i : i + len(route)] == route for i in starts)


def proxied_path(uri: str) -> str | None:
    """Return where in the artifact store a URI leads, or None if it is not proxied.

    Example:
        >>> proxied_path("mlflow-artifacts:/1/m-2/artifacts")
        '1/m-2/artifacts'
    """
    parts = urlsplit(uri)
    if parts.scheme == SCHEME:
        return parts.path.lstrip("/")
    if parts.scheme in ("http", "https") and ROUTE in parts.path:
        return parts.path.split(ROUTE, 1)[1].lstrip("/")
    return None


def _parts(uri: str) -> tuple[str, str, tuple[str, ...]]:
    split = urlsplit(uri)
    path = tuple(_decoded(part) for part in split.path.split("/") if part)
    return split.scheme.lower(), split.netloc.lower(), path


def is_within(uri: str, root: str) -> bool:
    """Tell whether a URI lies below another."""
    scheme, host, path = _parts(uri)
    root_scheme, root_host, root_path = _parts(root)
    same = (scheme, host) == (root_scheme, root_host)
    return same and bool(root_path) and path[: len(root_path)] == root_path


def check_source(source: str) -> None:
    """Check that the source of a model version has no step upwards, in any encoding.

    Raises:
        InvalidParameterError: it has.
    """
    plain = source
    for _ in range(_ROUNDS):
        decoded = unquote_plus(plain)
        if decoded == plain:
            break
        plain = decoded
    path = re.sub(r"/+", "/", urlsplit(plain).path)
    segments = plain.split("/")
    relative = ".." in segments or "." in path.split("/") or not path.startswith("/")
    if "\x00" in plain or "\\" in plain or relative:
        raise InvalidParameterError(
            f"Invalid model version source: '{source}'. If supplying a source as an http, https, "
            "local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be "
            "provided without relative path references present. Please provide an absolute path."
        )


def check_location(location: str) -> None:
    """Check where a client wants an experiment's artifacts to lie.

    Raises:
        InvalidParameterError: the location is not a place.
    """
    if location.startswith("runs:"):
        raise InvalidParameterError(
            f"Artifact location cannot be a runs:/ URI. Given: '{location}'"
        )
    if len(location) > LONGEST:
        raise InvalidParameterError(
            "Invalid artifact path length. The length of the artifact path cannot be greater than "
            f"{LONGEST} characters."
        )
    parts = urlsplit(location)
    if parts.fragment or ".." in _decoded(parts.path).split("/"):
        raise InvalidParameterError(f"Invalid artifact location: '{location}'")
    if ".." in _decoded(parts.query):
        raise InvalidParameterError(f"Invalid query string: {parts.query}")
