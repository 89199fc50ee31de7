"""Paths of blobs: the same names are allowed in every store.

So a folder can be moved to a bucket and back: a segment fits any file system, a path an S3 key.
"""

import unicodedata
from pathlib import PurePosixPath

from dovetail.base.errors import InvalidInputError

__all__ = ["STAGING", "clean_path"]

STAGING = ".staging"
LONGEST_NAME = 255
LONGEST_PATH = 1000
_ENCODED = ("%2f", "%5c", "%2e", "%00")


def clean_path(path: str) -> str:
    """Return a relative POSIX path in canonical form.

    Raises:
        InvalidInputError: the path is absolute, climbs with `..` in some spelling, is too long, has
            a backslash, a control character, a drive or a percent-encoded separator, or leads to
            where unfinished uploads lie.
    """
    parts = [part for part in PurePosixPath(path).parts if part != "."]
    lowered = path.lower()
    if (
        path.startswith("/")
        or "\\" in path
        or any(ord(c) < 32 or ord(c) == 127 for c in path)
        or any(code in lowered for code in _ENCODED)
        or (parts and ":" in parts[0] and len(parts[0]) == 2)
        or any(_climbs(part) for part in parts)
    ):
        raise _refused(path, "it must be relative and stay below its root")
    if parts and parts[0].lower() == STAGING:
        raise _refused(path, "unfinished uploads lie there")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError as error:
        raise _refused(path, "it is not valid Unicode") from error
    if any(size > LONGEST_NAME for size in sizes):
        raise _refused(path, f"a name has at most {LONGEST_NAME} bytes")
    if sum(sizes) + len(sizes) > LONGEST_PATH:
        raise _refused(path, f"it has over {LONGEST_PATH} bytes")
    return "/".join(parts)


def _climbs(part: str) -> bool:
    """Tell whether a segment is a step upwards to some reader: `..`, `..;x`, `.. `, full-width."""
    plain = part if part.isascii() else unicodedata.normalize("NFKC", part)
    if not part.isascii() and ("/" in plain or "\\" in plain):
        return True
    return plain.split(";", 1)[0].strip() in ("..", ".")


def _refused(path: str, why: str) -> InvalidInputError:
    shown = path if len(path) <= 200 else f"{path[:200]}..."
    return InvalidInputError(f"artifact path {shown!r} is not allowed", why=why)
