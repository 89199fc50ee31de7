"""Page tokens: opaque text that says where the next page starts.

The token is MLflow's, base64 of `{"offset": n}`, so that a client which began to page through an
MLflow server can go on here.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import TypeVar

from dovetail.tracking.errors import InvalidParameterError

__all__ = ["offset_of", "page", "token_of"]

T = TypeVar("T")
LAST = (1 << 63) - 1


def token_of(offset: int) -> str:
    """Return the token of the page that starts at `offset`."""
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def offset_of(token: str | None) -> int:
    """Return where the page of a token starts; 0 without a token.

    Raises:
        InvalidParameterError: the token is not one of ours.

    Example:
        >>> offset_of(token_of(40))
        40
    """
    if not token:
        return 0
    try:
        decoded = base64.b64decode(token)
    except (binascii.Error, ValueError) as error:
        raise InvalidParameterError("Invalid page token, could not base64-decode") from error
    try:
        parsed = json.loads(decoded)
    except ValueError as error:
        raise InvalidParameterError(f"Invalid page token, decoded value={decoded!r}") from error
    offset = parsed.get("offset") if isinstance(parsed, dict) else None
    if not isinstance(offset, int) or not 0 <= offset <= LAST:
        raise InvalidParameterError(f"Invalid page token, parsed value={parsed}")
    return offset


def page(found: Sequence[T], offset: int, limit: int) -> tuple[Sequence[T], str | None]:
    """Cut `limit + 1` found things to one page and say whether there is another.

    Args:
        found: at most one more than the page holds.
        offset: where this page starts.
        limit: how many the page holds.
    """
    if len(found) <= limit:
        return found, None
    return found[:limit], token_of(offset + limit)
