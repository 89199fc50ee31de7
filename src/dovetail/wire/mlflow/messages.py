"""Requests and answers about experiments, runs, metrics and artifacts.

A field without a default is one that MLflow requires; see ``endpoints`` for which request goes
where. ``run_uuid`` is the name of ``run_id`` before MLflow 1.0 and still accepted by MLflow.
"""

import msgspec

from dovetail.wire.mlflow.entities import (
    DatasetInput,
    Experiment,
    FileInfo,
    Int64,
    LoggedModel,
    LoggedModelParameter,
    LoggedModelStatus,
    Message,
    Metric,
    ModelInput,
    ModelOutput,
    Param,
    Run,
    RunInfo,
    RunStatus,
    Tag,
    ViewType,
)


class Empty(Message, frozen=True):
    """An answer that says only that it was done."""


class CreateExperiment(Message, frozen=True, kw_only=True):
    """Create an experiment under a free name."""

    name: str
    artifact_location: str | None = None
    tags: tuple[Tag, ...] = ()


class CreateExperimentResponse(Message, frozen=True):
    """The id of the new experiment."""

    experiment_id: str


class GetExperiment(Message, frozen=True):
    """Get an experiment by id; also the body of delete and restore."""

    experiment_id: str


class GetExperimentByName(Message, frozen=True):
    """Get an experiment by name."""

    experiment_name: str


class ExperimentResponse(Message, frozen=True):
    """One experiment."""

    experiment: Experiment


class UpdateExperiment(Message, frozen=True):
    """Rename an experiment."""

    experiment_id: str
    new_name: str


class SetExperimentTag(Message, frozen=True):
    """Set a tag of an experiment."""

    experiment_id: str
    key: str
    value: str = ""


class DeleteExperimentTag(Message, frozen=True):
    """Delete a tag of an experiment."""

    experiment_id: str
    key: str


class SearchExperiments(Message, frozen=True, kw_only=True):
    """Search experiments; MLflow refuses a search that leaves ``max_results`` out."""

    max_results: int = msgspec.field(default_factory=lambda: 1000)
    page_token: str | None = None
    filter: str | None = None
    order_by: tuple[str, ...] = ()
    view_type: ViewType = "ACTIVE_ONLY"


class SearchExperimentsResponse(Message, frozen=True, kw_only=True):
    """One page of experiments."""

    experiments: tuple[Experiment, ...] = ()
    next_page_token: str | None = None


class CreateRun(Message, frozen=True, kw_only=True):
    """Start a run; ``start_time`` in milliseconds."""

    experiment_id: str = "0"
    user_id: str | None = None
    run_name: str | None = None
    start_time: Int64 | None = None
    tags: tuple[Tag, ...] = ()


class OfRun(Message, frozen=True, kw_only=True):
    """The base of requests about one run, which may name it in the old way."""

    run_id: str = ""
    run_uuid: str = ""

    @property
    def run(self) -> str:
        """The run's id, "" where the request names none."""
        return self.run_id or self.run_uuid


class GetRun(OfRun, frozen=True, kw_only=True):
    """Get a run; also the body of delete and restore."""


class RunResponse(Message, frozen=True):
    """One run."""

    run: Run


class UpdateRun(OfRun, frozen=True, kw_only=True):
    """Change the state, the end or the name of a run."""

    status: RunStatus | None = None
    end_time: Int64 | None = None
    run_name: str | None = None


class UpdateRunResponse(Message, frozen=True):
    """The run as it is now."""

    run_info: RunInfo


class LogMetric(OfRun, frozen=True, kw_only=True):
    """Log one point of one metric."""

    key: str
    value: float
    timestamp: Int64
    step: Int64 = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class LogParam(OfRun, frozen=True, kw_only=True):
    """Log a parameter."""

    key: str
    value: str = ""


class SetTag(OfRun, frozen=True, kw_only=True):
    """Set a tag of a run."""

    key: str
    value: str = ""


class DeleteTag(Message, frozen=True):
    """Delete a tag of a run."""

    run_id: str
    key: str


class LogBatch(Message, frozen=True, kw_only=True):
    """Log metrics, parameters and tags at once."""

    run_id: str = ""
    metrics: tuple[Metric, ...] = ()
    params: tuple[Param, ...] = ()
    tags: tuple[Tag, ...] = ()


class LogInputs(Message, frozen=True, kw_only=True):
    """Say what a run read."""

    run_id: str
    datasets: tuple[DatasetInput, ...] = ()
    models: tuple[ModelInput, ...] = ()


class LogOutputs(Message, frozen=True, kw_only=True):
    """Say what a run made."""

    run_id: str
    models: tuple[ModelOutput, ...]


class LogModel(Message, frozen=True, kw_only=True):
    """Say that a run logged a model, as clients before MLflow 3 do; ``model_json`` is MLmodel."""

    run_id: str
    model_json: str


class SearchRuns(Message, frozen=True, kw_only=True):
    """Search runs; ``filter`` and ``order_by`` in MLflow's search language."""

    experiment_ids: tuple[str, ...] = ()
    filter: str | None = None
    run_view_type: ViewType = "ACTIVE_ONLY"
    max_results: int = 1000
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


class SearchRunsResponse(Message, frozen=True, kw_only=True):
    """One page of runs."""

    runs: tuple[Run, ...] = ()
    next_page_token: str | None = None


class GetMetricHistory(OfRun, frozen=True, kw_only=True):
    """Get every point of one metric of a run, by pages where ``max_results`` is given."""

    metric_key: str
    page_token: str | None = None
    max_results: Int64 | None = None


class MetricsResponse(Message, frozen=True, kw_only=True):
    """Points of a metric."""

    metrics: tuple[Metric, ...] = ()
    next_page_token: str | None = None


class GetMetricHistoryBulk(Message, frozen=True, kw_only=True):
    """Get the points of one metric of some runs, run by run."""

    run_id: tuple[str, ...] = ()
    metric_key: str | None = None
    max_results: int = 25_000


class GetMetricHistoryBulkInterval(Message, frozen=True, kw_only=True):
    """Get a sample of the points of one metric of some runs, for drawing."""

    run_ids: tuple[str, ...] = ()
    metric_key: str
    start_step: Int64 | None = None
    end_step: Int64 | None = None
    max_results: Int64 | None = None


class ListArtifacts(OfRun, frozen=True, kw_only=True):
    """List a folder of a run's artifacts."""

    path: str | None = None
    page_token: str | None = None


class ListArtifactsResponse(Message, frozen=True, kw_only=True):
    """A folder's entries, with paths from the root."""

    root_uri: str | None = None
    files: tuple[FileInfo, ...] = ()
    next_page_token: str | None = None


class SearchDatasets(Message, frozen=True):
    """List the datasets that runs of some experiments read."""

    experiment_ids: tuple[str, ...] = ()


class DatasetSummary(Message, frozen=True, kw_only=True):
    """A dataset as seen from an experiment."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


class SearchDatasetsResponse(Message, frozen=True):
    """The datasets found."""

    dataset_summaries: tuple[DatasetSummary, ...] = ()


class CreateLoggedModel(Message, frozen=True, kw_only=True):
    """Announce a model, then upload its files, then finalize it."""

    experiment_id: str
    name: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    params: tuple[LoggedModelParameter, ...] = ()
    tags: tuple[Tag, ...] = ()


class LoggedModelResponse(Message, frozen=True):
    """One logged model."""

    model: LoggedModel


class GetLoggedModel(Message, frozen=True):
    """Get or delete a logged model."""

    model_id: str
    allow_deleted: bool = False


class FinalizeLoggedModel(Message, frozen=True):
    """Say whether the upload of a logged model succeeded."""

    model_id: str
    status: LoggedModelStatus


class SetLoggedModelTags(Message, frozen=True):
    """Set tags of a logged model."""

    model_id: str
    tags: tuple[Tag, ...] = ()


class DeleteLoggedModelTag(Message, frozen=True):
    """Delete a tag of a logged model."""

    model_id: str
    tag_key: str


class LogLoggedModelParams(Message, frozen=True):
    """Add parameters to a logged model."""

    model_id: str
    params: tuple[LoggedModelParameter, ...] = ()


class DatasetFilter(Message, frozen=True):
    """A dataset whose metrics a search of logged models compares."""

    dataset_name: str
    dataset_digest: str | None = None


class OrderBy(Message, frozen=True, kw_only=True):
    """One key of the order of found logged models."""

    field_name: str
    ascending: bool = True
    dataset_name: str | None = None
    dataset_digest: str | None = None


class SearchLoggedModels(Message, frozen=True, kw_only=True):
    """Search logged models."""

    experiment_ids: tuple[str, ...]
    filter: str | None = None
    datasets: tuple[DatasetFilter, ...] = ()
    max_results: int = 50
    order_by: tuple[OrderBy, ...] = ()
    page_token: str | None = None


class SearchLoggedModelsResponse(Message, frozen=True, kw_only=True):
    """One page of logged models."""

    models: tuple[LoggedModel, ...] = ()
    next_page_token: str | None = None


class ListLoggedModelArtifacts(Message, frozen=True, kw_only=True):
    """List a folder of a logged model's files."""

    model_id: str
    artifact_directory_path: str | None = None
    page_token: str | None = None


class ListProxied(Message, frozen=True):
    """List a folder behind the artifact proxy."""

    path: str | None = None
