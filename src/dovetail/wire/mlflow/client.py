"""A small client of an MLflow server, ours or the original.

It covers what the other pieces need of a registry and an experiment store and speaks nothing
but the public REST API. ``call`` reaches every endpoint of the table; the methods are the calls
that are made often, with plain arguments and answers.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

import msgspec

from dovetail.wire.http import JSON, BadAnswer, BadRequest, Content, HttpClient, NotFound, segment
from dovetail.wire.mlflow import codec, endpoints
from dovetail.wire.mlflow import messages as m
from dovetail.wire.mlflow import registry as r
from dovetail.wire.mlflow.endpoints import (
    AJAX_PREFIX,
    ARTIFACTS_PREFIX,
    PREFIX,
    SERVER_INFO,
    Endpoint,
)
from dovetail.wire.mlflow.entities import (
    Experiment,
    FileInfo,
    Metric,
    ModelVersion,
    Param,
    RegisteredModel,
    Run,
    RunInfo,
    RunStatus,
    ServerInfo,
    Tag,
)

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)
TEXTS = 100  # parameters, and tags, in one log-batch; MLflow refuses more
POINTS = 800  # metrics beside them; MLflow refuses more than 1000 things together
_PROXY_SCHEME = "mlflow-artifacts:"


class Client(HttpClient):
    """A client of the classic MLflow REST API and of its artifact proxy.

    Examples:
        >>> with Client("http://localhost:8080") as mlflow:  # doctest: +SKIP
        ...     champion = mlflow.get_alias("flights", "champion")
        ...     print(champion.version, champion.source)
        3 models:/m-0f3a
    """

    conflicts = frozenset({"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS", "RESOURCE_CONFLICT"})

    def call(self, endpoint: Endpoint[Q, A], request: Q, *, prefix: str = PREFIX) -> A:
        """Call one endpoint of the table.

        Args:
            endpoint: Which.
            request: What is sent.
            prefix: ``PREFIX_3`` for the endpoints that are about traces.

        Raises:
            WireError: No answer, or an error answer; ``code`` is MLflow's.
        """
        path = prefix + endpoint.path
        if "{" in path:
            fields = msgspec.structs.asdict(request)
            path = path.format_map({name: segment(str(text)) for name, text in fields.items()})
        if endpoint.method == "GET":
            query = codec.to_query(request)
            return self.decode(self.send("GET", path, query=query), endpoint.response)
        answer = self.send(
            endpoint.method,
            path,
            content=codec.encode(request),
            headers=JSON,
            repeatable=endpoint.reads,
        )
        return self.decode(answer, endpoint.response)

    # Experiments

    def create_experiment(
        self, name: str, *, artifact_location: str | None = None, tags: Mapping[str, str] = {}
    ) -> str:
        """Create an experiment and return its id; Conflict when the name is taken."""
        request = m.CreateExperiment(
            name=name, artifact_location=artifact_location, tags=_tags(tags)
        )
        return self.call(endpoints.CREATE_EXPERIMENT, request).experiment_id

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Get an experiment by id."""
        return self.call(endpoints.GET_EXPERIMENT, m.GetExperiment(experiment_id)).experiment

    def get_experiment_by_name(self, name: str) -> Experiment:
        """Get an experiment by name."""
        request = m.GetExperimentByName(name)
        return self.call(endpoints.GET_EXPERIMENT_BY_NAME, request).experiment

    def ensure_experiment(self, name: str) -> str:
        """Return the id of the experiment of that name, made where it is missing."""
        try:
            return self.get_experiment_by_name(name).experiment_id
        except NotFound:
            return self.create_experiment(name)

    def search_experiments(
        self, filter: str | None = None, order_by: Sequence[str] = ()
    ) -> Iterator[Experiment]:
        """Go through the experiments that fit, fetching pages as needed."""
        token = None
        while True:
            page = self.call(
                endpoints.SEARCH_EXPERIMENTS,
                m.SearchExperiments(filter=filter, order_by=tuple(order_by), page_token=token),
            )
            yield from page.experiments
            if not (token := page.next_page_token):
                return

    # Runs

    def create_run(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        start_time: int | None = None,
        user: str | None = None,
        tags: Mapping[str, str] = {},
    ) -> Run:
        """Start a run, by default now; times are milliseconds since 1970."""
        request = m.CreateRun(
            experiment_id=experiment_id,
            run_name=name,
            user_id=user,
            start_time=_now_ms() if start_time is None else start_time,
            tags=_tags(tags),
        )
        return self.call(endpoints.CREATE_RUN, request).run

    def get_run(self, run_id: str) -> Run:
        """Get a run with its latest metrics, parameters and tags."""
        return self.call(endpoints.GET_RUN, m.GetRun(run_id=run_id)).run

    def update_run(
        self, run_id: str, *, status: RunStatus = "FINISHED", end_time: int | None = None
    ) -> RunInfo:
        """End a run, by default well and now."""
        end = _now_ms() if end_time is None else end_time
        request = m.UpdateRun(run_id=run_id, status=status, end_time=end)
        return self.call(endpoints.UPDATE_RUN, request).run_info

    def log_metric(
        self, run_id: str, key: str, value: float, *, step: int = 0, timestamp: int | None = None
    ) -> None:
        """Log one point of a metric."""
        at = _now_ms() if timestamp is None else timestamp
        request = m.LogMetric(run_id=run_id, key=key, value=value, timestamp=at, step=step)
        self.call(endpoints.LOG_METRIC, request)

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Iterable[Metric] = (),
        params: Mapping[str, str] = {},
        tags: Mapping[str, str] = {},
    ) -> None:
        """Log many things, in as many requests as MLflow's limits ask for."""
        points = tuple(metrics)
        texts = tuple(Param(key, value) for key, value in params.items())
        marks = _tags(tags)
        rounds = max(-(-len(points) // POINTS), -(-max(len(texts), len(marks)) // TEXTS))
        for turn in range(rounds):
            some = slice(turn * TEXTS, (turn + 1) * TEXTS)
            part = m.LogBatch(
                run_id=run_id,
                metrics=points[turn * POINTS : (turn + 1) * POINTS],
                params=texts[some],
                tags=marks[some],
            )
            self.call(endpoints.LOG_BATCH, part)

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag of a run."""
        self.call(endpoints.SET_TAG, m.SetTag(run_id=run_id, key=key, value=value))

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str | None = None,
        order_by: Sequence[str] = (),
        limit: int | None = None,
    ) -> Iterator[Run]:
        """Go through the runs that fit, fetching pages as needed."""
        token, left = None, limit
        while left is None or left > 0:
            page = self.call(
                endpoints.SEARCH_RUNS,
                m.SearchRuns(
                    experiment_ids=tuple(experiment_ids),
                    filter=filter,
                    order_by=tuple(order_by),
                    max_results=1000 if left is None else min(left, 1000),
                    page_token=token,
                ),
            )
            yield from page.runs
            left = None if left is None else left - len(page.runs)
            if not (token := page.next_page_token):
                return

    def get_metric_history(self, run_id: str, key: str) -> Iterator[Metric]:
        """Go through every point of a metric, fetching pages as needed."""
        token = None
        while True:
            page = self.call(
                endpoints.GET_METRIC_HISTORY,
                m.GetMetricHistory(
                    run_id=run_id, metric_key=key, page_token=token, max_results=25_000
                ),
            )
            yield from page.metrics
            if not (token := page.next_page_token):
                return

    # Registry

    def create_registered_model(
        self, name: str, *, description: str | None = None, tags: Mapping[str, str] = {}
    ) -> RegisteredModel:
        """Take a name for a model; Conflict when it is taken."""
        request = r.CreateRegisteredModel(name=name, description=description, tags=_tags(tags))
        return self.call(endpoints.CREATE_REGISTERED_MODEL, request).registered_model

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Get a registered model."""
        request = r.GetRegisteredModel(name)
        return self.call(endpoints.GET_REGISTERED_MODEL, request).registered_model

    def search_registered_models(
        self, filter: str | None = None, order_by: Sequence[str] = ()
    ) -> Iterator[RegisteredModel]:
        """Go through the registered models that fit, fetching pages as needed."""
        token = None
        while True:
            page = self.call(
                endpoints.SEARCH_REGISTERED_MODELS,
                r.SearchRegisteredModels(filter=filter, order_by=tuple(order_by), page_token=token),
            )
            yield from page.registered_models
            if not (token := page.next_page_token):
                return

    def create_model_version(
        self,
        name: str,
        source: str,
        *,
        run_id: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] = {},
    ) -> ModelVersion:
        """Register the files at ``source`` as the next version."""
        request = r.CreateModelVersion(
            name=name, source=source, run_id=run_id, description=description, tags=_tags(tags)
        )
        return self.call(endpoints.CREATE_MODEL_VERSION, request).model_version

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        """Get one version."""
        request = r.GetModelVersion(name, version)
        return self.call(endpoints.GET_MODEL_VERSION, request).model_version

    def search_model_versions(
        self, filter: str | None = None, order_by: Sequence[str] = ()
    ) -> Iterator[ModelVersion]:
        """Go through the versions that fit, fetching pages as needed."""
        token = None
        while True:
            page = self.call(
                endpoints.SEARCH_MODEL_VERSIONS,
                r.SearchModelVersions(
                    filter=filter, max_results=1000, order_by=tuple(order_by), page_token=token
                ),
            )
            yield from page.model_versions
            if not (token := page.next_page_token):
                return

    def update_model_version(self, name: str, version: str, description: str) -> ModelVersion:
        """Describe a version."""
        request = r.UpdateModelVersion(name, version, description)
        return self.call(endpoints.UPDATE_MODEL_VERSION, request).model_version

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        request = r.SetModelVersionTag(name, version, key, value)
        self.call(endpoints.SET_MODEL_VERSION_TAG, request)

    def get_download_uri(self, name: str, version: str) -> str:
        """Get the place of a version's files."""
        request = r.GetModelVersion(name, version)
        return self.call(endpoints.GET_DOWNLOAD_URI, request).artifact_uri

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version; Refused when a gate in front of it says no."""
        self.call(endpoints.SET_ALIAS, r.SetAlias(name, alias, version))

    def get_alias(self, name: str, alias: str) -> ModelVersion:
        """Get the version that an alias points at; NotFound when there is no such alias."""
        try:
            return self.call(endpoints.GET_ALIAS, r.AliasRequest(name, alias)).model_version
        except BadRequest as error:
            if error.message.endswith(f"alias {alias} not found."):  # MLflow calls that invalid
                raise NotFound(
                    error.message, status=error.status, code=error.code, url=error.url
                ) from error
            raise

    def delete_alias(self, name: str, alias: str) -> None:
        """Delete an alias."""
        self.call(endpoints.DELETE_ALIAS, r.AliasRequest(name, alias))

    # Artifacts

    def put_artifact(self, path: str, content: Content) -> None:
        """Upload a file to the artifact proxy; ``path`` is relative to the proxy's root."""
        headers = {"Content-Type": "application/octet-stream"}
        self.send("PUT", _artifact(path), content=content, headers=headers)

    def get_artifact(self, path: str) -> bytes:
        """Download a whole file from the artifact proxy."""
        return self.send("GET", _artifact(path)).content

    def iter_artifact(self, path: str) -> Iterator[bytes]:
        """Download a file from the artifact proxy, chunk by chunk."""
        response = self.stream(_artifact(path))
        try:
            yield from response.iter_bytes(1 << 20)
        finally:
            response.close()

    def list_artifacts(self, path: str = "") -> tuple[FileInfo, ...]:
        """List a folder behind the artifact proxy; entries are relative to that folder."""
        query = [("path", path.strip("/"))] if path.strip("/") else []
        return self.get(ARTIFACTS_PREFIX, m.ListArtifactsResponse, query).files

    def list_run_artifacts(self, run_id: str, path: str | None = None) -> m.ListArtifactsResponse:
        """List a folder of a run's artifacts; entries are relative to the run's root."""
        return self.call(endpoints.LIST_ARTIFACTS, m.ListArtifacts(run_id=run_id, path=path))

    def get_trace_file(self, trace_id: str) -> bytes:
        """Download the spans of a trace as MLflow's ``traces.json``."""
        query = [("request_id", trace_id)]
        return self.send("GET", f"{AJAX_PREFIX}/get-trace-artifact", query=query).content

    # Server

    def version(self) -> str:
        """The version of MLflow that the server claims."""
        return self.send("GET", "/version").text.strip()

    def server_info(self) -> ServerInfo:
        """What the server can do; a server older than MLflow 3 raises NotFound."""
        return self.get(SERVER_INFO, ServerInfo)


def proxy_path(uri: str) -> str:
    """Turn an ``mlflow-artifacts:`` URI into a path for the artifact methods.

    Raises:
        BadAnswer: The URI is of another kind, so the files are not behind the proxy.

    Examples:
        >>> proxy_path("mlflow-artifacts:/1/0f3a/artifacts/model")
        '1/0f3a/artifacts/model'
    """
    if not uri.startswith(_PROXY_SCHEME):
        raise BadAnswer(f"{uri!r} is not behind the artifact proxy ({_PROXY_SCHEME}/...)")
    path = uri.removeprefix(_PROXY_SCHEME)
    if path.startswith("//"):  # mlflow-artifacts://host:port/path
        path = path[2:].partition("/")[2]
    return path.strip("/")


def _artifact(path: str) -> str:
    return f"{ARTIFACTS_PREFIX}/{quote(path.strip('/'))}"


def _tags(tags: Mapping[str, str]) -> tuple[Tag, ...]:
    return tuple(Tag(key, value) for key, value in tags.items())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
