"""OpenLineage: who read and wrote what, as run, job and dataset events.

Pipelines, Spark, Airflow and dbt emit these; the governance piece takes them at
``POST /api/v1/lineage`` and emits its own. Facets are open objects: whatever a producer says
about a run, a job or a dataset is kept as it came.

Source: OpenLineage specification 2-0-2.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from dovetail.wire import lenient
from dovetail.wire.http import JSON, HttpClient

EventType = Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]
Facets = dict[str, Any]
PATH = "/api/v1/lineage"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json"

__all__ = [
    "PATH",
    "SCHEMA",
    "Client",
    "Dataset",
    "DatasetEvent",
    "Event",
    "EventType",
    "Facets",
    "InvalidEvent",
    "Job",
    "JobEvent",
    "Run",
    "RunEvent",
    "decode",
    "encode",
    "facet",
]


class InvalidEvent(ValueError):
    """Something that is no OpenLineage event."""


class _Message(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    pass


class Run(_Message, frozen=True, kw_only=True):
    """One execution of a job; the id is a UUID."""

    run_id: str
    facets: Facets = {}


class Job(_Message, frozen=True, kw_only=True):
    """A repeatable piece of work, named within a namespace."""

    namespace: str
    name: str
    facets: Facets = {}


class Dataset(_Message, frozen=True, kw_only=True):
    """Something read or written, named within a namespace."""

    namespace: str
    name: str
    facets: Facets = {}
    input_facets: Facets = {}
    output_facets: Facets = {}


class RunEvent(_Message, frozen=True, kw_only=True):
    """A run changed its state, having read ``inputs`` and written ``outputs``."""

    event_time: datetime
    run: Run
    job: Job
    producer: str
    event_type: EventType | None = None
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    schema_url: str = msgspec.field(
        name="schemaURL", default_factory=lambda: f"{SCHEMA}#/$defs/RunEvent"
    )


class JobEvent(_Message, frozen=True, kw_only=True):
    """A job was declared or changed, without a run."""

    event_time: datetime
    job: Job
    producer: str
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    schema_url: str = msgspec.field(
        name="schemaURL", default_factory=lambda: f"{SCHEMA}#/$defs/JobEvent"
    )


class DatasetEvent(_Message, frozen=True, kw_only=True):
    """A dataset was declared or changed, without a run."""

    event_time: datetime
    dataset: Dataset
    producer: str
    schema_url: str = msgspec.field(
        name="schemaURL", default_factory=lambda: f"{SCHEMA}#/$defs/DatasetEvent"
    )


Event = RunEvent | JobEvent | DatasetEvent


def facet(producer: str, schema: str, **fields: Any) -> Facets:
    """Make a facet: fields, with who says so and by which schema.

    Examples:
        >>> facet("https://example.com/etl", "https://example.com/rows.json", rows=3)["rows"]
        3
    """
    return {"_producer": producer, "_schemaURL": schema, **fields}


def encode(event: Event) -> bytes:
    """Write one event as JSON."""
    return msgspec.json.encode(event)


def decode(body: bytes) -> Event:
    """Read one event, whichever of the three it is.

    Raises:
        InvalidEvent: The body is none.
    """
    try:
        members = lenient.loads(body)
        if not isinstance(members, Mapping):
            raise InvalidEvent("an event must be a JSON object")
        return msgspec.convert(members, _kind_of(members))
    except msgspec.DecodeError as error:
        raise InvalidEvent(str(error)) from error


def _kind_of(members: Mapping[str, Any]) -> type[Event]:
    if "run" in members:
        return RunEvent
    if "dataset" in members:
        return DatasetEvent
    if "job" in members:
        return JobEvent
    raise InvalidEvent("an event has a 'run', a 'job' or a 'dataset'")


class Client(HttpClient):
    """Sends events to an OpenLineage collector: ours, Marquez or another.

    Examples:
        >>> with Client("http://localhost:8080") as lineage:  # doctest: +SKIP
        ...     lineage.emit(event)
    """

    def emit(self, *events: Event) -> None:
        """Send events, one by one and in order; collectors fold repeated ones.

        Raises:
            WireError: The collector did not take an event.
        """
        for event in events:
            self.send("POST", PATH, content=encode(event), headers=JSON, repeatable=True)
