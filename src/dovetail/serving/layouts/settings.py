"""Reading the settings files of a repository: bounded in size and depth, errors with the path."""

from pathlib import Path
from typing import Any

import msgspec

from dovetail.serving.errors import BadModelError

__all__ = ["check_name", "read_object", "read_text"]

_LARGEST = 1 << 20
_LONGEST = 200


def read_text(file: Path) -> str:
    """Return a file of at most 1 MiB of UTF-8.

    Raises:
        BadModelError: it is larger, no text, or cannot be read.
    """
    try:
        if not file.is_file():
            raise BadModelError(file, "it is not a file")
        if file.stat().st_size > _LARGEST:
            raise BadModelError(file, "it is over 1 MiB, which no settings need")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadModelError(file, f"it is not UTF-8 text: {error.reason}") from error
    except OSError as error:
        raise BadModelError(file, f"it cannot be read: {error.strerror or error}") from error


def read_object(file: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        BadModelError: there is none.
    """
    text = read_text(file)
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadModelError(file, f"it is not JSON: {why}") from error
    if not isinstance(found, dict):
        raise BadModelError(file, "it is not a JSON object")
    return found


def check_name(name: object, place: object) -> str:
    """Return a model's name or version if clients can say it in a URL.

    Raises:
        BadModelError: it is empty, over 200 characters, or holds a slash or a control character.
    """
    if not isinstance(name, str) or not name:
        raise BadModelError(place, "it has no name")
    if len(name) > _LONGEST:
        raise BadModelError(place, f"its name has {len(name)} characters, {_LONGEST} at most")
    if any(c in "/\\" or not c.isprintable() for c in name) or name in (".", ".."):
        raise BadModelError(
            place,
            f"its name {name!r} cannot stand in a URL",
            fix="use letters, digits, '-', '_' and '.'",
        )
    return name
