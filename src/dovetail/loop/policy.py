"""When does a retraining pay? Pure functions.

A retraining has a cost, stated by the user in the same unit as the harm that a stale model does:
log-loss summed over predictions. The harm is estimated from two sources:

- What recalibration alone would save on recent labelled traffic. A logistic recalibration
  (Platt 1999; Cox 1958) fitted on the window, less what it gains by chance (one half per fitted
  parameter and row, Akaike 1974), is a lower bound of what a fresh model would save.
- What ageing has cost before. Each finished comparison measured how much a fresh model saved
  over one that was so many days older; the average per day of age, shrunk towards the configured
  `staleness`, predicts what the present champion has lost by now. Comparisons that the fresh
  model lost count against it, so that a loop which retrains in vain learns to wait.

- A champion that has stood a comparison starts afresh there: what was measured then, plus what
  ageing is expected to have cost since.

The larger of the two, times the predictions expected over `horizon` days, is weighed against the
cost.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.loop.compare import EDGE, log_loss
from dovetail.loop.settings import LoopSettings

__all__ = ["Decision", "Lesson", "Trial", "decide", "recalibration_gain"]

Reason = Literal["pays", "age", "young", "no labels", "not yet"]
PRIOR_DAYS = 60.0
NEWTON_STEPS = 25
TINY = 1e-12
Floats = npt.NDArray[np.floating]


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What one comparison taught: the gain of a fresh model over an older one.

    Attributes:
        age: days by which the older one's training data ended earlier.
        gain: log-loss that the fresh model saved per row; negative where it lost.
    """

    age: int
    gain: float


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """The last comparison that the champion has stood: it tells how stale it was then.

    Attributes:
        days_ago: days since.
        gain: log-loss per row that the fresh model would have saved.
    """

    days_ago: int
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
    trial: Trial | None = None,
) -> Decision:
    """Weigh a retraining.

    Args:
        settings: costs and limits.
        age: days since the champion's training data ended.
        scores: the champion's scores over the window, shape [rows].
        labels: what came true, shape [rows].
        days: days in the window.
        lessons: what earlier comparisons taught, oldest first.
        trial: the champion's last comparison, if it has stood one.
    """
    rate = _ageing_rate(settings.staleness, lessons)
    recalibration = recalibration_gain(scores, labels)
    daily = len(labels) / max(days, 1)
    waited = age if trial is None else min(age, trial.days_ago)
    ageing = rate * waited + (0.0 if trial is None else max(trial.gain, 0.0))
    per_row = max(recalibration, ageing)
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
            ageing=ageing,
            expected=expected,
            cost=settings.cost,
        )

    if len(labels) == 0:
        return answer(False, "no labels", "no outcome is known yet")
    if waited < settings.min_age:
        since = "the champion is" if trial is None else "the last trial was"
        young = f"{since} {waited} days old, younger than {settings.min_age}"
        return answer(False, "young", young)
    if expected > settings.cost:
        return answer(True, "pays", weighed)
    if waited >= settings.max_age:
        old = f"the champion is {age} days old, the limit is {settings.max_age}"
        return answer(True, "age", old)
    return answer(False, "not yet", weighed)


def _ageing_rate(prior: float, lessons: Sequence[Lesson]) -> float:
    """Return log-loss per row and day of age: the prior counts as `PRIOR_DAYS` of experience."""
    gained = sum(lesson.gain for lesson in lessons)
    days = sum(lesson.age for lesson in lessons)
    return max(0.0, (prior * PRIOR_DAYS + gained) / (PRIOR_DAYS + days))


def recalibration_gain(scores: npt.NDArray[np.float64], labels: npt.NDArray[np.int8]) -> float:
    """Return the log-loss per row that a logistic recalibration would save, at least 0.

    Args:
        scores: probabilities, shape [rows].
        labels: 0 or 1, shape [rows].
    """
    rows = len(labels)
    if rows == 0 or labels.min() == labels.max():
        return 0.0
    logit = _logit(scores)
    before = float(log_loss(scores, labels).mean())
    best, weights = before, np.array([0.0, 1.0])
    for _ in range(NEWTON_STEPS):
        step = _newton_step(logit, labels, weights)
        found = _loss(logit, labels, weights + step)
        while found > best and float(np.abs(step).max()) > TINY:
            step = step / 2
            found = _loss(logit, labels, weights + step)
        if best - found < TINY:
            break
        best, weights = found, weights + step
    return max(0.0, before - best - len(weights) / (2 * rows))


def _logit(scores: Floats) -> Floats:
    clipped = np.clip(scores.astype(np.float64), EDGE, 1 - EDGE)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def _recalibrated(logit: Floats, weights: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(weights[0] + weights[1] * logit, -35, 35))))


def _loss(logit: Floats, labels: npt.NDArray[np.int8], weights: Floats) -> float:
    return float(log_loss(_recalibrated(logit, weights), labels).mean())


def _newton_step(logit: Floats, labels: npt.NDArray[np.int8], weights: Floats) -> Floats:
    fitted = _recalibrated(logit, weights)
    design = np.stack([np.ones_like(logit), logit], axis=1)
    hessian = design.T @ (design * (fitted * (1 - fitted))[:, None])
    ridge = 1e-9 * np.trace(hessian) + TINY  # scores that are all alike leave the slope open
    return np.asarray(np.linalg.solve(hessian + ridge * np.eye(2), design.T @ (labels - fitted)))
