"""Fields of task data that hold an answer already, as predictions."""

from collections.abc import Sequence
from typing import Any

import orjson

from dovetail.labels.errors import FieldError, TasksError
from dovetail.labels.handlers.reading import MOST_ERRORS
from dovetail.labels.store.importing import Batch
from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["add_predictions"]


def add_predictions(
    batch: Batch, values: Sequence[Any], names: Sequence[str], config: LabelConfig, now: str
) -> None:
    """Add a prediction for each field that names a control.

    Args:
        batch: where to.
        values: the tasks, parsed.
        names: the fields.
        config: says what kind of answer a control takes.
        now: what time it is.

    Raises:
        TasksError: a task lacks a field.
    """
    errors = []
    for index, value in enumerate(values):
        data = value.get("data", value)
        for name in names:
            try:
                said = _said(data, name)
            except FieldError as error:
                errors.append(f"Task {index}: {error.what}")
                continue
            if said is not None:
                batch.predictions.append((index, _row(said, name, config, now)))
                batch.last_version = "undefined"
        if len(errors) >= MOST_ERRORS:
            break
    if errors:
        raise TasksError("\n".join(errors), "preannotated_from_fields")


def _said(data: Any, name: str) -> Any:
    if not isinstance(data, dict) or name not in data:
        raise FieldError(f"Preannotated field '{name}' not found in task data")
    return data[name]


def _row(said: Any, name: str, config: LabelConfig, now: str) -> dict[str, Any]:
    control = config.control(name)
    kind = control.tag.lower() if control is not None else "choices"
    to_name = control.to_names[0] if control is not None else "text"
    key = "text" if kind == "textarea" else kind
    value = said if kind in ("rating", "number") or isinstance(said, list) else [said]
    result = [{"from_name": name, "to_name": to_name, "type": kind, "value": {key: value}}]
    return {
        "result": orjson.dumps(result).decode(), "model_version": "undefined", "score": 1.0,
        "cluster": None, "neighbors": None, "mislabeling": 0.0, "model": None, "model_run": None,
        "created_at": now, "updated_at": now, "extra": None,
    }  # fmt: skip
