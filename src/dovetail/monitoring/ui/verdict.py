"""Is the model still right, in a sentence: drift, performance, outliers and the feed."""

import math
from collections.abc import Sequence

import msgspec

from dovetail.monitoring.assessor import Assessment
from dovetail.monitoring.reference import Reference
from dovetail.wire.monitoring import Alert, Figures, OutlierDay

__all__ = ["Part", "Verdict", "verdict"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One of the things that are watched.

    Attributes:
        title: "Inputs", "Performance", "Single rows" or "Feed".
        value: How it is, in a word or a figure.
        note: What that is measured against.
        level: "ok", "warn", "alarm" or "idle".
        clause: The same as a part of the sentence.
    """

    title: str
    value: str
    note: str
    level: str
    clause: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What all of it comes to."""

    sentence: str
    level: str
    parts: list[Part]


def verdict(
    model: str,
    alerts: Sequence[Alert],
    latest: Sequence[Assessment],
    recent: Figures,
    references: Sequence[Reference],
    outliers: Sequence[OutlierDay],
    feed: tuple[str, str],
) -> Verdict:
    """Say how a model is.

    Args:
        model: Its name.
        alerts: Those that are active.
        latest: The last assessment of each kind of the versions that answered last.
        recent: Figures of the last four weeks.
        references: Of the versions that answered in them.
        outliers: Of the last day.
        feed: When something last arrived, and what a silent feed is measured against.
    """
    active = {alert.kind: alert for alert in reversed(alerts)}
    parts = [
        _inputs(active.get("drift"), latest, bool(references)),
        _performance(active.get("performance"), latest, recent, references),
        _rows(outliers, bool(references)),
        _feed(active.get("feed"), *feed),
    ]
    bad = [part for part in parts if part.level in ("warn", "alarm")]
    rest = [part for part in parts if part.level == "ok"]
    if bad:
        level = "alarm" if any(part.level == "alarm" for part in bad) else "warn"
        said = _listed([part.clause for part in bad])
        return Verdict(sentence=f"{model} needs a look: {said}.", level=level, parts=parts)
    if not any(part.title != "Feed" for part in rest):
        sentence = f"Nothing can be said of {model} yet: {_todo(recent, bool(references))}."
        return Verdict(sentence=sentence, level="idle", parts=parts)
    said = _listed([part.clause for part in rest])
    if not references:
        sentence = f"Nothing says whether {model} has changed, for no reference is set: {said}."
        return Verdict(sentence=sentence, level="idle", parts=parts)
    return Verdict(
        sentence=f"{model} is as it was validated, as far as is known: {said}.",
        level="ok",
        parts=parts,
    )


def _todo(recent: Figures, has_reference: bool) -> str:
    """What a model lacks of which nothing is known."""
    if not recent.predictions:
        return "send its payload log"
    if not has_reference:
        return "put a reference of the version that answers"
    return "no day is closed"


def _inputs(alert: Alert | None, latest: Sequence[Assessment], has_reference: bool) -> Part:
    title, share = "Inputs", _share(latest, "drift")
    if alert is not None:
        names = [str(one.get("column", "")) for one in alert.facts.get("columns", ())]
        since = alert.facts.get("since") or alert.day
        why = "a broken feed, it seems" if alert.cause == "data" else ", ".join(names[:3])
        level = "alarm" if alert.severity == "alarm" else "warn"
        clause = f"its inputs have changed since about {since} ({why})"
        return _part(title, "changed", f"since about {since}: {why}", level, clause)
    if share is None:
        note = "no closed day yet" if has_reference else "no reference is set"
        return _part(title, "not watched", note, "idle")
    note = f"{share:.0%} of the evidence that an alarm takes"
    return _part(title, "as on the reference", note, "ok", "the inputs are like the reference")


def _performance(
    alert: Alert | None,
    latest: Sequence[Assessment],
    recent: Figures,
    references: Sequence[Reference],
) -> Part:
    title, share = "Performance", _share(latest, "performance")
    known = [r.performance.auc for r in references if r.performance and r.performance.auc]
    before = f", {known[-1]:.3f} on the reference" if known else ""
    now = f"AUC {recent.auc:.3f}" if recent.auc is not None else ""
    if recent.accuracy is not None:
        now = f"accuracy {recent.accuracy:.3f}"
    if alert is not None:
        since = alert.facts.get("since") or alert.day
        note = f"worse since about {since}{before}"
        clause = f"outcomes confirm that it has become worse since about {since}"
        return _part(title, now or "worse", note, "alarm", clause)
    if share is not None:
        note = f"{share:.0%} of the evidence that an alarm takes{before}"
        return _part(title, now or "no worse", note, "ok", "outcomes show it no worse")
    if now:
        return _part(title, now, f"realised{before}, without evidence", "ok", f"its {now} is known")
    if recent.estimated_auc is not None:
        said = f"AUC {recent.estimated_auc:.3f}"
        note = f"estimated, no outcome yet{before}"
        return _part(title, said, note, "ok", f"an estimated {said} while no outcome is known")
    if recent.outcomes:
        return _part(title, "see below", f"{recent.outcomes:,} outcomes", "idle")
    return _part(title, "not known", "no outcome yet, no labelled reference", "idle")


def _rows(outliers: Sequence[OutlierDay], has_reference: bool) -> Part:
    title = "Single rows"
    watched = [day for day in outliers if day.alarm_rate is not None and day.rows]
    if not watched:
        lack = "no rows on the last day" if has_reference else "no reference is set"
        why = next((day.why for day in outliers if day.why), lack)
        return _part(title, "not watched", why.removesuffix("."), "idle")
    flagged, rows = sum(d.flagged for d in watched), sum(d.rows for d in watched)
    due = sum(d.rows * (d.alarm_rate or 0.0) for d in watched)
    level = "warn" if flagged > due + 4 * math.sqrt(due) + 3 else "ok"
    note = f"of {rows:,} on the last day; {due:.1f} are due"
    clause = f"{flagged:,} of {rows:,} rows are unlike the reference, where {due:.1f} are due"
    if level == "ok":
        clause = "single rows are as usual"
    return _part(title, f"{flagged:,} unlike the reference", note, level, clause)


def _feed(alert: Alert | None, said: str, note: str) -> Part:
    if alert is not None:
        since = f"since {str(alert.facts.get('since', '')).replace('T', ' ')[:16]}"
        return _part("Feed", "silent", since, "alarm", f"its feed is silent {since}")
    level = "ok" if said else "idle"
    return _part("Feed", said or "not judged", note, level, "events arrive" if said else "")


def _share(latest: Sequence[Assessment], kind: str) -> float | None:
    found = [
        max(0.0, one.found.evidence) / one.found.threshold for one in latest if one.kind == kind
    ]
    return max(found, default=None)


def _part(title: str, value: str, note: str, level: str, clause: str = "") -> Part:
    return Part(title=title, value=value, note=note, level=level, clause=clause)


def _listed(clauses: Sequence[str]) -> str:
    said = [clause for clause in clauses if clause]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
