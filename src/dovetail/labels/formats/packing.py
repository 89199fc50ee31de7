"""Zips that are sent while they are made: never whole in memory, nor on a disk.

Texts are compressed, pictures are not, since they are already. The same files give the same bytes.
"""

import base64
import binascii
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import unquote_to_bytes

from dovetail.base.errors import DovetailError

__all__ = ["Album", "Picture", "Pictures", "Text", "inline", "packed"]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say


@dataclass(frozen=True)
class Text:
    """A file with a text; a folder where the name ends with a slash."""

    name: str
    content: str = ""


@dataclass(frozen=True)
class Picture:
    """A file with a picture.

    Attributes:
        name: where it is in the zip; empty until somebody names it.
        size: bytes.
        read: gives them, in parts.
    """

    name: str
    size: int
    read: Callable[[], Iterator[bytes]]


class Pictures(Protocol):
    """Where pictures are that are packed."""

    def __call__(self, address: str) -> Picture | None:
        """Find the picture at an address that a task names; None where it is elsewhere."""


class _Pipe:
    """What a zip is written to, and read from at once; it cannot go back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def take(self) -> bytes:
        found, self._parts = b"".join(self._parts), []
        return found


def packed(files: Iterable[Text | Picture]) -> Iterator[bytes]:
    """Pack files, and yield the zip in parts as it grows; what cannot be read is left out."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in files:
            entry = zipfile.ZipInfo(one.name, _EPOCH)
            if isinstance(one, Text):
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, one.content.encode("utf-8", "replace"))
                yield pipe.take()
                continue
            for _ in _stored(archive, entry, one):
                yield pipe.take()
    yield pipe.take()


def _stored(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, one: Picture) -> Iterator[None]:
    parts = one.read()
    try:
        first = next(parts, b"")
    except (DovetailError, OSError):  # deleted since it was found
        return
    entry.file_size = one.size  # tells whether it needs the large form
    with archive.open(entry, "w") as file:
        file.write(first)
        yield
        for part in parts:
            file.write(part)
            yield
    yield


class Album:
    """Pictures that are packed under `images/`, each once.

    Args:
        pictures: where they are; None packs none.
    """

    def __init__(self, pictures: Pictures | None) -> None:
        self._pictures = pictures
        self._addresses: dict[str, str] = {}

    def add(self, name: str, address: str) -> None:
        """Note a picture under the name of its file."""
        if self._pictures is not None and address:
            self._addresses.setdefault(name, address)

    def pictures(self) -> Iterator[Picture]:
        """Those that are where they can be read."""
        for name, address in self._addresses.items():
            assert self._pictures is not None
            found = inline(address) or self._pictures(address)
            if found is not None:
                yield replace(found, name=f"images/{name}")


def inline(address: str) -> Picture | None:
    """The picture that an address holds itself (`data:`); None for any other."""
    if not address.startswith("data:image/") or "," not in address:
        return None
    head, _, text = address.partition(",")
    body = unquote_to_bytes(text)
    if head.endswith(";base64"):
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error:
            return None
    return Picture("", len(body), lambda: iter((body,)))
