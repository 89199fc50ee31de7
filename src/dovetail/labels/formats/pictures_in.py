"""Pictures, sounds and films of a folder or a zip: each becomes a task.

Nothing is unpacked to a disk, so no name in a zip can reach out of a folder; sizes are bounded by
what is read, not by what the zip says. Links are not followed. SVG can hold scripts and is left
out.
"""

import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from dovetail.base.errors import InvalidInputError, TooLargeError

__all__ = ["MEDIA", "Asset", "folder_assets", "zip_assets"]

MEDIA = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
    ".webp": "image/webp", ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff",
    ".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg",
    ".m4a": "audio/mp4", ".mp4": "video/mp4", ".webm": "video/webm", ".pdf": "application/pdf",
}  # fmt: skip
LARGEST = 256 << 20  # bytes of one file
WHOLE = 16 << 30  # bytes of all files of a zip
MOST = 200_000  # files

Read = Callable[[], bytes]


@dataclass(frozen=True)
class Asset:
    """A file that is a task.

    Attributes:
        name: its path within the folder or zip, with slashes.
        media_type: by the end of its name.
        read: gives its bytes.
    """

    name: str
    media_type: str
    read: Read


def folder_assets(folder: Path) -> tuple[list[Asset], list[str]]:
    """Find the files of a folder and those below it, sorted by name.

    Returns:
        The files that become tasks, and what was passed over and why.
    """
    assets, skipped = [], []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            skipped.append(f"{name}: a link, which is not followed")
        elif path.is_file() and not _is_hidden(name):
            kind = MEDIA.get(path.suffix.lower())
            if kind:
                assets.append(Asset(name, kind, path.read_bytes))
            else:
                skipped.append(f"{name}: no picture, sound or film that is known")
    return _counted(assets, str(folder)), skipped


def zip_assets(file: BinaryIO, name: str) -> tuple[list[Asset], list[str]]:
    """Find the files of a zip, which must stay open until they are read.

    Returns:
        The files that become tasks, sorted by name, and what was passed over and why.

    Raises:
        InvalidInputError: it is no zip, or a name leads out of it.
        TooLargeError: what it says of its size is beyond reason.
    """
    try:
        archive = zipfile.ZipFile(file)
        entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InvalidInputError(f"{name} is no zip file", why=str(error)) from error
    assets, skipped = [], []
    if sum(entry.file_size for entry in entries) > WHOLE:
        raise TooLargeError(f"{name} holds more than {WHOLE >> 30} GB", fix="split it")
    for entry in sorted(entries, key=lambda one: one.filename):
        reason = _fault(entry)
        if entry.is_dir():
            continue
        if reason:
            raise InvalidInputError(
                f"{name}: the entry {entry.filename[:200]!r} is not taken",
                why=reason,
                fix="pack the pictures anew",
            )
        if _is_hidden(entry.filename):
            continue
        kind = MEDIA.get(PurePosixPath(entry.filename).suffix.lower())
        if kind:
            assets.append(Asset(entry.filename, kind, _member(archive, entry)))
        else:
            skipped.append(f"{entry.filename}: no picture, sound or film that is known")
    return _counted(assets, name), skipped


def _fault(entry: zipfile.ZipInfo) -> str:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    outward = path.is_absolute() or ".." in path.parts or not path.parts
    if outward or ":" in path.parts[0] or "\\" in entry.filename:
        return "its name leads out of the archive"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "it is a link"
    if entry.flag_bits & 1:
        return "it is encrypted"
    if entry.file_size > LARGEST:
        return f"it has more than {LARGEST >> 20} MB"
    return ""


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts if part != "..")


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Read:
    def content() -> bytes:
        try:
            with archive.open(entry) as member:
                found = member.read(LARGEST + 1)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise InvalidInputError(
                f"{entry.filename!r} cannot be read from the zip", why=str(error)
            ) from error
        if len(found) > LARGEST:
            raise TooLargeError(f"{entry.filename!r} has more than {LARGEST >> 20} MB")
        return found

    return content


def _counted(assets: list[Asset], name: str) -> list[Asset]:
    if not assets:
        raise InvalidInputError(
            f"{name} holds no picture, sound or film", fix=f"known are {', '.join(MEDIA)}"
        )
    if len(assets) > MOST:
        raise TooLargeError(f"{name} holds more than {MOST:,} files", fix="import it in parts")
    return assets
