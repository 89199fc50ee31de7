"""What MLflow asks of a request beyond the types of its fields.

In MLflow an empty text counts as absent where a field is required, and a field that is part of the
path may be repeated in the body.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from dovetail.tracking.validation import missing
from dovetail.wire import lenient
from dovetail.wire.mlflow import LogBatch, Message, OfRun

__all__ = ["check_required", "merged"]


@cache
def _required(kind: type[Message]) -> tuple[str, ...]:
    """Return the text fields that must not be empty."""
    names = [
        field.name for field in msgspec.structs.fields(kind) if field.required and field.type is str
    ]
    if issubclass(kind, OfRun):
        names.insert(0, "run")
    if kind is LogBatch:
        names.insert(0, "run_id")
    return tuple(names)


def check_required(request: Message) -> None:
    """Refuse a request with an empty required field.

    Raises:
        InvalidParameterError: naming the field, in MLflow's words.
    """
    for name in _required(type(request)):
        if not getattr(request, name):
            raise missing("run_id" if name == "run" else name)


def merged(body: bytes, path: Mapping[str, Any]) -> bytes:
    """Return a JSON body with the fields that the path gives, which win."""
    given = lenient.loads(body) if body else {}
    if isinstance(given, str):
        given = lenient.loads(given)
    return msgspec.json.encode({**given, **path} if isinstance(given, dict) else dict(path))
