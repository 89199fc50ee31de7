"""The answer to a lookup, and the ways to write it.

`handlers` finds the rows; `routes` and `direct` send what is written here. Feast's JSON says the
same status and the same time thousands of times over; each distinct list of them is written once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from dovetail.features.moments import moment_text
from dovetail.features.online.lines import Lines, columns_of
from dovetail.features.online.rows import PRESENT, Found, columns

__all__ = ["Answer", "Block", "write_json"]

NO_TIME = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Block:
    """What one view answers.

    Attributes:
        rows: One row an entity.
        wanted: Which of their values are asked for, in order.
    """

    rows: Sequence[Found]
    wanted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A table: the entities' own columns, then those of each view.

    Attributes:
        entities: Columns of the question.
        length: How many entities there are.
        names: Names of the features of all blocks, in order.
        blocks: What each view answers.
        views: The views that took part, where the question wants to know.
    """

    entities: Mapping[str, Sequence[Any]]
    length: int
    names: Sequence[str]
    blocks: Sequence[Block]
    views: Sequence[Mapping[str, str]] | None = None

    def columns(self) -> dict[str, list[Any]]:
        """Return the values by name; what is not PRESENT is None."""
        found = {name: list(values) for name, values in self.entities.items()}
        names = iter(self.names)
        for block in self.blocks:
            written = columns_of(block.rows) if block.rows else []
            for at in block.wanted:
                found[next(names)] = list(written[at]) if written else []
        return found


def write_json(answer: Answer) -> bytes:
    """Write an answer as Feast's `/get-online-features` does."""
    length = answer.length
    echoed = _tail(_repeated(PRESENT, length), _repeated(NO_TIME, length))
    parts: list[bytes] = []
    for values in answer.entities.values():
        parts += (b'{"values":', orjson.dumps(values), echoed)
    for block in answer.blocks:
        _write_block(parts, block, length)
    if parts:
        parts[-1] = parts[-1][:-1]  # the comma after the last column
    metadata: dict[str, Any] = {"feature_names": [*answer.entities, *answer.names]}
    if answer.views is not None:
        metadata["feature_view_metadata"] = answer.views
    return b"".join((b'{"results":[', *parts, b'],"metadata":', orjson.dumps(metadata), b"}"))


def _write_block(parts: list[bytes], block: Block, length: int) -> None:
    rows = block.rows
    if not rows:
        empty = _tail(b"[]", b"[]")
        for _ in block.wanted:
            parts += (b'{"values":', b"[]", empty)
        return
    if isinstance(rows, Lines):
        written, events, statuses, same = rows.columns, rows.events, rows.statuses, True
    else:
        written, events, statuses = columns(rows), [row[2] for row in rows], rows[0][1]
        same = all([row[1] is statuses for row in rows])
    first = events[0]
    times = (
        _repeated(moment_text(first), length)
        if events.count(first) == length
        else orjson.dumps(list(map(moment_text, events)))
    )
    if same:
        for at in block.wanted:
            tail = _tail(_repeated(statuses[at], length), times)
            parts += (b'{"values":', orjson.dumps(written[at]), tail)
        return
    said = list(zip(*[row[1] for row in rows], strict=True))
    for at in block.wanted:
        parts += (b'{"values":', orjson.dumps(written[at]), _tail(orjson.dumps(said[at]), times))


def _tail(statuses: bytes, times: bytes) -> bytes:
    return b',"statuses":%b,"event_timestamps":%b},' % (statuses, times)


@lru_cache(maxsize=4096)
def _repeated(text: str, count: int) -> bytes:
    """Write a list of one text many times over; texts need no escapes."""
    return b'["%b"]' % b'","'.join([text.encode()] * count) if count else b"[]"
