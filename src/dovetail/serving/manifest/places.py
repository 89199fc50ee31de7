"""The models of a manifest: what each is called, where it lies, and what format it is in.

A cluster cannot see this machine, so a place is one of five: a registry (`models:/NAME@ALIAS`), a
storage URI (`s3://BUCKET/PATH`), a volume of the cluster (`pvc://CLAIM/PATH`), a path inside the
container (`file:///PATH`), or a small file of this machine, which travels in the manifest itself.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.serving import formats

__all__ = [
    "Entry",
    "known_formats",
    "parse_entry",
    "parse_repository",
    "split_named",
    "unique",
]

Kind = Literal["registry", "storage", "claim", "container", "local"]
STORAGE = ("s3", "gs", "https", "http", "hdfs", "webhdfs", "hf", "oci", "abfs", "azure")
_SUFFIXES = {
    ".onnx": "onnx",
    ".lgb": "lightgbm",
    ".lightgbm": "lightgbm",
    ".bst": "lightgbm",
    ".txt": "lightgbm",
    ".ubj": "xgboost",
    ".xgb": "xgboost",
    ".cbm": "catboost",
    ".skops": "sklearn",
    ".pt2": "pytorch",
}
_LABELS = {"torch": "pytorch"}
"""Formats that the field calls otherwise than our modules are called."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Entry:
    """A model that is to be served.

    Attributes:
        name: its name in requests.
        uri: where it lies, as the user wrote it.
        kind: what sort of place that is.
        format: one of `known_formats()`; empty where the server will find out by itself.
    """

    name: str
    uri: str
    kind: Kind
    format: str = ""

    @property
    def file(self) -> str:
        """The last part of the path if it names a file; empty for a folder."""
        last = PurePosixPath(unquote(urlsplit(self.uri).path)).name
        return last if PurePosixPath(last).suffix in _SUFFIXES else ""

    @property
    def path(self) -> str:
        """The path of a `file:` URI."""
        return unquote(urlsplit(self.uri).path)

    @property
    def claim(self) -> tuple[str, str]:
        """The claim of a `pvc:` URI and the path below it, without slashes at its ends."""
        parts = urlsplit(self.uri)
        return parts.netloc, unquote(parts.path).strip("/")


def known_formats() -> list[str]:
    """The formats that a user may name."""
    return sorted({_LABELS.get(name, name) for name in formats.FORMATS} - {"identity"})


def split_named(entry: str) -> tuple[str, str]:
    """Split `[NAME=]PLACE`; the name is empty where there is none.

    Example:
        >>> split_named("late=s3://models/late.txt")
        ('late', 's3://models/late.txt')
        >>> split_named("s3://models/a=b/late.txt")
        ('', 's3://models/a=b/late.txt')
    """
    name, equals, place = entry.partition("=")
    if equals and not set(name) & set("/:\\"):
        return name, place
    return "", entry


def parse_entry(entry: str, chosen: Mapping[str, str]) -> Entry:
    """Read `[NAME=]PLACE`.

    Args:
        entry: as the user wrote it.
        chosen: formats that the user named: by model, or under the empty name for all.

    Raises:
        InvalidInputError: it is no place that a cluster can reach.
        NotFoundError: it is a path, and nothing is there.
    """
    name, place = split_named(entry)
    if _CONTROL.search(entry) or not place:
        raise InvalidInputError(f"{entry!r} names no model", fix="give [NAME=]PLACE")
    kind = _kind(place)
    name = name or _own_name(kind, place)
    if not name:
        raise InvalidInputError(
            f"{place!r} does not say what the model is called", fix=f"call it: NAME={place}"
        )
    format = chosen.get(name) or chosen.get("", "")
    if not format:
        format = _format(kind, place)
    elif format not in known_formats():
        raise InvalidInputError(
            f"{format!r} is no format", fix=f"known: {', '.join(known_formats())}"
        )
    return Entry(name, place, kind, format)


def parse_repository(place: str, number: int) -> Entry:
    """Read a place that holds many models.

    Args:
        place: `pvc://CLAIM/PATH`, `s3://BUCKET/PATH`, `file:///PATH`, or a small folder here.
        number: of this place among several, from 1.

    Raises:
        InvalidInputError: it is a model's place, not a folder's.
        NotFoundError: it is a path, and nothing is there.
    """
    kind = _kind(place)
    if kind == "registry" or (kind == "local" and not Path(place).is_dir()):
        raise InvalidInputError(
            f"{place!r} is not a folder of models",
            fix="give pvc://CLAIM/PATH, s3://BUCKET/PATH, file:///PATH or a folder",
        )
    return Entry(f"repository-{number}", place, kind)


def unique(entries: Iterable[Entry]) -> Sequence[Entry]:
    """Return the entries if each has a name of its own.

    Raises:
        InvalidInputError: two have one name.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in found:
            raise InvalidInputError(
                f"two models are called {entry.name!r}",
                why=f"{found[entry.name].uri} and {entry.uri}",
                fix=f"call one otherwise: {entry.name}-2={entry.uri}",
            )
        found[entry.name] = entry
    return tuple(found.values())


def _kind(place: str) -> Kind:
    scheme = urlsplit(place).scheme
    if scheme == "models":
        from dovetail.serving.sources import parse_uri

        parse_uri(place)
        return "registry"
    if scheme == "file":
        return "container"
    if scheme in STORAGE or scheme == "pvc":
        _check_address(scheme, place)
        return "claim" if scheme == "pvc" else "storage"
    if scheme and "://" in place:
        raise InvalidInputError(
            f"{place!r} is not a place to load a model from",
            why=f"the scheme {scheme!r} is not known",
            fix="give models:/NAME@ALIAS, s3://BUCKET/PATH, pvc://CLAIM/PATH, file:///PATH or a"
            " path",
        )
    if not Path(place).exists():
        raise NotFoundError(
            f"{place!r} does not exist here",
            fix=f"if it lies in the container, write file://{Path('/') / place}",
        )
    return "local"


def _check_address(scheme: str, place: str) -> None:
    parts = urlsplit(place)
    needs_path = scheme in ("s3", "gs", "http", "https")
    if not parts.netloc or (needs_path and not parts.path.strip("/")):
        form = "pvc://CLAIM/PATH" if scheme == "pvc" else f"{scheme}://BUCKET/PATH"
        raise InvalidInputError(f"{place!r} is only half an address", fix=f"give {form}")


def _own_name(kind: Kind, place: str) -> str:
    if kind == "registry":
        from dovetail.serving.sources import parse_uri

        named = parse_uri(place)
        return named.name if named is not None else ""
    if kind == "local":
        return Path(place).resolve().stem
    return PurePosixPath(unquote(urlsplit(place).path)).stem


def _format(kind: Kind, place: str) -> str:
    if kind == "registry":
        return "mlflow"
    if kind == "local":
        found = formats.detect(Path(place))
        return _LABELS.get(found, found)
    found = _SUFFIXES.get(PurePosixPath(unquote(urlsplit(place).path)).suffix, "")
    return found if found in known_formats() else ""
