"""What monitoring shows to Prometheus."""

from prometheus_client import Counter, Gauge

from dovetail.wire.monitoring import Alert

EVENTS = Counter(
    "dovetail_monitoring_events",
    "CloudEvents received, by what became of them.",
    ["result"],
)
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


def show_alerts(active: list[Alert]) -> None:
    """Set the gauge of active alerts to exactly these."""
    ALERTS.clear()
    for alert in active:
        ALERTS.labels(alert.model, alert.kind).inc()
