"""What the page of one model shows: is it still right, since when not, why, and what was done."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

import msgspec

from dovetail.monitoring.assessor import Assessment
from dovetail.monitoring.handlers import RECENT, Monitoring
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.ui.cards import Card, Deed, cards, deeds
from dovetail.monitoring.ui.charts import calibration_chart, evidence_chart, figure_chart
from dovetail.monitoring.ui.confusion import Confusions, confusions
from dovetail.monitoring.ui.links import VersionLink
from dovetail.monitoring.ui.measures import Measures
from dovetail.monitoring.ui.verdict import Verdict, verdict
from dovetail.web.charts import Chart
from dovetail.web.formats import age
from dovetail.wire.monitoring import Alert, Day, Drift, Feed, Figures, OutlierDay, Quality

__all__ = ["ModelPage", "model_page"]

NAMES = {
    "auc": "AUC",
    "f1": "F1",
    "micro_f1": "micro F1",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R2",
}
"""How figures are written that are known by their letters."""
_BY_DAY = 92
_EARLIER = 20
_OUTLIERS = 10


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows.

    Attributes:
        model: Its name.
        verdict: Is it still right.
        cards: The active alerts, the worst first.
        earlier: The resolved ones, newest first.
        deeds: What was done with alerts, newest first.
        last: The last day that holds predictions, "" before the first.
        recent: Figures of the last four weeks up to it.
        period: Whether the charts go by "day" or "week".
        charts: Performance over time.
        evidence: Evidence over time, but that of the cards.
        drift_day: The last day with an assessment of the inputs.
        drift: What it found, for each version.
        quality: All figures of the latest days, which are `quality_days`.
        names: How figures are written whose names are abbreviations.
        calibration: Probabilities beside what came true.
        confusions: Which classes are taken for which; None for a model without classes.
        columns: What the rows can be split by.
        by: What they are split by.
        segment_columns: The columns of the table of segments.
        outliers: Rows of the last day that are unlike the reference.
        versions: Who answered, beside their references.
        feed: Whether something arrives.
    """

    model: str
    verdict: Verdict
    cards: list[Card]
    earlier: list[Alert]
    deeds: list[Deed]
    last: str
    recent: Figures
    days: int
    period: str
    charts: list[Chart]
    evidence: list[Chart]
    drift_day: date | None
    drift: list[dict[str, Any]]
    quality: Quality | None
    names: dict[str, str]
    quality_days: list[str]
    calibration: Chart | None
    confusions: Confusions | None
    columns: list[str]
    by: str
    segment_columns: list[dict[str, str]]
    outliers: list[OutlierDay]
    versions: list[dict[str, Any]]
    feed: Feed
    href: str


def model_page(
    monitoring: Monitoring, measures: Measures, version_page: VersionLink, model: str, by: str
) -> ModelPage:
    """Gather all that the page of one model shows.

    Args:
        monitoring: Where it is from.
        measures: Keeps what is dear to compute.
        version_page: Where the page of a version is.
        model: The model.
        by: A feature to split the rows by, "" for none.
    """
    days = monitoring.days(model, "", "", Choice())
    last = days[-1].day.isoformat() if days else ""
    references = monitoring.references.of(model)
    alerts = monitoring.find_alerts("", model)
    active = [alert for alert in alerts if alert.status != "resolved"]
    found = monitoring.assessor.between(model, "", "9999-12-31")
    recent = _recent(monitoring, model, last) if last else Figures()
    shown = [references[v] for v in recent.versions if v in references]
    outliers = measures.outliers(model, last) if last else []
    drift = next((day for day in reversed(days) if day.drift), None)
    feed = monitoring.feeds.state(model)
    quality, quality_days = measures.quality(model, days, by)
    columns = [column.name for reference in shown[-1:] for column in reference.columns]
    return ModelPage(
        model=model,
        verdict=verdict(model, active, _latest(found), recent, shown, outliers, _heard(feed, last)),
        cards=cards(active, found, alerts, version_page),
        earlier=[alert for alert in alerts if alert.status == "resolved"][:_EARLIER],
        deeds=deeds(monitoring.alerts.done(model)),
        last=last,
        recent=recent,
        days=RECENT,
        period="week" if len(days) > _BY_DAY else "day",
        charts=_charts(monitoring, model, days, alerts, shown),
        evidence=_evidence(found, alerts, active),
        drift_day=drift.day if drift else None,
        drift=[_drift(v, one) for v, one in drift.drift.items()] if drift else [],
        quality=quality,
        names=NAMES,
        quality_days=quality_days,
        calibration=calibration_chart(quality.reliability) if quality else None,
        confusions=confusions(quality),
        columns=columns,
        by=by,
        segment_columns=_segment_columns(quality, by),
        outliers=[
            msgspec.structs.replace(one, outliers=one.outliers[:_OUTLIERS]) for one in outliers
        ],
        versions=_versions(monitoring, model, references, version_page),
        feed=feed,
        href=f"/monitoring/{quote(model, safe='')}",
    )


def _recent(monitoring: Monitoring, model: str, last: str) -> Figures:
    """The figures of the last four weeks that hold anything."""
    start = date.fromordinal(max(1, date.fromisoformat(last).toordinal() - RECENT + 1))
    return monitoring.performance(model, start.isoformat(), last, Choice())


def _latest(found: Sequence[Assessment]) -> list[Assessment]:
    """The last assessment of each kind, of the versions that were assessed on the last day."""
    last = max((one.day for one in found), default="")
    versions = {one.version for one in found if one.day == last}
    latest = {(one.version, one.kind): one for one in found if one.version in versions}
    return list(latest.values())


def _heard(feed: Feed, last: str) -> tuple[str, str]:
    """When something last arrived, and when silence will mean something."""
    if feed.last is None:
        return "", f"no event of today; the last day is {last}" if last else "nothing has arrived"
    said = f"heard {age(feed.last)}"
    if feed.silent_at is None:
        return said, "a week must pass until silence can be judged"
    return said, f"silence is told from {feed.silent_at:%Y-%m-%d %H:%M} UTC on"


def _charts(
    monitoring: Monitoring,
    model: str,
    days: Sequence[Day],
    alerts: list[Alert],
    references: Sequence[Reference],
) -> list[Chart]:
    lines = {}
    for role in ("live", "shadow"):
        choice = Choice(role)
        if len(days) > _BY_DAY:
            lines[role] = monitoring.weeks(model, choice)
        else:
            lines[role] = {d.day.isoformat(): d for d in monitoring.days(model, "", "", choice)}
    before = references[-1].performance if references else None
    made = [
        figure_chart("auc", lines, alerts, before.auc if before else None),
        figure_chart("log_loss", lines, alerts, before.log_loss if before else None),
        figure_chart("accuracy", lines, alerts),
    ]
    return [chart for chart in made if chart is not None]


def _evidence(
    found: Sequence[Assessment], alerts: Sequence[Alert], active: Sequence[Alert]
) -> list[Chart]:
    """The curves of the latest versions that no card shows."""
    shown = {(alert.kind, alert.version) for alert in active}
    pairs = {(one.kind, one.version) for one in _latest(found)} - shown
    made = [evidence_chart(kind, version, found, alerts) for kind, version in sorted(pairs)]
    return [chart for chart in made if chart is not None]


def _segment_columns(quality: Quality | None, by: str) -> list[dict[str, str]]:
    heads = quality.realised[:4] if quality else []
    return [
        {"key": "name", "title": by},
        {"key": "rows", "title": "Predictions", "kind": "number"},
        {"key": "labelled", "title": "Outcomes", "kind": "number"},
        *(
            {"key": h.name, "title": NAMES.get(h.name, h.name.replace("_", " ")), "kind": "number"}
            for h in heads
        ),
    ]


def _drift(version: str, found: Drift) -> dict[str, Any]:
    return {
        "version": version,
        "rows": found.rows,
        "evidence": found.evidence,
        "threshold": found.threshold,
        "alarm": found.alarm,
        "columns": list(found.columns),
    }


def _versions(
    monitoring: Monitoring,
    model: str,
    references: dict[str, Reference],
    version_page: VersionLink,
) -> list[dict[str, Any]]:
    rows = []
    answered = monitoring.store.versions(model)
    silent = [("none yet", v) for v in references if v not in {version for _, version in answered}]
    for role, version in [*answered, *silent]:
        figures = Figures()
        if (role, version) in answered:
            figures = monitoring.performance(model, "", "", Choice(role, version))
        reference = references.get(version)
        before = reference.performance if reference else None
        rows.append(
            {
                "version": version or "(none)",
                "href": version_page(model, version),
                "role": role,
                "predictions": figures.predictions,
                "outcomes": figures.outcomes,
                "auc": figures.auc,
                "reference_auc": before.auc if before else None,
                "log_loss": figures.log_loss,
                "reference_log_loss": before.log_loss if before else None,
                "reference": _reference(reference) if reference else "",
                "digest": reference.digest[:12] if reference else "",
                "profile": _profile(model, version) if reference else "",
            }
        )
    return rows


def _profile(model: str, version: str) -> str:
    """Where the file of a reference is."""
    name = quote(model, safe="")
    return f"/monitoring/models/{name}/reference?version={quote(version, safe='')}"


def _reference(reference: Reference) -> str:
    columns = len(reference.columns)
    parts = [f"{reference.rows:,} rows", f"{columns} column{'s' * (columns != 1)}"]
    parts += ["labelled"] if reference.loss else ["no labels"]
    parts += [f"by {reference.season}"] if reference.season else []
    return ", ".join(parts)
