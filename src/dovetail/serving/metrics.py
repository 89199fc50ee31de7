"""Everything that serving counts, as Prometheus families.

`model_infer_request_*`, `rest_server_*`, `grpc_server_*` and `batch_request_queue` have MLServer's
names and labels, so that dashboards made for it go on working; `dovetail_serving_*` are our own.
The numbers lie in `counters` and are turned into families only when somebody asks.
"""

from collections.abc import Iterable, Iterator, Sequence

import prometheus_client
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from dovetail.serving import tallies, tracing, transports
from dovetail.serving.counters import BOARD
from dovetail.serving.payload import queue
from dovetail.serving.routing import shadow
from dovetail.serving.statistics import BOUNDS, INFO, MODEL, QUEUE_BOUNDS, QUEUED, Counts
from dovetail.serving.transports import GRPC, GRPC_CODES, REST, REST_ACTIVE, SECONDS_NS

__all__ = ["Families"]

_MODEL = ("model", "version")
_GRPC = ("grpc_type", "grpc_service", "grpc_method")
_REST = ("method", "path", "status_code", "app_name")
_REASONS = (("full", queue.FULL), ("refused", queue.REFUSED), ("stopped", queue.STOPPED))
_APP = "mlserver"  # what dashboards made for MLServer may filter by


class Families(Collector):
    """Collects what the board has."""

    def collect(self) -> Iterator[Metric]:
        """Yield every family, those without a series too."""
        yield from _models()
        yield from tallies.families()
        yield from _rest()
        yield from _grpc()
        yield from _payload()
        yield _spans()
        yield from shadow.families()


def _models() -> Iterator[Metric]:
    success = CounterMetricFamily(
        "model_infer_request_success", "Inference requests answered.", labels=_MODEL
    )
    failure = CounterMetricFamily(
        "model_infer_request_failure", "Inference requests that failed.", labels=_MODEL
    )
    duration = SummaryMetricFamily(
        "model_infer_request_duration",
        "Seconds from the parsed request to the answer's tensors.",
        labels=_MODEL,
    )
    latency = HistogramMetricFamily(
        "dovetail_serving_request_seconds",
        "Seconds of an answered request, six buckets a decade.",
        labels=_MODEL,
    )
    rows = CounterMetricFamily("dovetail_serving_rows", "Rows answered.", labels=_MODEL)
    executions = CounterMetricFamily(
        "dovetail_serving_executions",
        "Runs of the model; a batch of several requests is one.",
        labels=_MODEL,
    )
    waited = SummaryMetricFamily(
        "dovetail_serving_queue_seconds",
        "Seconds that requests waited to be batched or for a turn.",
        labels=_MODEL,
    )
    active = GaugeMetricFamily(
        "dovetail_serving_requests_in_flight", "Requests being answered now.", labels=_MODEL
    )
    for labels, cells in sorted(BOARD.totals(MODEL).items()):
        c = Counts(cells)
        success.add_metric(labels, c.succeeded)
        failure.add_metric(labels, c.failed)
        ns = c.success_ns + c.failure_ns
        duration.add_metric(labels, count_value=c.succeeded + c.failed, sum_value=ns / 1e9)
        latency.add_metric(labels, _buckets(BOUNDS, c.buckets, 1e9), c.success_ns / 1e9)
        rows.add_metric(labels, c.rows)
        executions.add_metric(labels, c.executions)
        waited.add_metric(labels, count_value=c.queued, sum_value=c.queue_ns / 1e9)
        active.add_metric(labels, c.in_flight)
    yield from (success, failure, duration, latency, rows, executions, waited, active)
    yield from _forms()
    waiting = HistogramMetricFamily(
        "batch_request_queue",
        "Requests that a new one found waiting to be batched.",
        labels=("model_name", "model_version"),
    )
    for labels, cells in sorted(BOARD.totals(QUEUED).items()):
        waiting.add_metric(labels, _buckets(QUEUE_BOUNDS, cells[:-1], 1), cells[-1])
    yield waiting


def _forms() -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "dovetail_serving_model_info",
        "1 for each loaded version: which form of it serves.",
        labels=(*_MODEL, "serves", "original", "compiled"),
    )
    found = sorted(BOARD.totals(INFO))
    for labels in found:
        info.add_metric(labels, 1)
    yield info
    yield GaugeMetricFamily(
        "dovetail_serving_versions_loaded",
        "Versions of models that can answer.",
        len({labels[:2] for labels in found}),
    )


def _rest() -> Iterator[Metric]:
    requests = CounterMetricFamily("rest_server_requests", "Requests over REST.", labels=_REST)
    seconds = HistogramMetricFamily(
        "rest_server_request_duration_seconds", "Seconds of a request over REST.", labels=_REST
    )
    for labels, (count, ns, *buckets) in sorted(BOARD.totals(REST).items()):
        requests.add_metric((*labels, _APP), count)
        seconds.add_metric((*labels, _APP), _buckets(SECONDS_NS, buckets, 1e9), ns / 1e9)
    active = GaugeMetricFamily(
        "rest_server_requests_in_progress",
        "Requests over REST being answered now.",
        labels=("method", "app_name"),
    )
    for labels, cells in sorted(BOARD.totals(REST_ACTIVE).items()):
        active.add_metric((*labels, _APP), cells[0])
    yield from (requests, seconds, active)


def _grpc() -> Iterator[Metric]:
    def counter(name: str, about: str) -> CounterMetricFamily:
        return CounterMetricFamily(f"grpc_server_{name}", about, labels=_GRPC)

    started = counter("started", "Calls over gRPC that have come.")
    received = counter("msg_received", "Messages of gRPC streams that came.")
    sent = counter("msg_sent", "Messages of gRPC streams that went.")
    seconds = HistogramMetricFamily(
        "grpc_server_handling_seconds", "Seconds of a call over gRPC.", labels=_GRPC
    )
    for labels, cells in sorted(BOARD.totals(GRPC).items()):
        started.add_metric(labels, cells[transports.STARTED])
        received.add_metric(labels, cells[transports.RECEIVED])
        sent.add_metric(labels, cells[transports.SENT])
        buckets = _buckets(SECONDS_NS, cells[transports.FIRST_BUCKET :], 1e9)
        seconds.add_metric(labels, buckets, cells[transports.CALLS_NS] / 1e9)
    handled = CounterMetricFamily(
        "grpc_server_handled",
        "Calls over gRPC that were answered, by status.",
        labels=(*_GRPC, "grpc_code"),
    )
    for labels, cells in sorted(BOARD.totals(GRPC_CODES).items()):
        handled.add_metric(labels, cells[0])
    yield from (started, handled, received, sent, seconds)


def _payload() -> Iterator[Metric]:
    sent = CounterMetricFamily(
        "dovetail_serving_payload_events_sent", "Events that a sink has taken.", labels=("sink",)
    )
    dropped = CounterMetricFamily(
        "dovetail_serving_payload_events_dropped",
        "Events dropped: the queue was full, the sink refused them, or the server ended.",
        labels=("sink", "reason"),
    )
    retried = CounterMetricFamily(
        "dovetail_serving_payload_retries",
        "Times that a sink did not take what it was sent and was to be tried again.",
        labels=("sink",),
    )
    waiting = GaugeMetricFamily(
        "dovetail_serving_payload_requests_waiting", "Requests not yet sent.", labels=("sink",)
    )
    held = GaugeMetricFamily(
        "dovetail_serving_payload_bytes_waiting",
        "Bytes of requests not yet sent.",
        labels=("sink",),
    )
    for labels, cells in sorted(BOARD.totals(queue.PAYLOAD).items()):
        sent.add_metric(labels, cells[queue.SENT])
        for reason, cell in _REASONS:
            dropped.add_metric((*labels, reason), cells[cell])
        retried.add_metric(labels, cells[queue.RETRIED])
        waiting.add_metric(labels, cells[queue.WAITING])
        held.add_metric(labels, cells[queue.WAITING_BYTES])
    yield from (sent, dropped, retried, waiting, held)


def _spans() -> Metric:
    spans = CounterMetricFamily(
        "dovetail_serving_spans",
        "Spans of traces: made, taken by the collector (sent), refused by it (lost).",
        labels=("result",),
    )
    for cells in BOARD.totals(tracing.SPANS).values():
        for result, cell in (
            ("made", tracing.MADE),
            ("sent", tracing.SENT),
            ("lost", tracing.LOST),
        ):
            spans.add_metric((result,), cells[cell])
    return spans


def _buckets(bounds: Sequence[int], counts: Iterable[int], unit: float) -> list[tuple[str, float]]:
    """Return cumulative buckets with their bounds as Prometheus writes them."""
    found, total = [], 0
    names = [str(bound / unit) for bound in bounds] + ["+Inf"]
    for name, count in zip(names, counts, strict=True):
        total += count
        found.append((name, float(total)))
    return found


prometheus_client.REGISTRY.register(Families())
