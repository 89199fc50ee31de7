"""Signatures: how the tensors of a request become what a model takes.

A tabular model takes one matrix. Clients send it as one tensor of any name, as they do to
MLServer, or as one tensor per named column. Other models take tensors by their names. Each way is
a `Signature`; a request that does not fit is refused with the tensor, what came and what is due.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from dovetail.serving.errors import BadTensorError
from dovetail.serving.tensors import DATATYPES, Array, TensorSpec, datatype_of

__all__ = ["AnySignature", "MatrixSignature", "NamedSignature", "Signature"]

_SHOWN = 8


class Signature(Protocol):
    """What a model takes."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The tensors that a client should send."""

    def bind(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Return the model's own tensors from those of a request.

        Raises:
            BadTensorError: a tensor is missing, unknown, or of the wrong type or shape.
        """


@dataclass(frozen=True)
class AnySignature:
    """Takes whatever comes, under the names it comes with."""

    inputs: tuple[TensorSpec, ...] = (TensorSpec("input", "BYTES", (-1,)),)

    def bind(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Return the tensors as they are."""
        return dict(tensors)


@dataclass(frozen=True)
class MatrixSignature:
    """Takes one matrix of rows by features.

    Args:
        name: the matrix's name in the model.
        columns: the features' names, in the matrix's order; empty when the model has no names.
        width: the number of features.
        datatype: FP32 or FP64, what the model computes in.
    """

    by_rows: ClassVar[bool] = True  # each row is answered by itself, so requests may be joined

    name: str
    columns: tuple[str, ...]
    width: int
    datatype: str = "FP64"

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """One tensor of shape [-1, width]."""
        return (TensorSpec(self.name, self.datatype, (-1, self.width)),)

    def bind(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Take the one tensor of a request, or join one tensor per column."""
        if len(tensors) == 1:
            name, tensor = next(iter(tensors.items()))
            if tensor.ndim == 2:
                return {self.name: self._whole(name, tensor)}
        if self.columns:
            return {self.name: self._joined(tensors)}
        raise BadTensorError(
            f"the model takes one tensor [rows, {self.width}]",
            why=f"the request has {_shapes(tensors)}",
        )

    def _whole(self, name: str, tensor: Array) -> Array:
        if tensor.shape[1] != self.width:
            if tensor.shape[1] == 1 and self.columns == (name,):
                return self._number(name, tensor)
            raise BadTensorError(
                f"tensor {name!r} has {tensor.shape[1]} features, the model takes {self.width}",
                fix=f"send them in this order: {_names(self.columns)}" if self.columns else "",
            )
        return self._number(name, tensor)

    def _joined(self, tensors: Mapping[str, Array]) -> Array:
        missing = [column for column in self.columns if column not in tensors]
        unknown = [name for name in tensors if name not in self.columns]
        if missing or unknown:
            raise BadTensorError(
                f"the model takes one tensor [rows, {self.width}], or one tensor per column",
                why=f"missing columns: {_names(missing)}; unknown tensors: {_names(unknown)}",
            )
        rows = next(iter(tensors.values())).size
        matrix = np.empty((rows, self.width), DATATYPES[self.datatype])
        for index, column in enumerate(self.columns):
            tensor = self._number(column, tensors[column])
            if tensor.size != rows or tensor.shape not in {(rows,), (rows, 1)}:
                raise BadTensorError(
                    f"column {column!r} has the shape {list(tensor.shape)}",
                    why=f"the other columns have {rows} rows",
                    fix=f"send [{rows}] or [{rows}, 1]",
                )
            matrix[:, index] = tensor.reshape(-1)
        return matrix

    def _number(self, name: str, tensor: Array) -> Array:
        if tensor.dtype.kind not in "fiub":
            raise BadTensorError(
                f"tensor {name!r} is {datatype_of(tensor)}",
                why="the model takes numbers",
                fix="send FP32 or FP64",
            )
        return tensor.astype(DATATYPES[self.datatype], copy=False)


@dataclass(frozen=True)
class NamedSignature:
    """Takes tensors by name, each of a fixed type.

    Args:
        inputs: the model's tensors.
    """

    inputs: tuple[TensorSpec, ...]

    def bind(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Check each tensor; a model of one tensor takes it under any name."""
        if len(self.inputs) == 1 and len(tensors) == 1:
            spec = self.inputs[0]
            return {spec.name: _checked(spec, next(iter(tensors.values())))}
        names = {spec.name for spec in self.inputs}
        missing = [name for name in names if name not in tensors]
        unknown = [name for name in tensors if name not in names]
        if missing or unknown:
            raise BadTensorError(
                f"the model takes the tensors {_names(sorted(names))}",
                why=f"missing: {_names(sorted(missing))}; unknown: {_names(sorted(unknown))}",
            )
        return {spec.name: _checked(spec, tensors[spec.name]) for spec in self.inputs}


def _checked(spec: TensorSpec, tensor: Array) -> Array:
    fits = len(spec.shape) == tensor.ndim and all(
        due in (-1, size) for due, size in zip(spec.shape, tensor.shape, strict=True)
    )
    if not fits:
        raise BadTensorError(
            f"tensor {spec.name!r} has the shape {list(tensor.shape)}",
            why=f"the model takes {list(spec.shape)}, where -1 is any size",
        )
    datatype = datatype_of(tensor)
    if datatype == spec.datatype:
        if datatype == "BYTES" and None in tensor.ravel().tolist():
            raise BadTensorError(
                f"tensor {spec.name!r} has missing values", why="the model takes none there"
            )
        return tensor
    if {datatype, spec.datatype} <= {"FP16", "FP32", "FP64"}:
        return tensor.astype(DATATYPES[spec.datatype])
    raise BadTensorError(
        f"tensor {spec.name!r} is {datatype}", why=f"the model takes {spec.datatype}"
    )


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) or "none"
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def _shapes(tensors: Mapping[str, Array]) -> str:
    shown = [f"{name} {list(tensor.shape)}" for name, tensor in tensors.items()]
    return _names(shown)
