"""Rows of doubles, each in one piece of memory.

Looking a key up is waiting for memory: for the key, for the row, for each number of it. A row whose
values are all doubles is therefore one line of bytes, and the lines of a lookup become columns
together, without a tuple for each.
"""

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from dovetail.features.online.rows import PRESENT, Found, columns

__all__ = ["Lines", "columns_of", "line_of", "row_of"]

HEAD = struct.Struct("<qqq")  # event time, time of knowing, order of writing
_HEADS = 3


def line_of(values: bytes, event_us: int, known_us: int, order: int) -> bytes:
    """Make a line of packed values."""
    return HEAD.pack(event_us, known_us, order) + values


def row_of(line: bytes) -> tuple[Any, ...]:
    """Return a line as a `Version`: values, statuses, event time, time of knowing, id, order."""
    event_us, known_us, order = HEAD.unpack_from(line)
    values = line[HEAD.size :]
    return values, _present(len(values) // 8), event_us, known_us, (), order


@lru_cache(maxsize=1024)
def _present(width: int) -> tuple[str, ...]:
    """Return the statuses of a row that has every value, the same object for each."""
    return (PRESENT,) * width


def columns_of(rows: Sequence[Found]) -> list[Sequence[Any]]:
    """Turn the values of rows into columns."""
    return rows.columns if isinstance(rows, Lines) else columns(rows)


class Lines(Sequence[Found]):
    """The rows of a lookup, read together.

    Args:
        lines: One a row, all of one width.
        width: How many values each has.
    """

    __slots__ = ("_columns", "_count", "_statuses")

    def __init__(self, lines: Sequence[bytes], width: int) -> None:
        flat = struct.unpack("<" + f"qqq{width}d" * len(lines), b"".join(lines))
        step = width + _HEADS
        self._columns: list[tuple[Any, ...]] = [flat[at::step] for at in range(step)]
        self._count, self._statuses = len(lines), _present(width)

    @property
    def columns(self) -> list[Sequence[Any]]:
        """The values by column."""
        return [*self._columns[_HEADS:]]

    @property
    def events(self) -> Sequence[int]:
        """Event times."""
        return self._columns[0]

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses of every row."""
        return self._statuses

    def are_visible(self, as_of: int) -> bool:
        """Whether all had happened and were known at a moment."""
        return bool(max(self._columns[0]) <= as_of and max(self._columns[1]) <= as_of)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(self._count))]
        columns = self._columns
        values = tuple([column[at] for column in columns[_HEADS:]])
        return values, self._statuses, columns[0][at], columns[1][at]

    def __iter__(self) -> Iterator[Found]:
        events, knowns, _, *columns = self._columns
        statuses = self._statuses
        for event_us, known_us, *values in zip(events, knowns, *columns, strict=True):
            yield tuple(values), statuses, event_us, known_us
