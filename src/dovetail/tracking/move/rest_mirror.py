"""An MLflow server that was exported to, read back under the ids of what was sent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from dovetail.tracking.move.journal import EXPERIMENT, MODEL, RUN, Journal
from dovetail.tracking.move.records import ModelRecord, Point, RegisteredRecord, RunRecord, Skip
from dovetail.tracking.move.rest_source import RestSource
from dovetail.wire.http import NotFound
from dovetail.wire.mlflow import (
    Experiment,
    GetLoggedModel,
    ModelInput,
    ModelOutput,
    RunInputs,
    RunOutputs,
    Tag,
    endpoints,
)

if TYPE_CHECKING:
    from dovetail.tracking.move.traces.records import TraceReader

__all__ = ["MODEL_ID", "RUN_ID", "RestMirror", "marked"]

RUN_ID = "dovetail.run_id"
MODEL_ID = "dovetail.model_id"
_replace = msgspec.structs.replace


def marked(tags: Iterable[Tag], key: str) -> str:
    """Return the old id that a tag keeps; empty if there is none."""
    return next((tag.value for tag in tags if tag.key == key), "")


def _unmarked(tags: Iterable[Tag], key: str) -> tuple[Tag, ...]:
    return tuple(tag for tag in tags if tag.key != key)


class RestMirror:
    """A server that was exported to.

    Args:
        source: the server.
        journal: which id became which.
    """

    def __init__(self, source: RestSource, journal: Journal) -> None:
        self.source, self.label = source, source.label
        self.traces: TraceReader | None = None
        self._new: dict[str, str] = {}
        self._old: dict[str, str] = {}
        self._models: dict[str, list[str]] = {}
        for experiment in journal.items(EXPERIMENT):
            for kind in (RUN, MODEL):
                for item in journal.items(kind, experiment.id):
                    self._new[item.id], self._old[item.target] = item.target, item.id
                    if kind == MODEL:
                        self._models.setdefault(experiment.target, []).append(item.target)

    def _was(self, name: str | None) -> str:
        return self._old.get(name or "", name or "")

    def experiments(self) -> Iterator[Experiment]:
        """Yield every experiment."""
        return self.source.experiments()

    def runs(self, experiment_id: str, skip: Skip) -> Iterator[list[RunRecord]]:
        """Yield the runs that were sent, in batches."""
        for batch in self.source.runs(experiment_id, lambda _: False):
            mine = [self._run(one) for one in batch if marked(one.run.data.tags, RUN_ID)]
            yield [one for one in mine if not skip(one.id)]

    def _run(self, record: RunRecord) -> RunRecord:
        run = record.run
        info = _replace(run.info, run_id=marked(run.data.tags, RUN_ID))
        inputs = run.inputs or RunInputs()
        outputs = run.outputs or RunOutputs()
        read = tuple(ModelInput(self._was(m.model_id)) for m in inputs.model_inputs)
        made = tuple(ModelOutput(self._was(m.model_id), m.step) for m in outputs.model_outputs)
        back = _replace(
            run,
            info=info,
            data=_replace(run.data, tags=_unmarked(run.data.tags, RUN_ID)),
            inputs=_replace(inputs, model_inputs=read),
            outputs=_replace(outputs, model_outputs=made),
        )
        return RunRecord(back)

    def points(self, runs: Sequence[RunRecord]) -> Iterator[list[Point]]:
        """Yield every point of the metrics of some runs once, in batches."""
        theirs = [
            RunRecord(_replace(one.run, info=_replace(one.run.info, run_id=self._new[one.id])))
            for one in runs
        ]
        for batch in self.source.points(theirs):
            yield [(self._was(point[0]), *point[1:]) for point in batch]

    def models(self, experiment_id: str) -> Iterator[ModelRecord]:
        """Yield the logged models that were sent, deleted ones too."""
        seen = set()
        for record in self.source.models(experiment_id):
            seen.add(record.id)
            if marked(record.model.info.tags, MODEL_ID):
                yield self._model(record)
        for model_id in self._models.get(experiment_id, ()):
            if model_id not in seen:
                request = GetLoggedModel(model_id, allow_deleted=True)
                try:
                    model = self.source.client.call(endpoints.GET_LOGGED_MODEL, request).model
                except NotFound:
                    continue
                yield self._model(ModelRecord(model, True))

    def _model(self, record: ModelRecord) -> ModelRecord:
        info, data = record.model.info, record.model.data
        back = _replace(
            info,
            model_id=marked(info.tags, MODEL_ID),
            source_run_id=self._was(info.source_run_id),
            tags=_unmarked(info.tags, MODEL_ID),
        )
        metrics = tuple(_replace(m, run_id=self._was(m.run_id)) for m in data.metrics)
        model = _replace(record.model, info=back, data=_replace(data, metrics=metrics))
        return ModelRecord(model, record.is_deleted)

    def registry(self) -> Iterator[RegisteredRecord]:
        """Yield every registered model."""
        return self.source.registry()

    def left_out(self) -> Mapping[str, str]:
        """Nothing: this end is only read back."""
        return {}

    def close(self) -> None:
        """Nothing to give back: the connection is the target's."""
