"""The table of MLflow's classic REST endpoints: what is called where, with what, for what.

A server makes its routes from ``ENDPOINTS`` and a client its calls from the single entries, so
that both ends cannot drift apart. Paths are relative to ``PREFIX`` (MLflow's pages use the same
below ``AJAX_PREFIX``); ``{name}`` in a path is a field of the request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from dovetail.wire.mlflow import messages as m
from dovetail.wire.mlflow import registry as r
from dovetail.wire.mlflow import webhooks as w

PREFIX = "/api/2.0/mlflow"
AJAX_PREFIX = "/ajax-api/2.0/mlflow"
PREVIEW_PREFIX = "/api/2.0/preview/mlflow"  # where clients before MLflow 2 look for the registry
ARTIFACTS_PREFIX = "/api/2.0/mlflow-artifacts/artifacts"
SERVER_INFO = "/api/3.0/mlflow/server-info"

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)


@dataclass(frozen=True)
class Endpoint(Generic[Q, A]):
    """One method on one path.

    Attributes:
        method: The HTTP method; GET and nothing else carries its message in the query.
        path: Below ``PREFIX``.
        request: The message asked with.
        response: The message answered with.
        reads: Whether the call changes nothing, so that repeating it does no harm.
    """

    method: str
    path: str
    request: type[Q]
    response: type[A]
    reads: bool = False


def _get(path: str, request: type[Q], response: type[A]) -> Endpoint[Q, A]:
    return Endpoint("GET", path, request, response, reads=True)


def _post(path: str, request: type[Q], response: type[A]) -> Endpoint[Q, A]:
    return Endpoint("POST", path, request, response)


def _search(path: str, request: type[Q], response: type[A]) -> Endpoint[Q, A]:
    return Endpoint("POST", path, request, response, reads=True)


def _patch(path: str, request: type[Q], response: type[A]) -> Endpoint[Q, A]:
    return Endpoint("PATCH", path, request, response)


def _delete(path: str, request: type[Q], response: type[A]) -> Endpoint[Q, A]:
    return Endpoint("DELETE", path, request, response)


CREATE_EXPERIMENT = _post("/experiments/create", m.CreateExperiment, m.CreateExperimentResponse)
DELETE_EXPERIMENT = _post("/experiments/delete", m.GetExperiment, m.Empty)
DELETE_EXPERIMENT_TAG = _post("/experiments/delete-experiment-tag", m.DeleteExperimentTag, m.Empty)
GET_EXPERIMENT = _get("/experiments/get", m.GetExperiment, m.ExperimentResponse)
GET_EXPERIMENT_BY_NAME = _get(
    "/experiments/get-by-name", m.GetExperimentByName, m.ExperimentResponse
)
RESTORE_EXPERIMENT = _post("/experiments/restore", m.GetExperiment, m.Empty)
SEARCH_DATASETS = _search(
    "/experiments/search-datasets", m.SearchDatasets, m.SearchDatasetsResponse
)
SEARCH_EXPERIMENTS = _search(
    "/experiments/search", m.SearchExperiments, m.SearchExperimentsResponse
)
SEARCH_EXPERIMENTS_GET = _get(
    "/experiments/search", m.SearchExperiments, m.SearchExperimentsResponse
)
SET_EXPERIMENT_TAG = _post("/experiments/set-experiment-tag", m.SetExperimentTag, m.Empty)
UPDATE_EXPERIMENT = _post("/experiments/update", m.UpdateExperiment, m.Empty)

CREATE_RUN = _post("/runs/create", m.CreateRun, m.RunResponse)
DELETE_RUN = _post("/runs/delete", m.GetRun, m.Empty)
DELETE_TAG = _post("/runs/delete-tag", m.DeleteTag, m.Empty)
GET_METRIC_HISTORY = _get("/metrics/get-history", m.GetMetricHistory, m.MetricsResponse)
GET_METRIC_HISTORY_BULK = _get(
    "/metrics/get-history-bulk", m.GetMetricHistoryBulk, m.MetricsResponse
)
GET_METRIC_HISTORY_INTERVAL = _get(
    "/metrics/get-history-bulk-interval", m.GetMetricHistoryBulkInterval, m.MetricsResponse
)
GET_RUN = _get("/runs/get", m.GetRun, m.RunResponse)
LIST_ARTIFACTS = _get("/artifacts/list", m.ListArtifacts, m.ListArtifactsResponse)
LOG_BATCH = _post("/runs/log-batch", m.LogBatch, m.Empty)
LOG_INPUTS = _post("/runs/log-inputs", m.LogInputs, m.Empty)
LOG_METRIC = _post("/runs/log-metric", m.LogMetric, m.Empty)
LOG_MODEL = _post("/runs/log-model", m.LogModel, m.Empty)
LOG_OUTPUTS = _post("/runs/outputs", m.LogOutputs, m.Empty)
LOG_PARAM = _post("/runs/log-parameter", m.LogParam, m.Empty)
RESTORE_RUN = _post("/runs/restore", m.GetRun, m.Empty)
SEARCH_RUNS = _search("/runs/search", m.SearchRuns, m.SearchRunsResponse)
SET_TAG = _post("/runs/set-tag", m.SetTag, m.Empty)
UPDATE_RUN = _post("/runs/update", m.UpdateRun, m.UpdateRunResponse)

CREATE_LOGGED_MODEL = _post("/logged-models", m.CreateLoggedModel, m.LoggedModelResponse)
DELETE_LOGGED_MODEL = _delete("/logged-models/{model_id}", m.GetLoggedModel, m.Empty)
DELETE_LOGGED_MODEL_TAG = _delete(
    "/logged-models/{model_id}/tags/{tag_key}", m.DeleteLoggedModelTag, m.Empty
)
FINALIZE_LOGGED_MODEL = _patch(
    "/logged-models/{model_id}", m.FinalizeLoggedModel, m.LoggedModelResponse
)
GET_LOGGED_MODEL = _get("/logged-models/{model_id}", m.GetLoggedModel, m.LoggedModelResponse)
LIST_LOGGED_MODEL_ARTIFACTS = _get(
    "/logged-models/{model_id}/artifacts/directories",
    m.ListLoggedModelArtifacts,
    m.ListArtifactsResponse,
)
LOG_LOGGED_MODEL_PARAMS = _post("/logged-models/{model_id}/params", m.LogLoggedModelParams, m.Empty)
SEARCH_LOGGED_MODELS = _search(
    "/logged-models/search", m.SearchLoggedModels, m.SearchLoggedModelsResponse
)
SET_LOGGED_MODEL_TAGS = _patch(
    "/logged-models/{model_id}/tags", m.SetLoggedModelTags, m.LoggedModelResponse
)

CREATE_REGISTERED_MODEL = _post(
    "/registered-models/create", r.CreateRegisteredModel, r.RegisteredModelResponse
)
DELETE_ALIAS = _delete("/registered-models/alias", r.AliasRequest, m.Empty)
DELETE_REGISTERED_MODEL = _delete("/registered-models/delete", r.GetRegisteredModel, m.Empty)
DELETE_REGISTERED_MODEL_TAG = _delete(
    "/registered-models/delete-tag", r.DeleteRegisteredModelTag, m.Empty
)
GET_ALIAS = _get("/registered-models/alias", r.AliasRequest, r.ModelVersionResponse)
GET_LATEST_VERSIONS = _search(
    "/registered-models/get-latest-versions", r.GetLatestVersions, r.ModelVersionsResponse
)
GET_LATEST_VERSIONS_GET = _get(
    "/registered-models/get-latest-versions", r.GetLatestVersions, r.ModelVersionsResponse
)
GET_REGISTERED_MODEL = _get(
    "/registered-models/get", r.GetRegisteredModel, r.RegisteredModelResponse
)
RENAME_REGISTERED_MODEL = _post(
    "/registered-models/rename", r.RenameRegisteredModel, r.RegisteredModelResponse
)
SEARCH_REGISTERED_MODELS = _get(
    "/registered-models/search", r.SearchRegisteredModels, r.SearchRegisteredModelsResponse
)
SET_ALIAS = _post("/registered-models/alias", r.SetAlias, m.Empty)
SET_REGISTERED_MODEL_TAG = _post("/registered-models/set-tag", r.SetRegisteredModelTag, m.Empty)
UPDATE_REGISTERED_MODEL = _patch(
    "/registered-models/update", r.UpdateRegisteredModel, r.RegisteredModelResponse
)

CREATE_MODEL_VERSION = _post("/model-versions/create", r.CreateModelVersion, r.ModelVersionResponse)
DELETE_MODEL_VERSION = _delete("/model-versions/delete", r.GetModelVersion, m.Empty)
DELETE_MODEL_VERSION_TAG = _delete("/model-versions/delete-tag", r.DeleteModelVersionTag, m.Empty)
GET_DOWNLOAD_URI = _get(
    "/model-versions/get-download-uri", r.GetModelVersion, r.DownloadUriResponse
)
GET_MODEL_VERSION = _get("/model-versions/get", r.GetModelVersion, r.ModelVersionResponse)
SEARCH_MODEL_VERSIONS = _get(
    "/model-versions/search", r.SearchModelVersions, r.ModelVersionsResponse
)
SET_MODEL_VERSION_TAG = _post("/model-versions/set-tag", r.SetModelVersionTag, m.Empty)
TRANSITION_STAGE = _post(
    "/model-versions/transition-stage", r.TransitionModelVersionStage, r.ModelVersionResponse
)
UPDATE_MODEL_VERSION = _patch(
    "/model-versions/update", r.UpdateModelVersion, r.ModelVersionResponse
)

CREATE_WEBHOOK = _post("/webhooks", w.CreateWebhook, w.WebhookResponse)
DELETE_WEBHOOK = _delete("/webhooks/{webhook_id}", w.GetWebhook, m.Empty)
GET_WEBHOOK = _get("/webhooks/{webhook_id}", w.GetWebhook, w.WebhookResponse)
LIST_WEBHOOKS = _get("/webhooks", w.ListWebhooks, w.WebhooksResponse)
TEST_WEBHOOK = _post("/webhooks/{webhook_id}/test", w.TestWebhook, w.TestWebhookResponse)
UPDATE_WEBHOOK = _patch("/webhooks/{webhook_id}", w.UpdateWebhook, w.WebhookResponse)


def _all() -> Iterator[Endpoint[Any, Any]]:
    return (entry for entry in globals().values() if isinstance(entry, Endpoint))


ENDPOINTS: tuple[Endpoint[Any, Any], ...] = tuple(_all())
"""Every endpoint above, in the order above."""
