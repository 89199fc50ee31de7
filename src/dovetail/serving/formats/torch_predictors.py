"""PyTorch programs behind the seam: tensors in by name, tensors out by name.

An archive of `torch.export` knows names, types and sizes. TorchScript knows only its arguments'
names; a repository's configuration can declare the rest. Triton's names INPUT__0, OUTPUT__0 are
understood for both.
"""

import functools
import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dovetail.base.errors import UnavailableError
from dovetail.serving.errors import BadModelError, BadTensorError, InferenceFailedError
from dovetail.serving.signature import NamedSignature, Signature
from dovetail.serving.tensors import DATATYPES, Array, TensorSpec, datatype_of

__all__ = ["ExportedPredictor", "Predicting", "ScriptPredictor", "library"]

_TYPES = {
    "bool": "BOOL", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64",
    "float16": "FP16", "bfloat16": "FP32", "float32": "FP32", "float64": "FP64",
}  # fmt: skip


class Predicting(Protocol):
    """What both kinds are; see `predictor.Predictor`."""

    platform: str
    signature: Signature
    outputs: tuple[TensorSpec, ...]

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Answer bound inputs."""


@functools.cache
def library() -> Any:
    """Return PyTorch, set to one thread: the server's own concurrency fills the cores.

    No extra brings it, because it is larger than all the rest together.

    Raises:
        UnavailableError: it is not installed.
    """
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "a PyTorch model needs PyTorch, which is not installed", fix="pip install torch"
        ) from error
    torch.set_num_threads(1)
    with suppress(RuntimeError):  # something ran before; then it has its threads already
        torch.set_num_interop_threads(1)
    return torch


@dataclass(frozen=True)
class PlacedSignature:
    """Takes tensors by the program's names, or by Triton's: INPUT__0, INPUT__1.

    Args:
        inner: checks them under the program's names.
    """

    inner: NamedSignature

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The tensors under the program's names."""
        return self.inner.inputs

    def bind(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Check types and sizes."""
        return self.inner.bind(_by_place(tensors, [spec.name for spec in self.inner.inputs]))


@dataclass(frozen=True)
class ScriptSignature:
    """Takes what TorchScript says it takes: as many tensors as it has arguments.

    Args:
        names: the arguments that must be given.
        optional: the arguments that may be.
        datatype: what floats are cast to, the type of the program's own weights.
        is_open: that a configuration may declare what the program leaves open.
    """

    names: tuple[str, ...]
    optional: tuple[str, ...]
    datatype: str
    is_open: bool = True

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The arguments; neither their types nor their sizes are known."""
        return tuple(TensorSpec(name, self.datatype, (-1,)) for name in self.names)

    def bind(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Give each argument its tensor."""
        known = (*self.names, *self.optional)
        if len(tensors) == 1 and len(self.names) == 1 and next(iter(tensors)) not in known:
            found = {self.names[0]: next(iter(tensors.values()))}
        else:
            found = _by_place(tensors, known)
        missing = [name for name in self.names if name not in found]
        unknown = [name for name in found if name not in known]
        if missing or unknown:
            raise BadTensorError(
                f"the model takes the tensors {', '.join(self.names)}",
                why=f"the request has {', '.join(tensors) or 'none'}",
            )
        return {name: self._cast(name, found[name]) for name in known if name in found}

    def _cast(self, name: str, tensor: Array) -> Array:
        if tensor.dtype.kind == "O":
            raise BadTensorError(f"tensor {name!r} is BYTES", why="the model takes numbers")
        if tensor.dtype.kind == "f" and datatype_of(tensor) != self.datatype:
            return tensor.astype(DATATYPES[self.datatype])
        return tensor


class ExportedPredictor:
    """A program that `torch.export` wrote.

    Args:
        torch: the library.
        program: the `ExportedProgram`.
        source: how to name the model in messages.

    Raises:
        BadModelError: it takes or gives something other than tensors.
    """

    platform = "pytorch_export"

    def __init__(self, torch: Any, program: Any, source: Path) -> None:
        self._torch, self._module = torch, program.module()
        self._tree = torch.utils._pytree
        self._takes = program.call_spec.in_spec
        values = {node.name: node.meta.get("val") for node in program.graph.nodes}
        names = program.graph_signature.user_inputs
        specs = tuple(_spec(name, values.get(name), source) for name in names)
        self.signature: Signature = PlacedSignature(NamedSignature(specs))
        self._names = [spec.name for spec in specs]
        given = program.graph_signature.user_outputs
        shown = _output_names(program.call_spec.out_spec, len(given))
        self.outputs = tuple(
            _spec(shown[i], values.get(name), source) for i, name in enumerate(given)
        )

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Run the program; sizes that it was not exported for are the client's error."""
        del wanted
        flat = [_to_torch(self._torch, inputs[name]) for name in self._names]
        args, kwargs = self._tree.tree_unflatten(flat, self._takes)
        answer = _called(self._torch, self._module, args, kwargs)
        leaves, _ = self._tree.tree_flatten(answer)
        names = [spec.name for spec in self.outputs]
        return {name: _to_numpy(leaf) for name, leaf in zip(names, leaves, strict=True)}


class ScriptPredictor:
    """A TorchScript program.

    Args:
        torch: the library.
        module: the `ScriptModule`.
        source: how to name the model in messages.

    Raises:
        BadModelError: it has no `forward`, or takes something other than tensors.
    """

    platform = "pytorch_libtorch"

    def __init__(self, torch: Any, module: Any, source: Path) -> None:
        self._torch, self._module = torch, module.eval()
        schema = getattr(getattr(module, "forward", None), "schema", None)
        if schema is None:
            raise BadModelError(source, "its program has no method forward")
        arguments = list(schema.arguments)[1:]  # without self
        odd = [a.name for a in arguments if not a.has_default_value() and str(a.type) != "Tensor"]
        if odd:
            raise BadModelError(source, f"its arguments {', '.join(odd)} are not tensors")
        floats = (p.dtype for p in module.parameters() if p.dtype.is_floating_point)
        datatype = _datatype(next(floats, torch.float32)) or "FP32"
        self.signature: Signature = ScriptSignature(
            tuple(a.name for a in arguments if not a.has_default_value()),
            tuple(
                a.name
                for a in arguments
                if a.has_default_value() and str(a.type) in ("Tensor", "Optional[Tensor]")
            ),
            datatype,
        )
        kind = schema.returns[0].type
        count = len(kind.elements()) if kind.kind() == "TupleType" else 1
        is_open = kind.kind() in ("DictType", "ListType")
        self.outputs = (
            ()
            if is_open  # how many is known only once it ran
            else tuple(TensorSpec(f"OUTPUT__{i}", datatype, (-1,)) for i in range(count))
        )

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Run the program; a dictionary's keys name the outputs."""
        del wanted
        tensors = {name: _to_torch(self._torch, array) for name, array in inputs.items()}
        answer = _called(self._torch, self._module, (), tensors)
        return {name: _to_numpy(leaf) for name, leaf in _leaves(answer)}


def _called(torch: Any, module: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    try:
        with torch.inference_mode():
            return module(*args, **kwargs)
    except AssertionError as error:  # a guard of an exported program
        raise BadTensorError(
            "a tensor does not have the size that the model was exported for", why=str(error)
        ) from error
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        why = lines[-1][:300] if lines else type(error).__name__
        raise InferenceFailedError("PyTorch could not run the model", why=why) from error


def _by_place(tensors: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    places = {f"INPUT__{i}": name for i, name in enumerate(names)}
    return {name if name in names else places.get(name, name): t for name, t in tensors.items()}


def _spec(name: str, value: Any, source: Path) -> TensorSpec:
    datatype = _datatype(getattr(value, "dtype", None))
    if datatype is None:
        raise BadModelError(source, f"its {name!r} is not a tensor of a type that is served")
    return TensorSpec(name, datatype, tuple(s if type(s) is int else -1 for s in value.shape))


def _datatype(dtype: object) -> str | None:
    return _TYPES.get(str(dtype).removeprefix("torch."))


def _output_names(tree: Any, count: int) -> list[str]:
    """Return a dictionary's keys, or Triton's names."""
    keys = tree.context if tree.type is dict else None
    if keys is not None and len(keys) == count and all(isinstance(key, str) for key in keys):
        return list(keys)
    return [f"OUTPUT__{i}" for i in range(count)]


def _leaves(answer: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(answer, dict):
        yield from ((str(key), value) for key, value in answer.items())
    elif isinstance(answer, list | tuple):
        yield from ((f"OUTPUT__{i}", value) for i, value in enumerate(answer))
    else:
        yield "OUTPUT__0", answer


def _to_torch(torch: Any, array: Array) -> Any:
    """Return a tensor; the bytes of a request may not be written, so PyTorch gets its own."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _to_numpy(value: Any) -> Array:
    if not hasattr(value, "detach"):
        raise InferenceFailedError(f"the model gave {type(value).__name__}, which is no tensor")
    tensor = value.detach().cpu()
    if str(tensor.dtype) == "torch.bfloat16":
        tensor = tensor.float()
    try:
        array: Array = tensor.contiguous().numpy()
    except (TypeError, RuntimeError) as error:
        raise InferenceFailedError("the model gave a tensor of no known type") from error
    if array.dtype not in DATATYPES.values():
        raise InferenceFailedError(f"the model gave {array.dtype}, which has no datatype")
    return np.ascontiguousarray(array)
