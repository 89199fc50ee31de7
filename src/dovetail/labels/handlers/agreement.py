"""How the answers on one task are distributed, control by control."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy.engine import Connection

from dovetail.labels.backend import Backend
from dovetail.labels.errors import AbsentError
from dovetail.labels.store import annotations as annotation_rows
from dovetail.labels.store import predictions as prediction_rows
from dovetail.labels.store import tasks as task_rows

__all__ = ["Agreement"]


class Agreement:
    """Counts answers.

    Args:
        backend: the surroundings.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def of(self, task: int) -> dict[str, Any]:
        """Return the labels of a task's annotations and predictions, counted by control.

        Raises:
            AbsentError: there is no such task.
        """

        def read(c: Connection) -> tuple[list[str], list[str]]:
            if task_rows.flags(c, task) is None:
                raise AbsentError("task", task)
            said = annotation_rows.for_tasks(c, [task]).get(task, [])
            predicted = prediction_rows.for_tasks(c, [task]).get(task, [])
            people = [row.result for row in said if not row.was_cancelled]
            return people, [row.result for row in predicted]

        people, machines = self._backend.database.read(read)
        found: dict[str, dict[str, Any]] = {}
        for text in (*people, *machines):
            for region in msgspec.json.decode(text):
                if isinstance(region, dict):
                    _count(found, region)
        for one in found.values():
            numbers = one.pop("values")
            if numbers:
                one |= {"average": sum(numbers) / len(numbers), "count": len(numbers)}
        return {"total_annotations": len(people), "distributions": found}


def _count(found: dict[str, dict[str, Any]], region: dict[str, Any]) -> None:
    kind, value = str(region.get("type", "")), region.get("value")
    one = found.setdefault(
        str(region.get("from_name", "")), {"type": kind, "labels": {}, "values": []}
    )
    if not isinstance(value, dict):
        return
    said = value.get(kind)
    if kind in ("rating", "number"):
        if isinstance(said, int | float):
            one["values"].append(said)
    else:
        for label in _labels(kind, value, said):
            one["labels"][label] = one["labels"].get(label, 0) + 1


def _labels(kind: str, value: dict[str, Any], said: Any) -> Iterable[str]:
    if kind == "pairwise":
        selected = value.get("selected")
        return [selected] if isinstance(selected, str) else []
    if not isinstance(said, list):
        return []
    if kind == "taxonomy":
        return [str(path[-1]) for path in said if isinstance(path, list) and path]
    if kind == "choices" or kind.endswith("labels"):
        return [label for label in said if isinstance(label, str)]
    return []
