"""An MLflow server as a source of a move, over its REST API.

What the API does not say is found where it can be: points by the history of each metric, deleted
logged models through the runs that link to them, prompts by a search of their own. When a run was
deleted, and the numbers of versions deleted last, cannot be known this way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from dovetail.tracking.move.folder_points import Value, distinct
from dovetail.tracking.move.records import (
    ModelRecord,
    Point,
    RegisteredRecord,
    RunRecord,
    Skip,
    VersionRecord,
)
from dovetail.tracking.move.sql_registry import model_id_of
from dovetail.tracking.move.traces.rest import RestTraceReader
from dovetail.tracking.store.metrics import storable
from dovetail.wire.http import BadRequest, NotFound
from dovetail.wire.mlflow import (
    Client,
    Experiment,
    GetLoggedModel,
    ModelVersion,
    RegisteredModel,
    Run,
    SearchExperiments,
    SearchLoggedModels,
    SearchRuns,
    endpoints,
)

if TYPE_CHECKING:
    from dovetail.tracking.move.traces.records import TraceReader

__all__ = ["RestSource"]

BATCH, POINTS = 100, 10_000
PROMPT = "tags.`mlflow.prompt.is_prompt` = 'true'"


class RestSource:
    """An MLflow server.

    Args:
        client: speaks to it.
        label: its name in reports.
    """

    def __init__(self, client: Client, label: str) -> None:
        self.client, self.label = client, label
        self._has_models = client.version().split(".")[0] not in ("0", "1", "2")
        self.traces: TraceReader | None = RestTraceReader(client) if self._has_models else None
        self._linked: dict[str, set[str]] = {}

    def experiments(self) -> Iterator[Experiment]:
        """Yield every experiment, deleted ones too."""
        found: list[Experiment] = []
        token = None
        while True:
            request = SearchExperiments(view_type="ALL", page_token=token)
            page = self.client.call(endpoints.SEARCH_EXPERIMENTS, request)
            found.extend(page.experiments)
            if not (token := page.next_page_token):
                yield from sorted(found, key=lambda one: int(one.experiment_id))
                return

    def runs(self, experiment_id: str, skip: Skip) -> Iterator[list[RunRecord]]:
        """Yield the runs of an experiment in batches, without those that may be skipped."""
        token = None
        while True:
            page = self.client.call(
                endpoints.SEARCH_RUNS,
                SearchRuns(
                    experiment_ids=(experiment_id,),
                    run_view_type="ALL",
                    max_results=BATCH,
                    order_by=("attributes.start_time ASC",),
                    page_token=token,
                ),
            )
            fresh = [RunRecord(self._whole_run(r)) for r in page.runs if not skip(r.info.run_id)]
            linked = self._linked.setdefault(experiment_id, set())
            for run in (*page.runs, *(one.run for one in fresh)):
                linked |= {m.model_id for m in (run.outputs.model_outputs if run.outputs else ())}
                linked |= {m.model_id for m in (run.inputs.model_inputs if run.inputs else ())}
            if fresh:
                yield fresh
            if not (token := page.next_page_token):
                return

    def _whole_run(self, run: Run) -> Run:
        """Return a run as it is got by id; a search leaves out the models that it read."""
        return self.client.get_run(run.info.run_id) if self._has_models else run

    def points(self, runs: Sequence[RunRecord]) -> Iterator[list[Point]]:
        """Yield every point of the metrics of some runs once, in batches."""
        points = (
            (one.id, metric.key, *value)
            for one in runs
            for metric in one.run.data.metrics
            for value in distinct(self._history(one.id, metric.key))
        )
        while batch := list(islice(points, POINTS)):
            yield batch

    def _history(self, run_id: str, key: str) -> Callable[[], Iterator[Value]]:
        def read() -> Iterator[Value]:
            for point in self.client.get_metric_history(run_id, key):
                yield point.step, point.timestamp, *storable(point.value)

        return read

    def models(self, experiment_id: str) -> Iterator[ModelRecord]:
        """Yield the logged models of an experiment; MLflow 2 has none."""
        seen: set[str] = set()
        token = None
        while True:
            request = SearchLoggedModels(experiment_ids=(experiment_id,), page_token=token)
            try:
                page = self.client.call(endpoints.SEARCH_LOGGED_MODELS, request)
            except NotFound:
                return
            for model in page.models:
                seen.add(model.info.model_id)
                yield ModelRecord(model)
            if not (token := page.next_page_token):
                break
        for model_id in sorted(self._linked.get(experiment_id, set()) - seen):
            if (record := self._deleted(model_id, experiment_id)) is not None:
                yield record

    def _deleted(self, model_id: str, experiment_id: str) -> ModelRecord | None:
        try:
            request = GetLoggedModel(model_id, allow_deleted=True)
            model = self.client.call(endpoints.GET_LOGGED_MODEL, request).model
        except (NotFound, BadRequest):
            return None
        return ModelRecord(model, True) if model.info.experiment_id == experiment_id else None

    def registry(self) -> Iterator[RegisteredRecord]:
        """Yield every registered model, then every prompt."""
        for extra in ("", PROMPT):
            for model in self.client.search_registered_models(extra or None):
                if "'" in model.name and '"' in model.name:
                    continue
                quote = '"' if "'" in model.name else "'"
                where = f"name = {quote}{model.name}{quote}" + (f" AND {extra}" if extra else "")
                versions = sorted(
                    self.client.search_model_versions(where), key=lambda v: int(v.version)
                )
                yield RegisteredRecord(
                    self._whole(model), tuple(self._version(one) for one in versions)
                )

    def _whole(self, model: RegisteredModel) -> RegisteredModel:
        """Return a model as it is got by name; lists leave aliases out in some versions."""
        return self.client.get_registered_model(model.name)

    def _version(self, version: ModelVersion) -> VersionRecord:
        model_id = model_id_of(version.source)
        if model_id is None:
            return VersionRecord(version, version.source or "")
        location = self.client.get_download_uri(version.name, version.version)
        return VersionRecord(version, location)

    def left_out(self) -> Mapping[str, str]:
        """Return what the server has that is not read; the API does not tell cheaply."""
        return {}

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()
