"""One sink of the payload log, as `[[serving.payload_sinks]]` has it."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

__all__ = ["PayloadSink"]


def _about(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class PayloadSink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where requests and answers are told, which of them, and how."""

    to: Annotated[
        str,
        _about(
            "`monitoring` for the joint of that name, a URL for CloudEvents, or a folder (with a"
            " slash in it, or as `file:`) for Parquet files."
        ),
    ]
    mode: Annotated[
        Literal["batched", "structured", "binary"],
        _about(
            "How CloudEvents travel: many in one request, or each alone as one JSON document or, as"
            " KServe sends them, with its attributes as headers."
        ),
    ] = "batched"
    log: Annotated[
        Literal["all", "request", "response"], _about("What is told, as KServe's `logger.mode`.")
    ] = "all"
    failed: Annotated[
        bool, _about("Whether requests that reached a model and failed are told too.")
    ] = True
    models: Annotated[
        tuple[str, ...], _about("Names of models, `*` for any part of one; empty for all.")
    ] = ()
    share: Annotated[
        float,
        msgspec.Meta(
            gt=0,
            le=1,
            description="Share of the requests that is told; the request's id alone decides.",
        ),
    ] = 1.0
    headers: Annotated[
        tuple[str, ...], _about("Request headers that are carried along, by name.")
    ] = ()
    most_elements: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="Tensors of more elements are told without their data; 0 for no bound.",
        ),
    ] = 0
    queue: Annotated[
        int, msgspec.Meta(ge=1, description="Requests that wait for this sink at most.")
    ] = 10_000
    queue_mb: Annotated[
        int, msgspec.Meta(ge=1, description="MiB of requests that wait for this sink at most.")
    ] = 128
    file_mb: Annotated[
        int, msgspec.Meta(ge=1, description="MiB after which a new Parquet file is begun.")
    ] = 64
    file_seconds: Annotated[
        float,
        msgspec.Meta(gt=0, description="Seconds after which a Parquet file is closed and shows."),
    ] = 60.0
    service: Annotated[
        str, _about("Attribute `inferenceservicename`; empty for the model's name.")
    ] = ""
    namespace: Annotated[str, _about("Attribute `namespace`.")] = ""
    component: Annotated[str, _about("Attribute `component`.")] = "predictor"
    endpoint: Annotated[str, _about("Attribute `endpoint`: `default` or `canary` in KServe.")] = ""
    annotations: Annotated[
        dict[str, str], _about("Attribute `annotations`, told with every event.")
    ] = {}

    @property
    def name(self) -> str:
        """What metrics and pages call the sink: its place, without credentials."""
        parts = urlsplit(self.to)
        if "@" not in parts.netloc:
            return self.to
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def is_http(self) -> bool:
        """Whether CloudEvents go to a URL or the monitoring joint."""
        return self.to == "monitoring" or self.to.startswith(("http://", "https://"))

    @property
    def is_folder(self) -> bool:
        """Whether Parquet files go to a folder."""
        return self.to.startswith("file:") or ("/" in self.to and "://" not in self.to)
