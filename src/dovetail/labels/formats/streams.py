"""Parts of a file, put together before they are sent: each costs a turn of a thread."""

from collections.abc import Iterable, Iterator

__all__ = ["gathered"]

_PART = 1 << 18


def gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in parts of at least a quarter of a megabyte.

    Example:
        >>> list(gathered([b"a", b"b"]))
        [b'ab']
    """
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _PART:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
