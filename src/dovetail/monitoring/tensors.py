"""Open Inference requests and responses as columns and scores.

Serving logs what it was asked and what it answered, in the JSON of the protocol. Here the inputs
become named columns and the outputs one score a row. KServe's older V1 bodies (`instances`,
`predictions`) are read too, because its logger still sends them for V1 models.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring.errors import EventInvalidError
from dovetail.monitoring.numeric import Floats

FLOATS = ("FP16", "FP32", "FP64", "BF16")
SINGLES = ("FP32", "FP16", "BF16")
_CLASSES = 2
_MOST_CLASSES = 1000
_LONGEST_NAME = 100
"""Of a class, in characters; a longer text is what a model wrote."""
_SUM = 1e-3


class _Tensor(msgspec.Struct):
    name: str
    data: list[Any]
    shape: list[int] = []
    datatype: str = ""


class Schema(msgspec.Struct, frozen=True, gc=False):
    """How the features of a request are laid out.

    Attributes:
        numbers: Names of the numeric columns.
        texts: Names of the text columns.
        dtype: NumPy type of the numbers.
    """

    numbers: tuple[str, ...]
    texts: tuple[str, ...] = ()
    dtype: str = "<f8"


class Features(msgspec.Struct, frozen=True, gc=False):
    """The inputs of one request.

    Attributes:
        schema: The layout.
        rows: How many.
        data: The numbers row by row, then the texts as JSON, column by column.
    """

    schema: Schema
    rows: int
    data: bytes

    def columns(self) -> dict[str, npt.NDArray[Any] | list[str | None]]:
        """The columns by name."""
        names = self.schema.numbers
        dtype = np.dtype(self.schema.dtype)
        split = self.rows * len(names) * dtype.itemsize
        matrix = np.frombuffer(self.data[:split], dtype=dtype).reshape(self.rows, len(names))
        found: dict[str, Any] = {name: matrix[:, j] for j, name in enumerate(names)}
        if self.schema.texts:
            texts = msgspec.json.decode(self.data[split:], type=list[list[str | None]])
            found |= zip(self.schema.texts, texts, strict=True)
        return found


def read_features(body: dict[str, Any]) -> Features | None:
    """The inputs of a request body as columns; None where it carries none as JSON.

    One tensor of shape [rows, features] takes its column names from the request parameter
    `columns`, else they are f0, f1, and so on. Several tensors are one column each, or a block of
    columns `name_0`, `name_1`.

    Raises:
        EventInvalidError: A tensor is not what its shape says.
    """
    if "instances" in body:
        return _from_instances(body["instances"])
    tensors = [_tensor(t, "input") for t in _list(body, "inputs") if "data" in t]
    if not tensors:
        return None
    parameters = body.get("parameters") or {}
    given = parameters.get("columns")
    blocks = [_block(t) for t in tensors]
    if len({len(b) for b in blocks}) != 1:
        raise EventInvalidError("the inputs of a request differ in their number of rows")
    names = [n for t, b in zip(tensors, blocks, strict=True) for n in _names(t, b, len(tensors))]
    if given is not None:
        if not isinstance(given, list) or len(given) != len(names):
            raise EventInvalidError(
                f"the request parameter 'columns' must list the {len(names)} columns"
            )
        names = [str(name) for name in given]
    single = all(t.datatype in SINGLES for t in tensors)
    return _assemble(names, blocks, "<f4" if single else "<f8")


def _tensor(raw: Any, what: str) -> _Tensor:
    try:
        return msgspec.convert(raw, _Tensor, strict=False)
    except msgspec.ValidationError as error:
        raise EventInvalidError(f"an {what} tensor is not valid", why=str(error)) from error


def _list(body: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = body.get(key)
    if not isinstance(found, list) or not all(isinstance(t, dict) for t in found):
        raise EventInvalidError(
            f"the body has no list of '{key}'", why="it is no Open Inference or KServe V1 body"
        )
    return found


def _block(tensor: _Tensor) -> npt.NDArray[Any]:
    """One tensor as a table [rows, columns] of float64 or objects."""
    text = tensor.datatype == "BYTES"
    try:
        flat = np.array(tensor.data, dtype=object if text else np.float64)
        shape = tensor.shape or list(flat.shape)
        return flat.reshape(shape[0], -1) if flat.size else flat.reshape(0, 1)
    except (TypeError, ValueError, IndexError) as error:
        raise EventInvalidError(
            f"the data of tensor '{tensor.name}' does not fit shape {tensor.shape} "
            f"and type {tensor.datatype}",
            why=str(error),
        ) from error


def _names(tensor: _Tensor, block: npt.NDArray[Any], tensors: int) -> list[str]:
    width = block.shape[1]
    if tensors == 1:
        return list(numbered(width))
    return [tensor.name] if width == 1 else [f"{tensor.name}_{j}" for j in range(width)]


@lru_cache(maxsize=256)
def numbered(width: int) -> tuple[str, ...]:
    """The names of columns that have none: f0, f1, and so on."""
    return tuple(f"f{j}" for j in range(width))


def _assemble(names: list[str], blocks: list[npt.NDArray[Any]], dtype: str) -> Features:
    if len(blocks) == 1 and blocks[0].dtype != object:
        schema = Schema(tuple(names), (), dtype)
        with np.errstate(over="ignore"):  # a number too large for its type is infinite in it
            return Features(schema, len(blocks[0]), blocks[0].astype(dtype).tobytes())
    columns = [block[:, j] for block in blocks for j in range(block.shape[1])]
    rows = len(blocks[0])
    is_text = [c.dtype == object for c in columns]
    numbers = [n for n, t in zip(names, is_text, strict=True) if not t]
    texts = [n for n, t in zip(names, is_text, strict=True) if t]
    if not texts:
        matrix = np.hstack(blocks)
    else:
        kept = [c for c, t in zip(columns, is_text, strict=True) if not t]
        matrix = np.column_stack(kept) if kept else np.empty((rows, 0))
    with np.errstate(over="ignore"):
        data = np.ascontiguousarray(matrix, dtype=dtype).tobytes()
    if texts:
        said = [c.tolist() for c, t in zip(columns, is_text, strict=True) if t]
        data += msgspec.json.encode([[None if v is None else str(v) for v in c] for c in said])
    return Features(Schema(tuple(numbers), tuple(texts), dtype), rows, data)


def _from_instances(instances: Any) -> Features | None:
    """KServe V1: a list of rows, each a list of numbers or an object of columns."""
    if not isinstance(instances, list) or not instances:
        raise EventInvalidError("'instances' must be a list of rows")
    first = instances[0]
    if isinstance(first, dict):
        tensors = [
            _Tensor(str(name), [row.get(name) for row in instances], [len(instances), 1], kind)
            for name, value in first.items()
            for kind in ["BYTES" if isinstance(value, str) else "FP64"]
        ]
        return _assemble([t.name for t in tensors], [_block(t) for t in tensors], "<f8")
    block = _block(_Tensor("instances", instances, [], "FP64"))
    return _assemble(list(numbered(block.shape[1])), [block], "<f8")


@dataclass(frozen=True)
class Answers:
    """The predictions of one response.

    Attributes:
        scores: One a row, NaN where the output is no single number, shape (n,).
        shares: Probabilities of three classes or more, shape (n, K); None for other outputs.
        names: Names of the classes answered, None on rows without one; None for other outputs.
    """

    scores: Floats
    shares: Floats | None = None
    names: list[str | None] | None = None


def read_answers(body: dict[str, Any]) -> Answers:
    """What a response predicts for each row.

    Taken from the first floating-point output, or the first output where there is none. Shape
    [n] or [n, 1] is the score itself, of [n, 2] it is column 1. A table of three columns or more
    whose rows add up to 1 is the probabilities of as many classes. One short text a row is the
    name of a class. Other outputs (long texts, embeddings) give NaN: the prediction counts, its
    performance is unknown.

    Raises:
        EventInvalidError: There are no outputs, or one is not what its shape says.
    """
    if "predictions" in body:
        said = body["predictions"]
        kind = "BYTES" if isinstance(said, list) and _is_text(said) else "FP64"
        return _answers(_block(_Tensor("predictions", said, [], kind)))
    tensors = [_tensor(t, "output") for t in _list(body, "outputs") if "data" in t]
    if not tensors:
        raise EventInvalidError("the response has no outputs with data")
    return _answers(_block(next((t for t in tensors if t.datatype in FLOATS), tensors[0])))


def _answers(block: npt.NDArray[Any]) -> Answers:
    if block.dtype != object and block.shape[1] <= _CLASSES:
        return Answers(np.asarray(block[:, -1], dtype=np.float64))
    scores = np.full(len(block), np.nan)
    if _is_shares(block):
        return Answers(scores, block)
    return Answers(scores, names=_class_names(block))


def _is_text(said: list[Any]) -> bool:
    return any(isinstance(one, str) for one in said)


def _class_names(block: npt.NDArray[Any]) -> list[str | None] | None:
    """The texts of a block of one column, where they are short enough to name classes."""
    if block.dtype != object or block.shape[1] != 1:
        return None
    names: list[str | None] = [one if isinstance(one, str) else None for one in block[:, 0]]
    fit = all(name is None or len(name) <= _LONGEST_NAME for name in names)
    return names if fit and _is_text(names) else None


def is_shares(row: list[float]) -> bool:
    """Whether one row of numbers is probabilities of three classes or more."""
    if not _CLASSES < len(row) <= _MOST_CLASSES:
        return False
    return min(row) >= 0 and abs(sum(row) - 1) < _SUM / 2


def _is_shares(block: npt.NDArray[Any]) -> bool:
    """Whether some row is probabilities; those that are none are refused when they are measured."""
    if block.dtype == object or block.shape[1] > _MOST_CLASSES:
        return False
    with np.errstate(invalid="ignore"):
        inside = (block >= 0).all(axis=1) & (np.abs(block.sum(axis=1) - 1) < _SUM)
    return bool(inside.any())
