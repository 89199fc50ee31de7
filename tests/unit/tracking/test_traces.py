"""Traces as use cases, on both databases: whole ones, spans before and after, labels, deletion."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dovetail.base.artifacts import MemoryStore
from dovetail.base.clock import SystemClock
from dovetail.base.sql import Database
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.handlers import TABLE
from dovetail.tracking.handlers.traces import log_spans
from dovetail.tracking.store import experiments, traces
from dovetail.tracking.store.schema import metadata
from dovetail.tracking.store.traces_schema import TABLES
from dovetail.tracking.trace_values import arrivals
from dovetail.wire.mlflow import (
    BatchGetTraces,
    CreateExperiment,
    CreateRun,
    DeleteTraces,
    DeleteTraceTag,
    ExperimentLocation,
    GetTrace,
    GetTraceInfo,
    LinkTracesToRun,
    OldEndTrace,
    OldGetTraceInfo,
    OldSearchTraces,
    OldStartTrace,
    OldTraceInfo,
    SearchTraces,
    SetTraceTag,
    StartTrace,
    Tag,
    Trace,
    TraceInfo,
    TraceLocation,
)
from dovetail.wire.mlflow import endpoints as e
from dovetail.wire.mlflow import trace_endpoints as t
from dovetail.wire.otlp import Span

MS = 1_000_000
ID = "0af7651916cd43dd8448eb211c80319c"
ROOT, CHILD = "00000000000000aa", "00000000000000bb"


class Store:
    """Asks use cases, and exports spans."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.artifacts = MemoryStore()
        self.backend = Backend("mlflow-artifacts:/", self.artifacts, True, SystemClock())
        database.write(lambda c: experiments.ensure_default(c, "mlflow-artifacts:/", 1))

    def ask(self, endpoint: Any, request: Any) -> Any:
        call = self.database.read if endpoint.reads else self.database.write
        return call(lambda c: TABLE[endpoint](self.backend, c, request))

    def export(self, *spans: Span, experiment: str = "0", run: str | None = None) -> None:
        arrived = arrivals(spans)
        self.database.write(lambda c: log_spans(c, experiment, arrived, run))

    def rows(self) -> dict[str, int]:
        def count(c: Any) -> dict[str, int]:
            tables = ((one.name, one.select()) for one in TABLES)
            return {name: len(c.execute(query).all()) for name, query in tables}

        return self.database.read(count)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    database = Database(database_url, metadata, name="tracking")
    yield Store(database)
    database.close()


@pytest.fixture
def report(store: Store) -> Callable[..., TraceInfo]:
    def start(trace_id: str = f"tr-{ID}", *, experiment: str = "0", **given: Any) -> TraceInfo:
        place = TraceLocation("MLFLOW_EXPERIMENT", ExperimentLocation(experiment))
        known: dict[str, Any] = {"state": "OK", "request_time": "1970-01-01T00:00:01Z"}
        info = TraceInfo(trace_id=trace_id, trace_location=place, **{**known, **given})
        answer: TraceInfo = store.ask(t.START_TRACE, StartTrace(Trace(info))).trace.trace_info
        return answer

    return start


def span(id: str = ROOT, parent: str | None = None, trace: str = ID, **given: Any) -> Span:
    known = {"name": f"step {id[-1]}", "start_ns": 5 * MS, "end_ns": 9 * MS, "status": "OK"}
    return Span(trace_id=trace, span_id=id, parent_id=parent, **{**known, **given})


def info(store: Store, trace_id: str = f"tr-{ID}") -> TraceInfo:
    answer: TraceInfo = store.ask(t.GET_TRACE_INFO, GetTraceInfo(trace_id)).trace.trace_info
    return answer


def test_a_whole_trace_is_kept_as_it_was_said(store: Store, report: Any) -> None:
    said = report(
        client_request_id="c",
        execution_duration="0.022s",
        state="ERROR",
        request_preview="{}",
        response_preview="no",
        tags={"mlflow.traceName": "f", "team": "ü\0"},
        trace_metadata={"mlflow.user": "me"},
    )
    assert (
        said
        == info(store)
        == TraceInfo(
            trace_id=f"tr-{ID}",
            client_request_id="c",
            trace_location=TraceLocation("MLFLOW_EXPERIMENT", ExperimentLocation("0")),
            request_time="1970-01-01T00:00:01Z",
            execution_duration="0.022s",
            state="ERROR",
            trace_metadata={"mlflow.user": "me"},
            tags={
                "mlflow.artifactLocation": f"mlflow-artifacts:/0/traces/tr-{ID}/artifacts",
                "mlflow.traceName": "f",
                "team": "ü\ufffd",
            },
            request_preview="{}",
            response_preview="no",
        )
    )


def test_spans_alone_make_a_trace(store: Store) -> None:
    store.export(
        span(CHILD, ROOT, start_ns=6 * MS, attributes={"session.id": "s1"}),
        span(
            status="ERROR",
            attributes={
                "mlflow.spanInputs": {"x": [1, {"$double": "NaN"}]},
                "mlflow.spanOutputs": "y" * 2000,
                "mlflow.traceTag.team": "red",
                "mlflow.traceTag.mlflow.trace.spansLocation": "elsewhere",
            },
            resource={"service.name": "shop", "telemetry.sdk.name": "otel", "n": 2},
        ),
    )
    found = info(store)
    assert (found.request_time, found.execution_duration) == ("1970-01-01T00:00:00.005Z", "0.004s")
    assert (found.state, found.request_preview) == ("ERROR", '{"x": [1, NaN]}')
    assert found.response_preview is not None
    assert len(found.response_preview) == 1000
    assert found.trace_metadata == {"mlflow.trace.session": "s1"}
    assert found.tags == {
        "mlflow.artifactLocation": f"mlflow-artifacts:/0/traces/tr-{ID}/artifacts",
        "mlflow.trace.spansLocation": "TRACKING_STORE",
        "mlflow.traceName": "step a",
        "n": "2",
        "service.name": "shop",
        "team": "red",
    }


@pytest.mark.parametrize("spans_first", [True, False], ids=["spans first", "spans last"])
def test_what_is_said_of_the_whole_wins_over_spans_in_any_order(
    store: Store, report: Any, spans_first: bool
) -> None:
    steps = [
        lambda: report(request_preview="asked", tags={"mlflow.traceName": "f"}, state="OK"),
        lambda: store.export(span(status="ERROR", attributes={"mlflow.spanInputs": 1})),
    ]
    for step in reversed(steps) if spans_first else steps:
        step()
    found = info(store)
    assert (found.state, found.request_preview, found.request_time) == (
        "OK", "asked", "1970-01-01T00:00:01Z",
    )  # fmt: skip
    assert found.tags["mlflow.traceName"] == "f"
    assert found.tags["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert len(store.ask(t.GET_TRACE, GetTrace(f"tr-{ID}")).trace.spans) == 1


def test_a_trace_runs_until_its_root_arrives(store: Store) -> None:
    store.export(span(CHILD, ROOT, start_ns=6 * MS, end_ns=None))
    assert info(store).state == "IN_PROGRESS"
    assert info(store).execution_duration is None
    store.export(span(start_ns=2 * MS))
    found = info(store)
    assert (found.state, found.request_time) == ("OK", "1970-01-01T00:00:00.002Z")
    assert found.execution_duration == "0.007s"


def test_an_export_that_is_repeated_changes_nothing(store: Store) -> None:
    several = [span(), span(CHILD, ROOT)]
    store.export(*several)
    before = store.ask(t.GET_TRACE, GetTrace(f"tr-{ID}")), store.rows()
    store.export(*several, several[0])
    assert (store.ask(t.GET_TRACE, GetTrace(f"tr-{ID}")), store.rows()) == before


def test_spans_are_answered_roots_first_with_everything_that_they_hold(store: Store) -> None:
    store.export(
        span(CHILD, ROOT, start_ns=1, attributes={"t": "a\0b", "d": 2.0, "n": None}), span()
    )
    whole = store.ask(t.GET_TRACE, GetTrace(f"tr-{ID}")).trace
    assert [one["name"] for one in whole.spans] == ["step a", "step b"]
    attributes = {pair["key"]: pair["value"] for pair in whole.spans[1]["attributes"]}
    assert attributes == {
        "t": {"string_value": "a\ufffdb"},
        "d": {"double_value": 2.0},
        "n": {},
        "mlflow.traceRequestId": {"string_value": f"tr-{ID}"},
    }


def test_a_trace_is_whole_once_as_many_spans_arrived_as_were_announced(
    store: Store, report: Any
) -> None:
    report(trace_metadata={"mlflow.trace.sizeStats": '{"num_spans": 2, "max": 9}'})
    store.export(span())
    with pytest.raises(MissingResourceError, match="not fully exported yet"):
        store.ask(t.GET_TRACE, GetTrace(f"tr-{ID}"))
    assert len(store.ask(t.GET_TRACE, GetTrace(f"tr-{ID}", allow_partial=True)).trace.spans) == 1
    assert store.ask(t.BATCH_GET_TRACES, BatchGetTraces((f"tr-{ID}",))).traces == ()
    store.export(span(CHILD, ROOT))
    whole = store.ask(t.BATCH_GET_TRACES, BatchGetTraces((f"tr-{ID}", "tr-none"))).traces
    assert [len(one.spans) for one in whole] == [2]


def test_a_batch_keeps_the_order_of_the_ids_and_to_its_experiments(
    store: Store, report: Any
) -> None:
    other = store.ask(e.CREATE_EXPERIMENT, CreateExperiment(name="other")).experiment_id
    for name, place in (("tr-a", "0"), ("tr-b", other), ("tr-c", "0")):
        report(name, experiment=place)
    asked = BatchGetTraces(("tr-c", "tr-b", "tr-a", "tr-c"))
    ids = [one.trace_id for one in store.ask(t.BATCH_GET_TRACE_INFOS, asked).trace_infos]
    assert ids == ["tr-c", "tr-b", "tr-a"]
    within = BatchGetTraces(("tr-a", "tr-b"), (other,))
    ids = [one.trace_id for one in store.ask(t.BATCH_GET_TRACE_INFOS, within).trace_infos]
    assert ids == ["tr-b"]


def test_tags_change_and_the_servers_own_do_not(store: Store, report: Any) -> None:
    report(tags={"a": "1", "mlflow.traceName": "f", "mlflow.trace.spansLocation": "forged"})
    assert "mlflow.trace.spansLocation" not in info(store).tags
    store.ask(t.SET_TRACE_TAG, SetTraceTag(f"tr-{ID}", "a", "2"))
    store.ask(t.SET_TRACE_TAG, SetTraceTag(f"tr-{ID}", "mlflow.traceName", "g"))
    assert (info(store).tags["a"], info(store).tags["mlflow.traceName"]) == ("2", "g")
    store.ask(t.DELETE_TRACE_TAG, DeleteTraceTag(f"tr-{ID}", "a"))
    store.ask(t.DELETE_TRACE_TAG, DeleteTraceTag(f"tr-{ID}", "mlflow.traceName"))
    assert list(info(store).tags) == ["mlflow.artifactLocation"]
    for key in ("a", "mlflow.traceName"):
        with pytest.raises(MissingResourceError, match=f"No trace tag with key '{key}'"):
            store.ask(t.DELETE_TRACE_TAG, DeleteTraceTag(f"tr-{ID}", key))
    with pytest.raises(InvalidParameterError, match="immutable and cannot be set"):
        store.ask(t.SET_TRACE_TAG, SetTraceTag(f"tr-{ID}", "mlflow.trace.spansLocation", "x"))


def test_nothing_is_half_recorded_where_the_place_is_wrong(store: Store, report: Any) -> None:
    before = store.rows()
    with pytest.raises(MissingResourceError, match="No Experiment with id=77"):
        report(experiment="77")
    with pytest.raises(MissingResourceError, match="No Experiment with id=77"):
        store.export(span(), experiment="77")
    with pytest.raises(MissingResourceError, match="Run with id=none not found"):
        store.export(span(), run="none")
    for trace_id in ("../up", "a/b", "", "x" * 51):
        with pytest.raises(InvalidParameterError, match="Invalid trace ID"):
            report(trace_id)
    with pytest.raises(InvalidParameterError, match="request_time"):
        report(request_time="soon")
    assert store.rows() == before


def test_traces_of_a_run_are_those_made_in_it_and_those_linked_to_it(
    store: Store, report: Any
) -> None:
    run = store.ask(e.CREATE_RUN, CreateRun(experiment_id="0")).run.info.run_id
    report("tr-in", trace_metadata={"mlflow.sourceRun": run})
    store.ask(t.LINK_TRACES_TO_RUN, LinkTracesToRun(run, ("tr-linked", f"tr-{ID}")))
    report("tr-linked")  # a client links while the trace is still on its way
    report("tr-other")
    store.export(span(trace="1" * 32), run=run)
    asked = SearchTraces(locations=_at("0"), filter=f"attribute.run_id = '{run}'")
    ids = {one.trace_id for one in store.ask(t.SEARCH_TRACES, asked).traces}
    assert ids == {"tr-in", "tr-linked", f"tr-{'1' * 32}"}


def _at(*numbers: str) -> tuple[TraceLocation, ...]:
    return tuple(TraceLocation("MLFLOW_EXPERIMENT", ExperimentLocation(n)) for n in numbers)


def test_deletion_takes_everything_of_a_trace_and_nothing_of_others(
    store: Store, report: Any
) -> None:
    for i in range(4):
        report(f"tr-{i}", request_time=f"1970-01-01T00:00:0{i}Z", tags={"k": "v"})
        store.artifacts.put(f"0/traces/tr-{i}/artifacts/traces.json", [b"{}"])
    store.export(span())
    gone = store.ask(t.DELETE_TRACES, DeleteTraces(experiment_id="0", request_ids=("tr-1", "no")))
    assert gone.traces_deleted == 1
    assert [one.path for one in store.artifacts.list("0/traces")] == [
        "0/traces/tr-0", "0/traces/tr-2", "0/traces/tr-3",
    ]  # fmt: skip
    oldest = DeleteTraces(experiment_id="0", max_timestamp_millis=2000, max_traces=2)
    assert store.ask(t.DELETE_TRACES, oldest).traces_deleted == 2
    left = store.ask(t.SEARCH_TRACES, SearchTraces(locations=_at("0"))).traces
    assert [one.trace_id for one in left] == ["tr-2", "tr-3"][::-1]
    elsewhere = DeleteTraces(experiment_id="1", request_ids=("tr-2",))
    assert store.ask(t.DELETE_TRACES, elsewhere).traces_deleted == 0
    rest = DeleteTraces(experiment_id="0", max_timestamp_millis=99_999)
    assert store.ask(t.DELETE_TRACES, rest).traces_deleted == 2
    assert set(store.rows().values()) == {0}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Either `max_timestamp_millis` or `trace_ids` must be specified"),
        ({"max_timestamp_millis": 1, "request_ids": ("a",)}, "Only one of"),
        ({"request_ids": ("a",), "max_traces": 1}, "can't be specified if `trace_ids`"),
        ({"max_timestamp_millis": 1, "max_traces": 0}, "must be a positive integer, received 0"),
    ],
    ids=["nothing", "both", "number of ids", "no number"],
)
def test_a_deletion_that_does_not_say_what_is_refused(
    store: Store, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        store.ask(t.DELETE_TRACES, DeleteTraces(experiment_id="0", **given))


def test_the_traces_of_one_experiment_go_with_it(store: Store, report: Any) -> None:
    other = store.ask(e.CREATE_EXPERIMENT, CreateExperiment(name="other")).experiment_id
    report("tr-kept", tags={"a": "b"}, trace_metadata={"mlflow.sourceRun": "r"})
    store.export(span(trace="2" * 32))
    before = store.rows()
    report("tr-gone", experiment=other, tags={"a": "b"}, trace_metadata={"mlflow.sourceRun": "r"})
    store.export(span(), experiment=other)
    store.database.write(lambda c: traces.delete_of_experiment(c, int(other)))
    assert store.rows() == before


def test_a_client_of_version_2_begins_ends_and_finds_a_trace(store: Store) -> None:
    begun = store.ask(
        t.OLD_START_TRACE,
        OldStartTrace(
            experiment_id="0", timestamp_ms=1000, tags=(Tag("mlflow.traceName", "f"), Tag("a", "1"))
        ),
    ).trace_info
    assert (begun.status, begun.execution_time_ms) == ("IN_PROGRESS", 0)
    ended = store.ask(
        t.OLD_END_TRACE,
        OldEndTrace(
            trace_id=begun.request_id,
            timestamp_ms=1500,
            status="OK",
            request_metadata=(Tag("m", "1"),),
            tags=(Tag("a", "2"),),
        ),
    ).trace_info
    place = f"mlflow-artifacts:/0/traces/{begun.request_id}/artifacts"
    assert ended == OldTraceInfo(
        request_id=begun.request_id,
        experiment_id="0",
        timestamp_ms=1000,
        execution_time_ms=500,
        status="OK",
        request_metadata=(Tag("m", "1"),),
        tags=(
            Tag("a", "2"),
            Tag("mlflow.artifactLocation", place),
            Tag("mlflow.traceName", "f"),
        ),
    )  # fmt: skip
    assert store.ask(t.OLD_GET_TRACE_INFO, OldGetTraceInfo(begun.request_id)).trace_info == ended
    page = OldSearchTraces(experiment_ids=("0",), filter="status = 'OK' AND tags.a = '2'")
    assert store.ask(t.OLD_SEARCH_TRACES, page).traces == (ended,)
