"""The charts of a model's page: performance over time, evidence, calibration."""

from collections.abc import Mapping, Sequence
from datetime import date

from dovetail.monitoring.assessor import Assessment
from dovetail.web.charts import Chart, Mark, Series, moments
from dovetail.wire.monitoring import Alert, Figures, Point

__all__ = ["calibration_chart", "evidence_chart", "figure_chart"]

_TITLES = {"auc": "ROC AUC", "log_loss": "Log-loss", "accuracy": "Accuracy"}
_EVIDENCE = {
    "drift": "Evidence that the inputs have changed (log10)",
    "performance": "Evidence that losses have risen (log10)",
}


def figure_chart(
    name: str,
    lines: Mapping[str, Mapping[str, Figures]],
    alerts: list[Alert],
    reference: float | None = None,
) -> Chart | None:
    """A chart of one figure.

    Args:
        name: "auc", "log_loss" or "accuracy".
        lines: For each role the figures by the first day of their period.
        alerts: Drawn where they were raised.
        reference: The figure on the reference.

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
    if reference is not None:
        series.append(Series(label="On the reference", values=[reference] * len(days), quiet=True))
    at = [date.fromisoformat(day) for day in days]
    return Chart(title=_TITLES[name], x=moments(at), series=series, marks=_marks(alerts), digits=3)


def evidence_chart(
    kind: str, version: str, found: Sequence[Assessment], alerts: Sequence[Alert]
) -> Chart | None:
    """How evidence grew day by day, and how much an alarm takes; None with under two days."""
    mine = [one for one in found if (one.kind, one.version) == (kind, version)]
    if len(mine) < 2:
        return None
    raised = [a for a in alerts if (a.kind, a.version) == (kind, version)]
    return Chart(
        title=f"{_EVIDENCE[kind]}, version {version}",
        x=moments([date.fromisoformat(one.day) for one in mine]),
        series=[
            Series(label="Evidence", values=[one.found.evidence for one in mine]),
            Series(
                label="What an alarm takes",
                values=[one.found.threshold for one in mine],
                quiet=True,
            ),
        ],
        marks=_marks(raised),
        digits=1,
    )


def calibration_chart(points: Sequence[Point]) -> Chart | None:
    """What share came true at each promised probability, beside what was promised."""
    if len(points) < 2:
        return None
    scores = [one.score for one in points]
    return Chart(
        title="Share that came true, by predicted probability",
        x=scores,
        series=[
            Series(
                label="Came true",
                values=[one.share for one in points],
                low=[one.low for one in points],
                high=[one.high for one in points],
            ),
            Series(label="As predicted", values=list(scores), quiet=True),
        ],
        time=False,
        digits=2,
        y_min=0.0,
        y_max=1.0,
    )


def _marks(alerts: Sequence[Alert]) -> list[Mark]:
    return [
        Mark(
            x=moments([alert.day])[0],
            label=f"{alert.kind}, version {alert.version}" if alert.version else alert.kind,
            level="alarm" if alert.severity == "alarm" else "warn",
            href=f"#{alert.id}" if alert.status != "resolved" else "#alerts",
        )
        for alert in reversed(alerts)
        if alert.day is not None
    ]


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
        values=[getattr(f, name, None) for f in held],  # no accuracy is estimated
        low=[b[0] if b else None for b in bounds] if interval else [],
        high=[b[1] if b else None for b in bounds] if interval else [],
        quiet=not interval,
    )
