"""Has the model become worse? Realised losses against those of the reference, as they arrive.

The inputs may drift without harm, and a model may fail without drift; only outcomes tell. Each
labelled row's loss (the log-loss, or the absolute error of a regression) is ranked among the losses
of the reference and of all rows before it, and bets are placed on larger ones, with the same alarm
budget as for drift. Half of the bets of a classifier are on the loss beyond what its probabilities
promise: without the noise of hard and easy rows, a changed world shows sooner.
"""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from dovetail.monitoring import scores as scoring
from dovetail.monitoring.drift import Watch, decimal
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.reference import ERROR, Reference

_DECIMAL = math.log(10)


class Loss(Struct, frozen=True, kw_only=True):
    """How sure it is that the loss has risen.

    Attributes:
        rows: Labelled rows that were new.
        loss: Their summed loss.
        evidence: Decimal logarithm of the evidence so far.
        threshold: Where the alarm budget lets it become an alarm.
        alarm: Whether it is over that.
        since: The day from which on the loss most likely has been higher.
    """

    rows: int
    loss: float
    evidence: float
    threshold: float
    alarm: bool
    since: str | None = None


def watch_loss(reference: Reference) -> Watch | None:
    """Watch the loss of a version; None where its reference has no labels."""
    if reference.loss is None:
        return None
    streams = [reference.loss, *([reference.surprise] if reference.surprise else [])]
    return Watch.fresh(streams, season=reference.season, upward=True)


def assess_loss(
    watch: Watch, day: str, scores: Floats, labels: Floats, *, alpha: float, about: str = ""
) -> Loss:
    """Add newly labelled rows and say how sure a loss of quality is.

    Args:
        watch: The evidence so far; it moves on.
        day: The day on which the outcomes are counted.
        scores: Probabilities of the positive class, or numbers predicted; of several classes the
            probabilities, shape (n, K).
        labels: What came true: 0 or 1, a number where the watch is of a regression, or the
            position of the class.
        alpha: The chance of a false alarm that a quiet year may have.
        about: What is watched.
    """
    if watch.profiles[0].name == ERROR:
        errors = np.abs(scores - labels)
        return assess_losses(watch, day, [errors[np.isfinite(errors)]], alpha=alpha, about=about)
    if scores.ndim > 1:
        fit = scoring.readable(scores) & (labels >= 0) & (labels < scores.shape[1])
        scores, labels = scores[fit], labels[fit]
        both = [scoring.class_losses(scores, labels), scoring.class_surprises(scores, labels)]
        return assess_losses(watch, day, both, alpha=alpha, about=about)
    fit = np.isfinite(scores) & (scores >= 0) & (scores <= 1) & ((labels == 0) | (labels == 1))
    streams = [
        scoring.log_losses(scores[fit], labels[fit]),
        scoring.surprises(scores[fit], labels[fit]),
    ]
    return assess_losses(watch, day, streams, alpha=alpha, about=about)


def assess_losses(
    watch: Watch, day: str, streams: Sequence[Floats], *, alpha: float, about: str = ""
) -> Loss:
    """The same for losses of any kind, those of the watch's reference.

    Args:
        watch: The evidence so far; it moves on.
        day: The day on which the outcomes are counted.
        streams: The loss of each newly labelled row, shape (n,), then what else is watched; those
            beyond the streams of the watch, which an older reference may lack, are left out.
        alpha: The chance of a false alarm that a quiet year may have.
        about: What is watched.
    """
    losses = streams[0]
    counts = [p.count(values) for p, values in zip(watch.profiles, streams, strict=False)]
    evidence = watch.step(day, counts, about)
    strongest = int(evidence.streams.argmax())
    threshold = -math.log(alpha)
    suspicious = evidence.log_e > _DECIMAL
    return Loss(
        rows=len(losses),
        loss=float(losses.sum()),
        evidence=decimal(evidence.log_e),
        threshold=threshold / _DECIMAL,
        alarm=evidence.log_e >= threshold,
        since=watch.days[int(evidence.since[strongest])][0] if suspicious else None,
    )
