"""What monitoring shows to Prometheus."""

from collections.abc import Mapping

from prometheus_client import Counter, Gauge

EVENTS = Counter(
    "dovetail_monitoring_events",
    "CloudEvents received, by what became of them.",
    ["result"],
)
DELIVERIES = Counter(
    "dovetail_monitoring_deliveries",
    "Attempts to tell a receiver of an alert, by what became of them.",
    ["receiver", "result"],
)
TAPPED = Counter(
    "dovetail_monitoring_tapped",
    "Inferences that passed the tap: logged, unreadable, or dropped because the log was behind.",
    ["result"],
)
TABLE_ROWS = Counter(
    "dovetail_monitoring_table_rows",
    "Rows read from tables, by table: read, or refused for want of an id or a time.",
    ["table", "result"],
)
_RESULTS = tuple(EVENTS.labels(result) for result in ("accepted", "duplicates", "ignored"))
EVIDENCE = Gauge(
    "dovetail_monitoring_evidence",
    "Decimal logarithm of the evidence that inputs (drift) or losses (performance) have changed.",
    ["model", "version", "kind"],
)
ALERTS = Gauge(
    "dovetail_monitoring_active_alerts",
    "Alerts that are open or acknowledged.",
    ["model", "kind"],
)


def count_events(accepted: int, duplicates: int, ignored: int) -> None:
    """Count the events of a call."""
    for counter, number in zip(_RESULTS, (accepted, duplicates, ignored), strict=True):
        if number:
            counter.inc(number)


def show_alerts(active: Mapping[tuple[str, str], int]) -> None:
    """Set the gauge of active alerts to exactly these, by model and kind."""
    ALERTS.clear()
    for (model, kind), number in active.items():
        ALERTS.labels(model, kind).set(number)
