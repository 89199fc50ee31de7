"""What an alert says, in words that name the model, the finding and its strength."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec

from dovetail.monitoring.loss import Loss
from dovetail.monitoring.reference import Reference
from dovetail.wire.monitoring import Alert, ColumnDrift, Drift

_NAMED = 5


@dataclass(frozen=True)
class Context:
    """What a closer look at the day of a finding found.

    Attributes:
        clues: What looks like a broken feed, in words; none where nothing does.
        examples: A few rows that show it.
        segments: The parts of the rows that it sits in, with their shares of it.
    """

    clues: list[str] = field(default_factory=list)
    examples: list[dict[str, Any]] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The part that explains most, as a sentence; "" where none is named."""
        if not self.segments:
            return ""
        best = self.segments[0]
        return (
            f" {best['share']:.0%} of the change is in {best['column']} = {best['segment']}, "
            f"which is {best['rows']:.0%} of the rows."
        )


def guilty_columns(found: Drift) -> list[ColumnDrift]:
    """The columns to name; where none is strong on its own, the strongest is the best place."""
    return [c for c in found.columns if c.evidence > 1] or list(found.columns[:1])


def drift_alert(
    model: str,
    reference: Reference,
    day: str,
    found: Drift,
    at: datetime,
    context: Context,
) -> Alert:
    """The inputs are no longer like the reference."""
    guilty = guilty_columns(found)
    total = sum(max(c.evidence, 0.0) for c in guilty) or 1.0
    names = ", ".join(f"{c.column} ({c.change})" if c.change else c.column for c in guilty[:_NAMED])
    more = f" and {len(guilty) - _NAMED} more" if len(guilty) > _NAMED else ""
    since = min((c.since for c in guilty if c.since is not None), default=date.fromisoformat(day))
    looks = f" It looks like the data: {'; '.join(context.clues[:3])}." if context.clues else ""
    return Alert(
        id="",
        model=model,
        version=reference.version,
        kind="drift",
        severity="warn",
        cause="data" if context.clues else "world",
        day=date.fromisoformat(day),
        raised=at.isoformat(timespec="seconds"),
        message=(
            f"The inputs of {model} version {reference.version} are no longer like its reference "
            f"since about {since}: {names}{more}. Evidence {_odds(found.evidence)}."
            f"{context.where}{looks}"
        ),
        facts={
            "evidence": found.evidence,
            "threshold": found.threshold,
            "since": since.isoformat(),
            "clues": context.clues,
            "examples": context.examples,
            "segments": context.segments,
            "columns": [
                {**msgspec.to_builtins(c), "share": round(max(c.evidence, 0.0) / total, 4)}
                for c in guilty
            ],
        },
    )


def loss_alert(
    model: str, reference: Reference, day: str, found: Loss, at: datetime, context: Context
) -> Alert:
    """Outcomes confirm that the model has become worse."""
    before = reference.loss.mean if reference.loss else None
    what, key = (
        ("Mean error", "mae") if reference.task == "regression" else ("Log-loss", "log_loss")
    )
    since = found.since or day
    latest = found.loss / found.rows if found.rows else None
    compared = ""
    if latest is not None and before is not None:
        compared = f" {what} {latest:.3f} now, {before:.3f} on the reference."
    return Alert(
        id="",
        model=model,
        version=reference.version,
        kind="performance",
        severity="alarm",
        day=date.fromisoformat(day),
        raised=at.isoformat(timespec="seconds"),
        message=(
            f"Outcomes confirm that {model} version {reference.version} has become worse since "
            f"about {since}.{compared} Evidence {_odds(found.evidence)}.{context.where}"
        ),
        facts={
            "evidence": found.evidence,
            "threshold": found.threshold,
            "since": since,
            key: latest,
            f"reference_{key}": before,
            "rows": found.rows,
            "examples": context.examples,
            "segments": context.segments,
        },
    )


def _odds(evidence: float) -> str:
    """Evidence as odds, from its decimal logarithm."""
    if evidence >= 6:
        return f"10^{evidence:.0f} to 1"
    return f"{10**evidence:,.0f} to 1"
