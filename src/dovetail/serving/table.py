"""The signature of models that take a table: named columns, each of its own type.

A client sends one tensor per column, as MLServer's pandas clients do, or one matrix where all
columns are of one kind. What the model gets are plain one-dimensional arrays in the type that the
column is due: text as `str`, a missing value as NaN or None. The classes are plain data, so that a
compiled form can take its signature along to another process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

import msgspec
import numpy as np

from dovetail.serving.errors import BadTensorError
from dovetail.serving.tensors import DATATYPES, Array, TensorSpec, datatype_of

__all__ = ["Column", "TableSignature"]

_SHOWN = 8
_NUMBERS = "fiub"
_FIRST_YEAR, _LAST_YEAR = 1678, 2261  # what datetime64[ns] can hold


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: the column's name.
        datatype: the protocol's name of its type; BYTES is text.
        required: whether a request must have it; where it may be absent, all its values are then
            missing.
        categories: the values that the model knows; empty where that is not known. Others are the
            model's own affair.
        content: what its text stands for: "datetime" (ISO 8601, given to the model as
            `datetime64[ns]`), "binary" (given as bytes), "json" (given decoded),
            or empty; and "any" where the type is not
            known, so that text is taken for numbers and given to the model as it comes.
    """

    name: str
    datatype: str = "FP64"
    required: bool = True
    categories: tuple[str | int | float | bool, ...] = ()
    content: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it travels as BYTES."""
        return self.datatype == "BYTES"

    def convert(self, values: Array) -> Array:
        """Return a column's values in the type that it is due.

        Args:
            values: of a request, one-dimensional.

        Returns:
            Text as objects `str` or None; numbers in the column's datatype, but whole numbers
            among which some are missing as FP64 with NaN.

        Raises:
            BadTensorError: they are of another type.
        """
        kind = values.dtype.kind
        if self.content == "any":
            return _text(self.name, values) if kind in "OSU" else values
        if self.is_text:
            if kind not in "OSU":
                raise self._misfit(values, "text (BYTES)")
            return _READERS[self.content](self.name, values)
        if kind not in _NUMBERS:
            raise self._misfit(values, f"numbers ({self.datatype})")
        due = DATATYPES[self.datatype]
        if values.dtype == due or due.kind == "f":
            return values.astype(due, copy=False)
        if due.kind == "b":
            if kind == "f" or not ((values == 0) | (values == 1)).all():
                raise self._misfit(values, "true or false (BOOL)")
            return values.astype(due)
        return self._whole(values, due)

    def missing(self, rows: int) -> Array:
        """Return the column as it is where a request leaves it out."""
        if self.content == "datetime":
            return np.full(rows, np.datetime64("NaT", "ns"))
        if self.datatype in ("BYTES", "BOOL"):
            return np.full(rows, None, dtype=object)
        return np.full(rows, np.nan)

    def _whole(self, values: Array, due: np.dtype[Any]) -> Array:
        limits = np.iinfo(due)
        known = values
        if values.dtype.kind == "f":
            known = values[~np.isnan(values)]
            if not (known == np.trunc(known)).all():
                raise self._misfit(values, f"whole numbers ({self.datatype})")
        if known.size and (known.min() < limits.min or known.max() >= limits.max + 1):
            raise BadTensorError(f"column {self.name!r} has a value outside {self.datatype}")
        if known.size < values.size:
            return values.astype(np.float64, copy=False)
        return values.astype(due)

    def _misfit(self, values: Array, due: str) -> BadTensorError:
        return BadTensorError(
            f"column {self.name!r} is {datatype_of(values)}", why=f"the model takes {due} there"
        )


@dataclass(frozen=True)
class TableSignature:
    """Takes rows of named columns; gives each column as an array of the shape [rows].

    Args:
        columns: in the model's order.

    Example:
        >>> table = TableSignature((Column("carrier", "BYTES"), Column("delay")))
        >>> table.bind({"delay": np.array([3]), "carrier": np.array([b"UA"], dtype=object)})
        {'carrier': array(['UA'], dtype=object), 'delay': array([3.])}
    """

    by_rows: ClassVar[bool] = True  # each row is answered by itself, so requests may be joined

    columns: tuple[Column, ...]

    @cached_property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """One tensor per column, [-1, 1] as MLServer says it; [-1] is taken too."""
        return tuple(TensorSpec(column.name, column.datatype, (-1, 1)) for column in self.columns)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

    @cached_property
    def _alike(self) -> bool:
        """Whether one tensor can hold all columns."""
        kinds = {"text" if c.is_text else "number" for c in self.columns if c.datatype != "BOOL"}
        return len(kinds) == 1 and all(c.datatype != "BOOL" for c in self.columns)

    def bind(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Return the columns from one tensor per column, or from one [rows, columns].

        Raises:
            BadTensorError: a column is missing, unknown, of another type or length.
        """
        if len(tensors) == 1:
            name, tensor = next(iter(tensors.items()))
            if len(self.columns) == 1:  # takes its tensor under any name
                tensors = {self.columns[0].name: tensor}
            elif tensor.ndim == 2 and (name not in self._known or tensor.shape[1] > 1):
                return self._split(name, tensor)
        if not tensors.keys() <= self._known:
            raise self._wrong_columns(tensors)
        rows = next(iter(tensors.values())).size if tensors else 0
        bound = {}
        for column in self.columns:
            found = tensors.get(column.name)
            if found is not None:
                bound[column.name] = column.convert(_flat(column.name, found, rows))
            elif column.required or not tensors:
                raise self._wrong_columns(tensors)
            else:
                bound[column.name] = column.missing(rows)
        return bound

    def _split(self, name: str, matrix: Array) -> dict[str, Array]:
        if not self._alike:
            raise BadTensorError(
                f"the tensor {name!r} {list(matrix.shape)} cannot be taken as a table",
                why="the columns are of different types",
                fix=f"send one tensor [{len(matrix)}, 1] per column: {self._described()}",
            )
        if matrix.shape[1] != len(self.columns):
            raise BadTensorError(
                f"tensor {name!r} has {matrix.shape[1]} columns, the model takes"
                f" {len(self.columns)}",
                fix=f"send them in this order: {_listed(self.names)}",
            )
        return {c.name: c.convert(matrix[:, index]) for index, c in enumerate(self.columns)}

    def _wrong_columns(self, tensors: Mapping[str, Array]) -> BadTensorError:
        missing = [c.name for c in self.columns if c.required and c.name not in tensors]
        unknown = [name for name in tensors if name not in self._known]
        return BadTensorError(
            f"the model takes one tensor per column: {self._described()}",
            why=f"missing columns: {_listed(missing)}; unknown tensors: {_listed(unknown)}",
        )

    def _described(self) -> str:
        return _listed([f"{column.name} {column.datatype}" for column in self.columns])


def _flat(name: str, tensor: Array, rows: int) -> Array:
    if tensor.size != rows or tensor.shape not in ((rows,), (rows, 1)):
        raise BadTensorError(
            f"column {name!r} has the shape {list(tensor.shape)}",
            why=f"the table has {rows} rows",
            fix=f"send [{rows}] or [{rows}, 1]",
        )
    return tensor if tensor.ndim == 1 else tensor.reshape(-1)


def _text(name: str, values: Array) -> Array:
    text = np.empty(len(values), dtype=object)
    try:
        text[:] = [v.decode() if type(v) is bytes else v for v in values.tolist()]
    except UnicodeDecodeError as error:
        raise BadTensorError(f"column {name!r} has text that is not UTF-8") from error
    return text


def _moments(name: str, values: Array) -> Array:
    try:
        moments = [_moment(text) for text in _text(name, values).tolist()]
    except (ValueError, TypeError) as error:
        raise BadTensorError(
            f"column {name!r} has text that is no moment", why=str(error), fix="send ISO 8601"
        ) from error
    return np.array(moments, dtype="datetime64[ns]")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{text!r} is outside the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _raw(name: str, values: Array) -> Array:
    del name
    return values


def _decoded(name: str, values: Array) -> Array:
    cells = np.empty(len(values), dtype=object)
    try:
        for index, text in enumerate(_text(name, values).tolist()):
            cells[index] = None if text is None else msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadTensorError(
            f"column {name!r} has text that is not JSON", why=str(error)
        ) from error
    return cells


_READERS = {"": _text, "datetime": _moments, "binary": _raw, "json": _decoded}


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) or "none"
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
