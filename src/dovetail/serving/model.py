"""A loaded version of a model: what answers, which form of it, and what it has done."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dovetail.serving import compile as compiling
from dovetail.serving import formats
from dovetail.serving.errors import BadTensorError
from dovetail.serving.isolation import Forms
from dovetail.serving.predictor import Predictor
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.statistics import Statistics
from dovetail.serving.table import TableSignature
from dovetail.serving.tensors import Array
from dovetail.wire.open_inference import ModelMetadata, TensorMetadata

__all__ = ["Model", "rows_of"]

_SLOW_US = 200.0


class Model:
    """One version of one model, ready to answer.

    Args:
        name: the model's name.
        version: the version.
        predictor: what answers.
        compilation: which form that is, and why.
        uri: where it was loaded from.
        digest: of the files that it was loaded from.

    Example:
        >>> model = Model.load("model.onnx")  # doctest: +SKIP
        >>> model.predict([[0.1, 0.2]])       # doctest: +SKIP
        array([[0.42]])
    """

    def __init__(
        self,
        name: str,
        version: str,
        predictor: Predictor,
        compilation: compiling.Compilation,
        *,
        uri: str = "",
        digest: str = "",
    ) -> None:
        self.name, self.version, self.uri, self.digest = name, version, uri, digest
        self.predictor, self.compilation = predictor, compilation
        form = (compilation.serves, compilation.original, compilation.compiled)
        self.statistics = Statistics(name, version, form)
        row_us = compilation.compiled_us if compilation.compiled else compilation.original_us
        self.is_quick = row_us is not None and row_us < _SLOW_US

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features, in order; empty where the model has none."""
        signature = self.predictor.signature
        if isinstance(signature, TableSignature):
            return signature.names
        return signature.columns if isinstance(signature, MatrixSignature) else ()

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        name: str = "",
        version: str = "1",
        compile: bool = True,
        forms: Forms | None = None,
        uri: str = "",
        digest: str = "",
        trusted: bool = False,
    ) -> "Model":
        """Load a file or an MLflow model folder and choose the form that serves.

        Args:
            path: the file or folder.
            name: the model's name; by default that of the file.
            version: the version.
            compile: whether the compiled form may serve.
            forms: where forms are kept; None compiles in this process.
            uri: where the files came from; by default the path.
            digest: of the files, if known.
            trusted: whether it may execute code while it is loaded, as pickles do.

        Raises:
            BadModelError: it is missing, damaged or not supported.
            UntrustedError: loading it would execute code, and it is not trusted.
        """
        if forms is not None and compile:
            chosen, record = forms.choose(Path(path), digest, trusted=trusted)
        else:
            original = formats.load(Path(path), trusted=trusted)
            chosen, record = compiling.choose(original, wanted=compile)
        known = name or Path(path).stem
        return cls(known, version, chosen, record, uri=uri or str(path), digest=digest)

    def infer(self, tensors: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Answer tensors with tensors, and count it.

        Args:
            tensors: the request's tensors by name.
            wanted: names of the outputs to give; those that the model gives by default if empty.

        Raises:
            BadTensorError: a tensor does not fit, or an output is unknown.
            InferenceFailedError: the model itself failed.
        """
        start = time.perf_counter_ns()
        self.statistics.begin()
        try:
            outputs = self.run(tensors, wanted)
        except BaseException:
            self.statistics.count_failure(time.perf_counter_ns() - start)
            raise
        self.statistics.count_success(rows_of(tensors), time.perf_counter_ns() - start)
        return outputs

    def run(self, tensors: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Run the model once, and count that; whoever asks counts the requests that it served.

        Args:
            tensors: of one request, or of several put together.
            wanted: names of the outputs to give; those that the model gives by default if empty.

        Raises:
            BadTensorError: a tensor does not fit, or an output is unknown.
            InferenceFailedError: the model itself failed.
        """
        start = time.perf_counter_ns()
        bound = self.predictor.signature.bind(tensors)
        ready = time.perf_counter_ns()
        outputs = self.predictor.run(bound, wanted)
        done = time.perf_counter_ns()
        if wanted:
            outputs = self._selected(outputs, wanted)
        self.statistics.count_execution(
            rows_of(tensors), ready - start, done - ready, time.perf_counter_ns() - done
        )
        return outputs

    def predict(self, rows: Any) -> Array:
        """Return the first output for a matrix of rows by features."""
        return next(iter(self.infer({"input": np.asarray(rows)}).values()))

    def _selected(self, outputs: dict[str, Array], wanted: tuple[str, ...]) -> dict[str, Array]:
        for name in wanted:
            if name not in outputs:
                raise BadTensorError(
                    f"model {self.name!r} has no output {name!r}",
                    fix=f"it has: {', '.join(outputs)}",
                )
        return {name: outputs[name] for name in wanted}

    def describe(self, versions: tuple[str, ...] = ()) -> ModelMetadata:
        """Return the protocol's metadata; `parameters` say which form serves."""
        record = self.compilation
        return ModelMetadata(
            name=self.name,
            versions=versions or (self.version,),
            platform=self.predictor.platform,
            inputs=tuple(TensorMetadata(**s.describe()) for s in self.predictor.signature.inputs),
            outputs=tuple(TensorMetadata(**s.describe()) for s in self.predictor.outputs),
            parameters={
                "uri": self.uri,
                "columns": list(self.columns),
                "digest": self.digest,
                "original_platform": record.original,
                "compiled": record.compiled,
                "largest_difference": record.largest_difference,
                "labels_differing": record.labels_differing,
                "compared_rows": record.rows,
                "why_not_compiled": record.why,
            },
        )


def rows_of(tensors: Mapping[str, Array]) -> int:
    """Return how many rows tensors have: the size of the first axis of the first of them."""
    first = next(iter(tensors.values()), None)
    return len(first) if first is not None and first.ndim else 1
