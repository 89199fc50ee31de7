"""When does a retraining pay? Pure functions.

A retraining has a cost, stated by the user in the same unit as the harm that a stale model does:
log-loss summed over predictions. The harm is estimated from two sources:

- What recalibration alone would save on recent labelled traffic. A logistic recalibration
  (Platt 1999; Cox 1958) fitted on the window, less what it gains by chance (one half per fitted
  parameter and row, Akaike 1974), is a lower bound of what a fresh model would save.
- What ageing has cost before. Each finished comparison measured how much a fresh model saved
  after so many days; the average per day of age, shrunk towards the configured `staleness`,
  predicts what the present champion has lost by now.

The larger of the two, times the predictions expected over `horizon` days, is weighed against the
cost.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.loop.compare import log_loss
from dovetail.loop.settings import LoopSettings

__all__ = ["Decision", "Lesson", "decide", "recalibration_gain"]

Reason = Literal["pays", "age", "young", "no labels", "not yet"]
PRIOR_DAYS = 60.0
NEWTON_STEPS = 12


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What one comparison taught: the gain of a fresh model over one of some age.

    Attributes:
        age: days since the champion's training data ended.
        gain: log-loss that the fresh model saved per row.
    """

    age: int
    gain: float


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether to retrain, and the figures behind it.

    Attributes:
        retrain: the answer.
        reason: `pays`, `age`, `young`, `no labels` or `not yet`.
        text: the reason in words.
        age: days since the champion's training data ended.
        recalibration: log-loss per row that recalibration alone would save.
        ageing: log-loss per row that ageing is expected to have cost.
        expected: log-loss that a retraining is expected to save over the horizon.
        cost: what it costs, in the same unit.
    """

    retrain: bool
    reason: Reason
    text: str
    age: int
    recalibration: float
    ageing: float
    expected: float
    cost: float


def decide(
    settings: LoopSettings,
    *,
    age: int,
    scores: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int8],
    days: int,
    lessons: Sequence[Lesson],
) -> Decision:
    """Weigh a retraining.

    Args:
        settings: costs and limits.
        age: days since the champion's training data ended.
        scores: the champion's scores over the window, shape [rows].
        labels: what came true, shape [rows].
        days: days in the window.
        lessons: what earlier comparisons taught, oldest first.
    """
    rate = _ageing_rate(settings.staleness, lessons)
    recalibration = recalibration_gain(scores, labels)
    daily = len(labels) / max(days, 1)
    per_row = max(recalibration, rate * age)
    expected = per_row * daily * settings.horizon
    weighed = (
        f"expected to save {expected:.0f} over {settings.horizon} days, costs {settings.cost:.0f}"
    )

    def answer(retrain: bool, reason: Reason, text: str) -> Decision:
        return Decision(
            retrain=retrain,
            reason=reason,
            text=text,
            age=age,
            recalibration=recalibration,
            ageing=rate * age,
            expected=expected,
            cost=settings.cost,
        )

    if len(labels) == 0:
        return answer(False, "no labels", "no outcome is known yet")
    if age < settings.min_age:
        young = f"the champion is {age} days old, younger than {settings.min_age}"
        return answer(False, "young", young)
    if expected > settings.cost:
        return answer(True, "pays", weighed)
    if age >= settings.max_age:
        old = f"the champion is {age} days old, the limit is {settings.max_age}"
        return answer(True, "age", old)
    return answer(False, "not yet", weighed)


def _ageing_rate(prior: float, lessons: Sequence[Lesson]) -> float:
    """Return log-loss per row and day of age: the prior counts as `PRIOR_DAYS` of experience."""
    gained = sum(max(lesson.gain, 0.0) for lesson in lessons)
    days = sum(lesson.age for lesson in lessons)
    return (prior * PRIOR_DAYS + gained) / (PRIOR_DAYS + days)


def recalibration_gain(scores: npt.NDArray[np.float64], labels: npt.NDArray[np.int8]) -> float:
    """Return the log-loss per row that a logistic recalibration would save, at least 0.

    Args:
        scores: probabilities, shape [rows].
        labels: 0 or 1, shape [rows].
    """
    rows = len(labels)
    if rows == 0 or labels.min() == labels.max():
        return 0.0
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    logit = np.log(clipped / (1 - clipped))
    design = np.stack([np.ones(rows), logit], axis=1)
    weights = np.array([0.0, 1.0])
    for _ in range(NEWTON_STEPS):
        fitted = 1 / (1 + np.exp(-(design @ weights)))
        curvature = fitted * (1 - fitted)
        hessian = design.T @ (design * curvature[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (labels - fitted))
        weights = weights + step
        if float(np.abs(step).max()) < 1e-8:
            break
    fitted = 1 / (1 + np.exp(-(design @ weights)))
    saved = float(log_loss(clipped, labels).mean() - log_loss(fitted, labels).mean())
    return max(0.0, saved - len(weights) / (2 * rows))
