"""The table `[serving]` of `dovetail.toml`."""

from typing import Annotated

import msgspec

from dovetail.serving.limits import Limits
from dovetail.serving.payload.settings import PayloadSink

__all__ = ["ServingSettings"]


def _about(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class ServingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is served, and how."""

    models: Annotated[
        tuple[str, ...],
        _about(
            "Models to serve from the start: `models:/NAME/VERSION`, `models:/NAME@ALIAS` (followed"
            " when the alias moves), or `[NAME=]PATH`."
        ),
    ] = ()
    repository: Annotated[
        tuple[str, ...],
        _about(
            "Folders of models in the layout of MLServer or Triton, or simply of model files; all"
            " that they hold is loaded."
        ),
    ] = ()
    repository_seconds: Annotated[
        float,
        msgspec.Meta(
            ge=0,
            description="Seconds between looks at the folders of `repository` for models that are"
            " new, changed or gone; 0 looks at the start, and when a client loads or lists.",
        ),
    ] = 0.0
    repository_loads: Annotated[
        bool,
        _about("Load all models of `repository` at the start; else only what a client loads."),
    ] = True
    follow_seconds: Annotated[
        float, msgspec.Meta(gt=0, description="Seconds between looks at the followed aliases.")
    ] = 2.0
    compile: Annotated[
        bool, _about("Serve the compiled form of a model where it agrees with the original.")
    ] = True
    isolate: Annotated[
        bool,
        _about(
            "Compile in a process of its own: a damaged model cannot take the server down, and the"
            " memory that compiling needs is given back."
        ),
    ] = True
    traces: Annotated[
        str,
        _about(
            "Address of an OpenTelemetry collector that takes OTLP over HTTP, for example"
            " `http://127.0.0.1:4318`; empty leaves it to `OTEL_EXPORTER_OTLP_ENDPOINT`."
        ),
    ] = ""
    trace_share: Annotated[
        Annotated[float, msgspec.Meta(ge=0, le=1)] | None,
        _about(
            "Share of the requests without a traced caller that are traced; none leaves it to"
            " `OTEL_TRACES_SAMPLER`, which traces all where it is not set."
        ),
    ] = None
    access_log: Annotated[bool, _about("Write a line of the log for each inference request.")] = (
        False
    )
    slow_ms: Annotated[
        float,
        msgspec.Meta(
            ge=0, description="Milliseconds from which a request is logged as slow; 0 for never."
        ),
    ] = 0.0
    payload_log: Annotated[
        str,
        _about(
            "Where requests and answers go: as CloudEvents to `monitoring`, the joint of that name,"
            " or to a URL; as Parquet files into a folder such as `./requests/`; empty for nowhere."
        ),
    ] = ""
    payload_queue: Annotated[
        int, msgspec.Meta(ge=1, description="Requests that wait for `payload_log` at most.")
    ] = 10_000
    payload_sinks: Annotated[
        tuple[PayloadSink, ...],
        _about("Further sinks of the payload log, each with what it is told and how."),
    ] = ()
    graph_servers: Annotated[
        tuple[str, ...],
        _about("URLs of other Open Inference servers that steps of graphs may ask."),
    ] = ()
    feedback_hours: Annotated[
        float,
        msgspec.Meta(
            gt=0,
            description="Hours for which it is remembered which version answered a request, so that"
            " its reward may come late.",
        ),
    ] = 24.0
    folders: Annotated[
        tuple[str, ...],
        _about("Folders from which clients and registries may have models loaded by path."),
    ] = (".",)
    trusted: Annotated[
        tuple[str, ...],
        _about(
            "What may execute code when it is loaded, as pickles and Python files do: folders,"
            " files, `models:/NAME` or `models:/NAME/VERSION` (with `*` and `?`). Nothing else"
            " makes a model trusted."
        ),
    ] = ()
    grpc_port: Annotated[
        Annotated[int, msgspec.Meta(ge=-1, le=65535)] | None,
        _about(
            "Port of gRPC; 0 takes a free one, -1 switches it off. By default it is the one after"
            " the port of REST, 8081, or a free one where that is taken."
        ),
    ] = None
    workers: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            description="Processes that answer on the same ports, with `dovetail serving run`;"
            " `dovetail up` is one process.",
        ),
    ] = 1
    max_body_mb: Annotated[
        int, msgspec.Meta(ge=1, description="Largest request body in MiB, unpacked.")
    ] = 256
    model_threads: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="Calls of one slow model at once; 0 is one a core, at most 4. "
            "Quick models (below 0.2 ms a row) need no thread.",
        ),
    ] = 0
    queue: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="Requests that wait for one slow model at most; the next is answered 503 "
            "with Retry-After at once.",
        ),
    ] = 128
    queue_mb: Annotated[
        int, msgspec.Meta(ge=1, description="MiB of tensors that wait for one model at most.")
    ] = 256
    max_batch_rows: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="Rows of one call when requests of a slow model are joined; 1 joins none, "
            "0 joins up to 256 rows where it pays, as measured at load.",
        ),
    ] = 0
    batch_delay_ms: Annotated[
        float,
        msgspec.Meta(ge=0, description="Milliseconds that an idle model waits for more to join."),
    ] = 0.0
    timeout_seconds: Annotated[
        float,
        msgspec.Meta(
            ge=0,
            description="Time of a request that names none (gRPC deadline, parameter `timeout` in "
            "microseconds, Envoy's header); then it is answered 504. 0 is no limit.",
        ),
    ] = 0.0
    stuck_seconds: Annotated[
        float,
        msgspec.Meta(
            gt=0,
            description="A model whose threads have all been in one call for so long is not ready.",
        ),
    ] = 60.0
    max_rows: Annotated[int, msgspec.Meta(ge=1, description="Rows of one request at most.")] = (
        1_000_000
    )
    max_answer_mb: Annotated[
        int, msgspec.Meta(ge=1, description="Largest tensor of an answer in MiB.")
    ] = 256
    max_memory_mb: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="MiB that all models together may take, as estimated at load; those used "
            "least lately rest, and are opened again by their next request. 0 is no bound.",
        ),
    ] = 0
    load_lazily: Annotated[
        bool, _about("After a restart, open a model only when it is first asked.")
    ] = False

    def limits(self) -> Limits:
        """Return what one model may take."""
        return Limits(
            threads=self.model_threads,
            queue=self.queue,
            queue_bytes=self.queue_mb << 20,
            batch_rows=self.max_batch_rows or None,
            delay_s=self.batch_delay_ms * 1e-3,
            timeout_s=self.timeout_seconds,
            stuck_s=self.stuck_seconds,
            rows=self.max_rows,
            answer_bytes=self.max_answer_mb << 20,
        )
