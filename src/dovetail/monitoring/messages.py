"""What an alert says, in words that name the model, the finding and its strength."""

from datetime import date, datetime

import msgspec

from dovetail.monitoring.loss import Loss
from dovetail.monitoring.reference import Reference
from dovetail.wire.monitoring import Alert, Drift

_NAMED = 5


def drift_alert(model: str, reference: Reference, day: str, found: Drift, at: datetime) -> Alert:
    """The inputs are no longer like the reference."""
    # Where no column is strong on its own, the strongest is still the best place to look.
    guilty = [c for c in found.columns if c.evidence > 1] or list(found.columns[:1])
    names = ", ".join(f"{c.column} ({c.change})" if c.change else c.column for c in guilty[:_NAMED])
    more = f" and {len(guilty) - _NAMED} more" if len(guilty) > _NAMED else ""
    since = min((c.since for c in guilty if c.since is not None), default=date.fromisoformat(day))
    return Alert(
        id="",
        model=model,
        version=reference.version,
        kind="drift",
        severity="warn",
        day=date.fromisoformat(day),
        raised=at.isoformat(timespec="seconds"),
        message=(
            f"The inputs of {model} version {reference.version} are no longer like its reference "
            f"since about {since}: {names}{more}. Evidence {_odds(found.evidence)}."
        ),
        facts={
            "evidence": found.evidence,
            "threshold": found.threshold,
            "since": since.isoformat(),
            "columns": [msgspec.to_builtins(c) for c in guilty],
        },
    )


def loss_alert(model: str, reference: Reference, day: str, found: Loss, at: datetime) -> Alert:
    """Outcomes confirm that the model has become worse."""
    before = reference.performance.log_loss if reference.performance else None
    since = found.since or day
    latest = found.loss / found.rows if found.rows else None
    compared = f" Log-loss {latest:.3f} now, {before:.3f} on the reference." if latest else ""
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
            f"about {since}.{compared} Evidence {_odds(found.evidence)}."
        ),
        facts={
            "evidence": found.evidence,
            "threshold": found.threshold,
            "since": since,
            "log_loss": latest,
            "reference_log_loss": before,
            "rows": found.rows,
        },
    )


def _odds(evidence: float) -> str:
    """Evidence as odds, from its decimal logarithm."""
    if evidence >= 6:
        return f"10^{evidence:.0f} to 1"
    return f"{10**evidence:,.0f} to 1"
