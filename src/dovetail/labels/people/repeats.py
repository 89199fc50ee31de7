"""Tasks that say the same: a key that near-repeats share, to see whether people are consistent."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["repeat_key"]

_WORD = re.compile(r"\w+")
_MOST = 100_000


def repeat_key(data: Mapping[str, Any], fields: Iterable[str] = ()) -> str | None:
    """Return a key that tasks share which differ in case, punctuation and spaces only.

    Args:
        data: A task's data.
        fields: The fields that are shown to people; all of them where none are named.

    Returns:
        None where the task shows nothing to compare.

    Example:
        >>> repeat_key({"text": "Well  done!"}) == repeat_key({"text": "well done"})
        True
    """
    names = [name for name in fields if name in data] or sorted(data)
    parts = []
    for name in names:
        words = _WORD.findall(str(data[name])[:_MOST].casefold())
        if words:
            parts.append(f"{name}:{' '.join(words)}")
    if not parts:
        return None
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
