"""ONNX files, run by onnxruntime on one thread per call.

The server's own concurrency fills the cores, so a session that spawned threads would only add
waiting. External data may lie beside the model and nowhere else.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dovetail.base.extras import require
from dovetail.serving.errors import BadModelError, BadTensorError, InferenceFailedError
from dovetail.serving.formats import onnx_guard as guard
from dovetail.serving.signature import MatrixSignature, NamedSignature, Signature
from dovetail.serving.tensors import Array, TensorSpec

__all__ = ["OnnxPredictor", "companions", "compiles", "load", "matches", "open_session"]

_TYPES = {
    "tensor(bool)": "BOOL",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


class OnnxPredictor:
    """An onnxruntime session behind the seam.

    Args:
        session: an `onnxruntime.InferenceSession`.
        columns: names of the features, when the model takes one matrix and they are known.
        source: how to name the model in messages.
    """

    platform = "onnxruntime_onnx"

    def __init__(self, session: Any, *, columns: Sequence[str] = (), source: object = "") -> None:
        inputs = tuple(_specs(session.get_inputs()))
        self.outputs = tuple(_specs(session.get_outputs()))
        if len(inputs) < len(session.get_inputs()):
            raise BadModelError(source, "it takes something other than tensors")
        if not self.outputs:
            raise BadModelError(
                source, "it gives no tensor", fix="convert classifiers with zipmap=False"
            )
        self.signature = _signature(inputs, tuple(columns))
        self._names = [spec.name for spec in self.outputs]
        self._run = session.run
        self._decode = "BYTES" in {spec.datatype for spec in inputs}
        words = guard.words_in(source) if isinstance(source, Path) and source.is_file() else ()
        self.may_hang = b"Loop" in words or b"Scan" in words

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Run the session; strings are decoded as UTF-8."""
        feed = _decoded(inputs) if self._decode else inputs
        names = [name for name in wanted if name in self._names] or self._names
        try:
            if self.may_hang:
                found = guard.within_time(self._run, names, feed)
            else:
                found = self._run(names, feed)
        except InferenceFailedError:
            raise
        except Exception as error:
            # onnxruntime's exceptions are pybind classes that share no public base.
            raise InferenceFailedError(
                "onnxruntime could not run the model", why=guard.said(error)
            ) from error
        return dict(zip(names, found, strict=True))


def matches(path: Path) -> bool:
    """Whether it is an `.onnx` file or a folder with exactly one."""
    return _file(path) is not None


def compiles(path: Path) -> bool:
    """Whether it may have a compiled form: never."""
    del path
    return False


def load(path: Path, *, trusted: bool = False) -> OnnxPredictor:
    """Load an `.onnx` file, or the only one of a folder."""
    del trusted  # a graph cannot execute code of its own
    file = _file(path) or path
    return OnnxPredictor(open_session(file), source=file)


def open_session(model: Path | bytes) -> Any:
    """Open a session with one intra-op thread.

    Args:
        model: a file, or the serialised model itself.

    Raises:
        BadModelError: it is damaged, or its data lies outside its folder.
    """
    runtime = require("onnxruntime", extra="serving", feature="an ONNX model")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised, and told by who called
    if guard.bound_memory():
        options.add_session_config_entry("session.use_env_allocators", "1")
    if isinstance(model, Path):
        companions(model)  # refuses a model whose tensors lie outside its folder
        guard.check_functions(model)
    try:
        return runtime.InferenceSession(
            str(model) if isinstance(model, Path) else model,
            options,
            providers=["CPUExecutionProvider"],
        )
    except Exception as error:
        source = model if isinstance(model, Path) else "(compiled)"
        raise BadModelError(source, guard.said(error)) from error


def _file(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix == ".onnx" else None
    files = list(path.glob("*.onnx"))
    return files[0] if len(files) == 1 else None


def _specs(nodes: Any) -> Iterator[TensorSpec]:
    for node in nodes:
        datatype = _TYPES.get(node.type)
        if datatype is not None:
            shape = tuple(size if isinstance(size, int) else -1 for size in node.shape or ())
            yield TensorSpec(node.name, datatype, shape)


def _signature(inputs: tuple[TensorSpec, ...], columns: tuple[str, ...]) -> Signature:
    if len(inputs) == 1 and len(inputs[0].shape) == 2 and inputs[0].datatype in ("FP32", "FP64"):
        spec = inputs[0]
        if spec.shape[1] > 0 and spec.shape[0] == -1:
            named = columns if len(columns) == spec.shape[1] else ()
            return MatrixSignature(spec.name, named, spec.shape[1], spec.datatype)
    return NamedSignature(inputs)


def _decoded(inputs: Mapping[str, Array]) -> dict[str, Array]:
    import numpy as np

    def text(value: object) -> str:
        try:
            return value.decode() if isinstance(value, bytes) else str(value)
        except UnicodeDecodeError as error:
            raise BadTensorError("a BYTES element is not UTF-8", why=str(error)) from error

    return {
        name: np.array([text(v) for v in a.ravel()], dtype=object).reshape(a.shape)
        if a.dtype.kind == "O"
        else a
        for name, a in inputs.items()
    }


def companions(file: Path) -> list[Path]:
    """Return the files beside a model in which it keeps its tensors.

    Args:
        file: the model.

    Raises:
        BadModelError: it is not ONNX, or its data lies outside its folder.
    """
    if not file.is_file() or b"location" not in guard.words_in(file):
        return []
    onnx = require("onnx", extra="serving", feature="an ONNX model")
    try:
        model = onnx.load(str(file), load_external_data=False)
    except Exception as error:
        raise BadModelError(file, f"it is not ONNX: {guard.said(error)}") from error
    folder = file.parent.resolve()
    found: dict[Path, None] = {}
    for tensor in onnx.external_data_helper._get_all_tensors(model):
        for entry in tensor.external_data:
            if entry.key != "location":
                continue
            value = entry.value  # bytes where it is no text
            place = folder / value if isinstance(value, str) and "\0" not in value else None
            inside = place is not None and place.resolve().is_relative_to(folder)
            if place is None or not inside or place.is_dir():
                raise BadModelError(
                    file, f"tensor {tensor.name!r} lies outside the folder: {value!r}"
                )
            found[file.parent / value] = None
    return list(found)
