"""Where a page of runs ends, as text in an address."""

import base64
import binascii
import json

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.store.run_table import Cursor

__all__ = ["cursor_of", "token_of"]


def token_of(cursor: Cursor) -> str:
    """Return the text of a place.

    Example:
        >>> cursor_of(token_of(Cursor(0, (0.5, 7))))
        Cursor(segment=0, keys=(0.5, 7))
    """
    text = json.dumps([cursor.segment, *cursor.keys], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def cursor_of(token: str | None) -> Cursor | None:
    """Return the place of a text; None without a text.

    Raises:
        InvalidParameterError: it is not one of ours.
    """
    if not token:
        return None
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        segment, *keys = json.loads(text)
    except (binascii.Error, ValueError, TypeError) as error:
        raise _invalid(token) from error
    fits = isinstance(segment, int) and 0 <= segment < 3 and 1 <= len(keys) <= 3
    if not fits or not all(isinstance(key, str | int | float) for key in keys):
        raise _invalid(token)
    return Cursor(segment, tuple(keys))


def _invalid(token: str) -> InvalidParameterError:
    return InvalidParameterError(
        f"The address asks for rows after {token!r}, which is no place in this table. "
        "Go to its first page."
    )
