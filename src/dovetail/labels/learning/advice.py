"""Is more labelling worth it: the learning curve, where it leads, and how sure that is.

The model is learned again from parts of the answers and asked about answers that it did not see;
a power law through the errors (Hestness 2017) says what more answers bring. The interval comes
from drawing the answered items anew, so it is honest about few answers. Answered items are weighed
so that they stand for the open ones (`fairness`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dovetail.labels.learning.learner import Goal, Learned, held_out
from dovetail.labels.learning.space import Space
from dovetail.labels.votes import Floats

__all__ = ["Advice", "Curve", "Verdict", "advise", "curve_of", "worst", "wrongs"]

Verdict = Literal["too few answers to say", "worth it", "little to gain", "nothing to gain"]
_PARTS = (0.3, 0.55, 1.0)
_FEWEST = 30
_DRAWS = 200
_POWERS = np.array([0.25, 0.35, 0.5, 0.7, 1.0])
_FLOORS = np.array([0.0, 0.3, 0.6, 0.85])
_LITTLE = 0.01


@dataclass(frozen=True)
class Advice:
    """What more answers would bring.

    Attributes:
        verdict: In words.
        answers: How many there are.
        more: How many more the forecast is for.
        error: Share of the open items that the model gets wrong, by answers that it had not seen;
            of numbers, the share of their variance that it does not explain.
        lower: Lower end of a 95 % interval of that.
        upper: Its upper end.
        gain: By how much the error would fall.
        gain_lower: Lower end of a 95 % interval of that.
        gain_upper: Its upper end.
        points: Answers learned from, and the held-out error then.
    """

    verdict: Verdict
    answers: int
    more: int = 0
    error: float | None = None
    lower: float | None = None
    upper: float | None = None
    gain: float | None = None
    gain_lower: float | None = None
    gain_upper: float | None = None
    points: tuple[tuple[int, float], ...] = ()

    def __str__(self) -> str:
        if self.gain is None or self.error is None:
            return f"{self.verdict}: {self.answers} answers"
        return (
            f"{self.verdict}: expected error {self.error:.1%} after {self.answers} answers; "
            f"{self.more} more would lower it by {self.gain:.1%} "
            f"({self.gain_lower:.1%} to {self.gain_upper:.1%})"
        )


@dataclass(frozen=True)
class Curve:
    """Errors of models that learned from parts of the answers.

    Attributes:
        sizes: From how many answers each learned.
        wrong: float[sizes, n], how wrong each was on each answer.
        weight: float[n], what each answer counts.
    """

    sizes: tuple[int, ...]
    wrong: Floats
    weight: Floats


def curve_of(
    space: Space,
    truth: Floats,
    weight: Floats,
    learned: Learned,
    final: Floats | None,
    fair: Floats,
) -> Curve | None:
    """Learn from parts of the answers; None where they are too few.

    Args:
        space: The answered rows.
        truth: float[n, k] as the model was given them: its live classes, or scaled numbers.
        weight: float[n].
        learned: The model, whose ridge is used.
        final: float[n, k], held-out scores when all of the others were learned from.
        fair: float[n], so that the rows stand for the open ones.
    """
    count = len(truth)
    if count < _FEWEST or final is None:
        return None
    sizes, found = [], []
    for part in _PARTS:
        scores = final
        if part < 1:
            scores = held_out(space, truth, weight, learned.goal, learned.ridge, part).scores
        sizes.append(round(0.8 * part * count))
        found.append(wrongs(scores, truth, learned.goal))
    return Curve(tuple(sizes), np.array(found), fair)


def wrongs(scores: Floats, truth: Floats, goal: Goal) -> Floats:
    """float[n]: how wrong scores are: 0 or 1, the share of labels, or the squared error."""
    if goal == "one":
        found: Floats = 1 - truth[np.arange(len(truth)), scores.argmax(1)]
    elif goal == "several":
        found = np.abs((scores > 0) - truth).mean(1)
    else:
        found = (scores - truth)[:, 0] ** 2
    return found


def advise(curve: Curve | None, answers: int, more: int = 0) -> Advice:
    """Say whether more answers are worth it.

    Args:
        curve: Errors by how much was learned from.
        answers: How many there are.
        more: How many more to think of; half as many again by default.
    """
    if curve is None:
        return Advice("too few answers to say", answers)
    more = more or max(20, answers // 2)
    sizes = np.array(curve.sizes, float)
    rng = np.random.default_rng(0)
    count = curve.wrong.shape[1]
    drawn = rng.integers(0, count, (_DRAWS, count))
    curves = np.stack([_mean(curve.wrong[:, rows], curve.weight[rows]) for rows in drawn])
    now, then = np.empty(_DRAWS), np.empty(_DRAWS)
    for number, errors in enumerate(curves):
        now[number], then[number] = _forecast(sizes, errors, answers, more)
    found = _mean(curve.wrong, curve.weight)
    here, there = _forecast(sizes, found, answers, more)
    gains = now - then
    low, high = (float(x) for x in np.quantile(gains, [0.025, 0.975]))
    gain = here - there
    ends = np.quantile(curves[:, -1], [0.025, 0.975])
    return Advice(
        _verdict(gain, high, here),
        answers,
        more,
        float(found[-1]),
        float(ends[0]),
        float(ends[1]),
        float(gain),
        low,
        high,
        tuple(zip(curve.sizes, found.tolist(), strict=True)),
    )


def _mean(wrong: Floats, weight: Floats) -> Floats:
    found: Floats = wrong @ weight / weight.sum()
    return found


def _verdict(gain: float, high: float, error: float) -> Verdict:
    if high < _LITTLE / 2 or error < _LITTLE / 4:
        return "nothing to gain"
    return "worth it" if gain >= _LITTLE else "little to gain"


def _forecast(sizes: Floats, errors: Floats, now: int, more: int) -> tuple[float, float]:
    """The error now and after more answers, by the power law that fits best.

    Errors are `floor + a * size ** -power`, with few powers and floors to choose from: three points
    tell no more. The law says by how much the last error falls, so no gain is larger than that.
    """
    last, least = float(errors[-1]), float(errors.min())
    best, found = np.inf, (last, last)
    for floor in _FLOORS * least:
        above = errors - floor
        for power in _POWERS:
            shape = sizes**-power
            amount = max(float(shape @ above / (shape @ shape)), 0.0)
            misfit = float((((amount * shape) - above) ** 2).sum())
            here = floor + amount * float(sizes[-1]) ** -power
            if misfit < best and here > 0:
                best, part = misfit, last / here
                found = (
                    part * (floor + amount * now**-power),
                    part * (floor + amount * (now + more) ** -power),
                )
    return found


def worst(found: Sequence[Advice]) -> Advice | None:
    """The advice of the question that has most to gain; None where there is none."""
    known = [one for one in found if one.gain is not None]
    if known:
        return max(known, key=lambda one: one.gain or 0.0)
    return found[0] if found else None
