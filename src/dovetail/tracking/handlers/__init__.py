"""Use cases: an MLflow request in, an MLflow response out. They know no transport.

`TABLE` says which use case answers which endpoint of the protocol. Each takes the surroundings, an
open connection and the request; whether the connection may write is the endpoint's to say.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.engine import Connection

from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers import (
    artifacts,
    experiments,
    legacy,
    logged_models,
    models,
    old_traces,
    runs,
    traces,
    versions,
)
from dovetail.wire.mlflow import Endpoint, Message
from dovetail.wire.mlflow import endpoints as e
from dovetail.wire.mlflow import trace_endpoints as t

__all__ = ["TABLE", "Handler"]

Handler = Callable[[Backend, Connection, Any], Message]

TABLE: Mapping[Endpoint[Any, Any], Handler] = {
    e.CREATE_EXPERIMENT: experiments.create,
    e.DELETE_EXPERIMENT: experiments.delete,
    e.DELETE_EXPERIMENT_TAG: experiments.delete_tag,
    e.GET_EXPERIMENT: experiments.get,
    e.GET_EXPERIMENT_BY_NAME: experiments.get_by_name,
    e.RESTORE_EXPERIMENT: experiments.restore,
    e.SEARCH_DATASETS: experiments.search_datasets,
    e.SEARCH_EXPERIMENTS: experiments.search,
    e.SEARCH_EXPERIMENTS_GET: experiments.search,
    e.SET_EXPERIMENT_TAG: experiments.set_tag,
    e.UPDATE_EXPERIMENT: experiments.update,
    e.CREATE_RUN: runs.create,
    e.DELETE_RUN: runs.delete,
    e.DELETE_TAG: runs.delete_tag,
    e.GET_METRIC_HISTORY: runs.metric_history,
    e.GET_METRIC_HISTORY_BULK: legacy.metric_histories,
    e.GET_METRIC_HISTORY_INTERVAL: runs.metric_sample,
    e.GET_RUN: runs.get,
    e.LIST_ARTIFACTS: artifacts.list_of_run,
    e.LOG_BATCH: runs.log_batch,
    e.LOG_INPUTS: runs.log_inputs,
    e.LOG_METRIC: runs.log_metric,
    e.LOG_MODEL: legacy.log_model,
    e.LOG_OUTPUTS: runs.log_outputs,
    e.LOG_PARAM: runs.log_param,
    e.RESTORE_RUN: runs.restore,
    e.SEARCH_RUNS: runs.search,
    e.SET_TAG: runs.set_tag,
    e.UPDATE_RUN: runs.update,
    e.CREATE_LOGGED_MODEL: logged_models.create,
    e.DELETE_LOGGED_MODEL: logged_models.delete,
    e.DELETE_LOGGED_MODEL_TAG: logged_models.delete_tag,
    e.FINALIZE_LOGGED_MODEL: logged_models.finalize,
    e.GET_LOGGED_MODEL: logged_models.get,
    e.LIST_LOGGED_MODEL_ARTIFACTS: artifacts.list_of_model,
    e.LOG_LOGGED_MODEL_PARAMS: logged_models.log_params,
    e.SEARCH_LOGGED_MODELS: logged_models.search,
    e.SET_LOGGED_MODEL_TAGS: logged_models.set_tags,
    e.CREATE_REGISTERED_MODEL: models.create,
    e.DELETE_ALIAS: models.delete_alias,
    e.DELETE_REGISTERED_MODEL: models.delete,
    e.DELETE_REGISTERED_MODEL_TAG: models.delete_tag,
    e.GET_ALIAS: models.get_by_alias,
    e.GET_LATEST_VERSIONS: models.latest_versions,
    e.GET_LATEST_VERSIONS_GET: models.latest_versions,
    e.GET_REGISTERED_MODEL: models.get,
    e.RENAME_REGISTERED_MODEL: models.rename,
    e.SEARCH_REGISTERED_MODELS: models.search,
    e.SET_ALIAS: models.set_alias,
    e.SET_REGISTERED_MODEL_TAG: models.set_tag,
    e.UPDATE_REGISTERED_MODEL: models.update,
    e.CREATE_MODEL_VERSION: versions.create,
    e.DELETE_MODEL_VERSION: versions.delete,
    e.DELETE_MODEL_VERSION_TAG: versions.delete_tag,
    e.GET_DOWNLOAD_URI: versions.download_uri,
    e.GET_MODEL_VERSION: versions.get,
    e.SEARCH_MODEL_VERSIONS: versions.search,
    e.SET_MODEL_VERSION_TAG: versions.set_tag,
    e.TRANSITION_STAGE: versions.transition,
    e.UPDATE_MODEL_VERSION: versions.update,
    t.BATCH_GET_TRACES: traces.batch_get,
    t.BATCH_GET_TRACE_INFOS: traces.batch_get_infos,
    t.DELETE_TRACES: traces.delete,
    t.DELETE_TRACE_TAG: traces.delete_tag,
    t.GET_TRACE: traces.get,
    t.GET_TRACE_INFO: traces.get_info,
    t.LINK_TRACES_TO_RUN: traces.link,
    t.SEARCH_TRACES: traces.search,
    t.SET_TRACE_TAG: traces.set_tag,
    t.START_TRACE: traces.start,
    t.OLD_END_TRACE: old_traces.end,
    t.OLD_GET_TRACE_INFO: old_traces.get_info,
    t.OLD_SEARCH_TRACES: old_traces.search,
    t.OLD_START_TRACE: old_traces.start,
}
