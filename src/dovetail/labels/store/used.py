"""What the answers of a project name: controls and classes, counted."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.labels.store.tables import annotations, drafts, tasks

__all__ = ["Used", "used"]

_PART = 2_000  # rows that are read at one time
_NO_CONTROL = ("relation", "pairwise", None)


class _Region(msgspec.Struct, frozen=True):
    """A region of a result, as far as it is counted."""

    from_name: Any = None
    to_name: Any = None
    type: Any = None
    value: msgspec.Raw = msgspec.Raw(b"null")


_REGIONS = msgspec.json.Decoder(list[_Region])


@dataclass
class Used:
    """What answers name.

    Attributes:
        controls: Regions of annotations by control, object and type.
        annotated: Regions of annotations by control and class.
        drafted: Regions of drafts by control and class.
    """

    controls: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    annotated: Counter[tuple[str, str]] = field(default_factory=Counter)
    drafted: Counter[tuple[str, str]] = field(default_factory=Counter)


def used(c: Connection, project: int) -> Used:
    """Count what the annotations and drafts of a project name."""
    found = Used()
    mine = annotations.c.project_id == project
    for result in _results(c, sa.select(annotations.c.id, annotations.c.result).where(mine)):
        for one in _regions(result):
            about = ",".join(one.to_name) if isinstance(one.to_name, list) else str(one.to_name)
            found.controls[one.from_name, about, one.type.lower()] += 1
            found.annotated.update((one.from_name, label) for label in _classes(one))
    query = sa.select(drafts.c.id, drafts.c.result).join(tasks, tasks.c.id == drafts.c.task_id)
    for result in _results(c, query.where(tasks.c.project_id == project)):
        for one in _regions(result):
            found.drafted.update((one.from_name, label) for label in _classes(one))
    return found


def _results(c: Connection, query: sa.Select[Any]) -> Iterator[str]:
    number = query.selected_columns[0]
    last = 0
    while True:
        rows = c.execute(query.where(number > last).order_by(number).limit(_PART)).all()
        if not rows:
            return
        last = rows[-1][0]
        yield from (row[1] for row in rows)


def _regions(result: str) -> list[_Region]:
    try:
        found = _REGIONS.decode(result)
    except msgspec.ValidationError:  # a client's own regions, which are no objects
        return []
    return [
        one
        for one in found
        if one.type not in _NO_CONTROL
        and isinstance(one.type, str)
        and isinstance(one.from_name, str)
        and one.to_name is not None
    ]


def _classes(region: _Region) -> list[str]:
    """The classes that a region names; texts are none."""
    kind = "labels" if region.type == "videorectangle" else region.type
    value = msgspec.json.decode(region.value)
    said = value.get(kind) if isinstance(value, dict) else None
    if not isinstance(said, list) or kind in ("text", "textarea"):
        return []
    return [str(part) for one in said for part in (one if isinstance(one, list) else [one])]
