"""Models as sources: behind an Open Inference server, or as a Label Studio ML backend."""

from collections.abc import Sequence
from typing import Any

from dovetail.base.errors import DovetailError
from dovetail.labels.sources.seam import (
    Question,
    Said,
    SourceError,
    Task,
    said_labels,
    said_result,
)
from dovetail.labels.sources.specs import Inference
from dovetail.wire.http import WireError
from dovetail.wire.label_studio import backend
from dovetail.wire.open_inference.client import Client
from dovetail.wire.open_inference.messages import InferenceRequest, ModelMetadata, Tensor
from dovetail.wire.open_inference.tensors import TensorError, values

__all__ = ["BackendSource", "InferenceSource"]


class InferenceSource:
    """Asks a model behind an Open Inference server, all tasks in one call.

    Args:
        spec: Its description.
        client: Of the server.
    """

    kind = "open_inference"

    def __init__(self, spec: Inference, client: Client) -> None:
        self.name, self._spec, self._client = spec.name, spec, client
        self._metadata: ModelMetadata | None = None

    def answer(self, tasks: Sequence[Task], question: Question) -> list[Said | None]:
        """Answer tasks.

        Raises:
            SourceError: the server does not answer, or not as described.
        """
        spec, version = self._spec, self._spec.version or None
        try:
            if self._metadata is None:
                self._metadata = self._client.model_metadata(spec.model, version)
            request = InferenceRequest(inputs=tuple(self._inputs(tasks)))
            answer = self._client.infer(spec.model, request, version=version)
            outputs = {tensor.name: tensor for tensor in answer.outputs}
            output = outputs.get(spec.output or next(iter(outputs), ""))
            if output is None:
                raise self._unusable(f"it gave no output {spec.output!r}", ", ".join(outputs))
            said = values(output)
        except (WireError, TensorError, DovetailError) as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"the model {spec.name!r} did not answer", why=str(error)) from error
        if not tasks or len(said) % len(tasks):
            raise self._unusable(f"{len(said)} values came for {len(tasks)} tasks", "")
        width = len(said) // len(tasks)
        rows = [said[i * width : (i + 1) * width] for i in range(len(tasks))]
        return said_labels([self._read(row, question) for row in rows], question, self.name)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _inputs(self, tasks: Sequence[Task]) -> list[Tensor]:
        assert self._metadata is not None
        known = {one.name: one for one in self._metadata.inputs}
        made = []
        for name, fields in self._spec.inputs.items():
            about = known.get(name)
            if known and about is None:
                raise self._unusable(f"the model has no input {name!r}", ", ".join(known))
            columns = [fields] if isinstance(fields, str) else fields
            flat = [self._field(task, field) for task in tasks for field in columns]
            is_wide = not isinstance(fields, str) or (about is not None and len(about.shape) > 1)
            shape = (len(tasks), len(columns)) if is_wide else (len(tasks),)
            datatype = about.datatype if about is not None else _datatype(flat)
            made.append(Tensor(name=name, shape=shape, datatype=datatype, data=flat))
        return made

    def _field(self, task: Task, field: str) -> Any:
        if field not in task.data:
            raise self._unusable(f"task {task.id} has no field {field!r}", ", ".join(task.data))
        return task.data[field]

    def _read(self, row: list[Any], question: Question) -> tuple[Any, Any]:
        labels, score = self._spec.labels, None
        label: Any = row[0]
        if len(row) > 1:
            names = labels if isinstance(labels, list) and labels else list(question.classes)
            if len(names) != len(row):
                raise self._unusable(f"{len(row)} scores came", f"{len(names)} classes are known")
            best = max(range(len(row)), key=lambda at: row[at])
            label, score = names[best], row[best]
        elif isinstance(labels, list) and labels and isinstance(label, int | float):
            label = labels[int(label)] if 0 <= label < len(labels) else f"{label:g}"
        elif isinstance(label, bytes):
            label = label.decode(errors="replace")
        elif isinstance(label, float):
            label = f"{label:g}"
        if isinstance(labels, dict):
            label = labels.get(str(label), label)
        return label, score

    def _unusable(self, what: str, have: str) -> SourceError:
        return SourceError(
            f"the model {self.name!r} cannot be used as described: {what}",
            why=f"there is: {have}" if have else "",
            fix="correct `inputs`, `output` and `labels` of the source",
        )


def _datatype(flat: Sequence[Any]) -> str:
    numbers = all(isinstance(one, int | float) for one in flat)
    return "FP32" if numbers else "BYTES"


class BackendSource:
    """Asks a Label Studio ML backend.

    Args:
        name: What its answers are stored under.
        client: Of the backend.
    """

    kind = "ml_backend"

    def __init__(self, name: str, client: backend.Client) -> None:
        self.name, self._client = name, client
        self._is_set_up = False

    def answer(self, tasks: Sequence[Task], question: Question) -> list[Said | None]:
        """Answer tasks.

        Raises:
            SourceError: the backend does not answer.
        """
        project, config = f"{question.project}.0", question.config.xml
        asked = [backend.Task(id=task.id, data=dict(task.data)) for task in tasks]
        try:
            if not self._is_set_up:
                self._client.setup(project, config)
                self._is_set_up = True
            found = self._client.predict(asked, project=project, label_config=config)
        except (WireError, DovetailError) as error:
            raise SourceError(
                f"the ML backend {self.name!r} did not answer",
                why=str(error),
                fix="see that its /health and /setup answer from this server",
            ) from error
        return [
            said_result(one[0].result, one[0].score, question) if one else None for one in found
        ]

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()
