"""A request and its answer as rows of a table, where they are tabular.

They are where every tensor has one or two axes and the first of all is the same: then each row of
the request is a row of the table, with a column for each tensor, and a column for each feature of
a matrix whose features have names. Everything else (images, scalars, sequences of their own
length) becomes one row with the two JSON bodies.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from dovetail.serving.payload.events import metadata_of, request_json, response_json
from dovetail.serving.payload.records import Record
from dovetail.serving.payload.settings import PayloadSink
from dovetail.serving.tensors import Array

__all__ = ["Key", "Rows", "rows_of"]

Key = tuple[str, str, tuple[tuple[str, str], ...], bool]
"""Model, version, name and kind of each column of tensors, whether the requests failed: what one
file holds."""


class Rows(NamedTuple):
    """What a record adds to a file.

    Attributes:
        key: which file that is.
        number: of rows.
        columns: of tensors by name; arrays of one axis, or of two for lists of fixed length.
        fixed: the columns that every file has, each with one value for all rows.
        size: bytes of the columns, about.
    """

    key: Key
    number: int
    columns: Mapping[str, Array]
    fixed: Mapping[str, Any]
    size: int


def rows_of(record: Record, sink: PayloadSink) -> Rows:
    """Return a record as rows.

    Args:
        record: one request and its answer.
        sink: which of the two are kept, and how large a tensor may be.
    """
    question, reply = record.question, record.reply
    columns = _tabular(record, sink)
    if columns is None:
        columns = {}
        if sink.log != "response":
            columns["request"] = _text(request_json(record, sink.most_elements))
        if sink.log != "request" and not reply.error:
            columns["response"] = _text(response_json(record, sink.most_elements))
    number = len(next(iter(columns.values())))
    kinds = tuple((name, _kind(array)) for name, array in columns.items())
    headers = {name: values[0] for name, values in metadata_of(record, sink.headers).items()}
    return Rows(
        (reply.model.name, reply.model.version, kinds, bool(reply.error)),
        number,
        columns,
        {
            "time": record.time,
            "id": question.id or "",
            "role": question.told.role,
            "headers": headers,
            "error": reply.error,
        },
        256 + sum(array.nbytes + 40 * array.size * (array.dtype == object)
                  for array in columns.values()),
    )  # fmt: skip


def _tabular(record: Record, sink: PayloadSink) -> dict[str, Array] | None:
    tensors = record.question.tensors
    first = next(iter(tensors.values()), None)
    if first is None or not first.ndim or not len(first):
        return None
    found: dict[str, Array] = {}
    sides = [("request", tensors, record.reply.model.columns)] if sink.log != "response" else []
    if sink.log != "request" and not record.reply.error:
        sides.append(("response", record.reply.outputs, ()))
    for side, some, names in sides:
        for name, array in some.items():
            fits = array.ndim in (1, 2) and len(array) == len(first) and array.size
            if not fits or (sink.most_elements and array.size > sink.most_elements):
                return None
            found.update(_columns(side, name, array, names))
    return found


def _columns(
    side: str, name: str, array: Array, names: tuple[str, ...]
) -> Iterator[tuple[str, Array]]:
    if array.ndim == 1:
        yield f"{side}.{name}", array
    elif array.shape[1] == 1 and len(names) != 1:
        yield f"{side}.{name}", array[:, 0]
    elif len(names) == array.shape[1]:
        for index, column in enumerate(names):
            yield f"{side}.{column}", array[:, index]
    else:
        yield f"{side}.{name}", array


def _kind(array: Array) -> str:
    return _kind_of(array.dtype, array.ndim)


@lru_cache(256)
def _kind_of(dtype: np.dtype[Any], axes: int) -> str:
    kind = "text" if dtype.kind in "OSU" else dtype.newbyteorder("=").name
    return f"list of {kind}" if axes == 2 else kind


def _text(body: bytes) -> Array:
    found = np.empty(1, dtype=object)
    found[0] = body
    return found
