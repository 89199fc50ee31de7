"""Realised beside estimated performance over time, with the alerts on the same axis."""

from collections.abc import Mapping
from datetime import date

from dovetail.web.charts import Chart, Mark, Series, moments
from dovetail.wire.monitoring import Alert, Figures

_TITLES = {"auc": "ROC AUC", "log_loss": "Log-loss"}


def figure_chart(
    name: str, lines: Mapping[str, Mapping[str, Figures]], alerts: list[Alert]
) -> Chart | None:
    """A chart of one figure.

    Args:
        name: "auc" or "log_loss".
        lines: For each role the figures by the first day of their period.
        alerts: Drawn where they were raised.

    Returns:
        The chart, or None where there is no figure of that name yet.
    """
    days = sorted({day for figures in lines.values() for day in figures})
    live, shadow = lines.get("live", {}), lines.get("shadow", {})
    series = [
        _series("Realised", live, days, name, interval=True),
        _series("Estimated without outcomes", live, days, f"estimated_{name}"),
        _series("Shadow, realised", shadow, days, name),
    ]
    series = [line for line in series if any(value is not None for value in line.values)]
    if not series:
        return None
    at = [date.fromisoformat(day) for day in days]
    marks = [
        Mark(
            x=moments([alert.day])[0],
            label=f"{alert.kind}, version {alert.version}",
            level="alarm" if alert.severity == "alarm" else "warn",
            href="#alerts",
        )
        for alert in reversed(alerts)
        if alert.day is not None
    ]
    return Chart(title=_TITLES[name], x=moments(at), series=series, marks=marks, digits=3)


def _series(
    label: str,
    figures: Mapping[str, Figures],
    days: list[str],
    name: str,
    *,
    interval: bool = False,
) -> Series:
    held = [figures.get(day, Figures()) for day in days]
    bounds = [getattr(f, f"{name}_interval") if interval else None for f in held]
    return Series(
        label=label,
        values=[getattr(f, name) for f in held],
        low=[b[0] if b else None for b in bounds] if interval else [],
        high=[b[1] if b else None for b in bounds] if interval else [],
        quiet=not interval,
    )
