"""How people work over time: sessions, and tiredness within them."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dovetail.labels.people.given import Given

__all__ = ["FEWEST", "Trend", "by_person", "sessions", "trends"]

PAUSE_MS = 30 * 60 * 1000
"""After so long without an answer a new session begins."""
FEWEST = 20
"""So many answers at least before anything is said about how somebody works."""
_SHORTEST_MS = 5 * 60 * 1000
"""Shorter sessions say nothing about tiredness; scripts that save by the hundred have such."""


@dataclass(frozen=True)
class Trend:
    """How a person changes over their sessions.

    Attributes:
        person: Who.
        sessions: How many sessions.
        answers: Answers in them.
        hours: Time in sessions.
        median_s: Median seconds an answer; None where it is not known.
        pace: Change of seconds an answer, as a factor per hour of a session; None if unknown.
        pace_low: Lower end of its 95 % interval.
        pace_high: Its upper end.
        quality: Change of the share of right answers per hour; None where too few are judged.
        quality_low: Lower end of its 95 % interval.
        quality_high: Its upper end.
        text: One sentence.
    """

    person: str
    sessions: int
    answers: int
    hours: float
    median_s: float | None
    pace: float | None
    pace_low: float | None
    pace_high: float | None
    quality: float | None
    quality_low: float | None
    quality_high: float | None
    text: str


def sessions(answers: Sequence[Given]) -> list[list[Given]]:
    """Return one person's answers as sessions, cut where nothing came for half an hour."""
    found: list[list[Given]] = []
    for given in sorted(answers, key=lambda one: (one.at_ms, one.annotation)):
        if not found or given.at_ms - found[-1][-1].at_ms > PAUSE_MS:
            found.append([])
        found[-1].append(given)
    return found


def trends(answers: Sequence[Given], right: Mapping[int, float]) -> list[Trend]:
    """Return how each person changes over their sessions.

    A session is compared with itself only, so that a hard day does not look like tiredness.

    Args:
        answers: Everybody's.
        right: Probability that an answer is right, by annotation, where it can be judged.
    """
    return [_trend(name, mine, right) for name, mine in by_person(answers).items()]


def by_person(answers: Sequence[Given]) -> dict[str, list[Given]]:
    """Return everybody's answers in the order of time, by name."""
    people: dict[str, list[Given]] = {}
    for given in sorted(answers, key=lambda one: (one.at_ms, one.annotation)):
        people.setdefault(given.person, []).append(given)
    return dict(sorted(people.items()))


def _trend(name: str, mine: Sequence[Given], right: Mapping[int, float]) -> Trend:
    parts = sessions(mine)
    hours = sum(part[-1].at_ms - part[0].at_ms for part in parts) / 3_600_000
    timed = [given.seconds for given in mine if given.seconds and given.seconds > 0]
    pace = _slope(parts, lambda g: math.log(g.seconds) if g.seconds and g.seconds > 0 else None)
    held = _slope(parts, lambda g: right.get(g.annotation))
    says = []
    if pace is not None and not pace[1] <= 0 <= pace[2]:
        word = "longer" if pace[0] > 0 else "shorter"
        says.append(f"answers take {word} as a session goes on: x{math.exp(pace[0]):.2f} an hour")
    if held is not None and not held[1] <= 0 <= held[2]:
        word = "falls" if held[0] < 0 else "rises"
        says.append(f"the share of right answers {word} by {abs(held[0]):.0%} an hour")
    known = pace is not None or held is not None
    text = "; ".join(says) if says else "no trend seen" if known else "too few answers to tell"
    factor, slowest, quickest = (
        [math.exp(min(max(x, -50.0), 50.0)) for x in pace] if pace else [None] * 3
    )
    change, falls, rises = held or (None, None, None)
    return Trend(
        person=name,
        sessions=len(parts),
        answers=len(mine),
        hours=hours,
        median_s=statistics.median(timed) if timed else None,
        pace=factor,
        pace_low=slowest,
        pace_high=quickest,
        quality=change,
        quality_low=falls,
        quality_high=rises,
        text=text[:1].upper() + text[1:] + ".",
    )


def _slope(
    parts: Sequence[Sequence[Given]], value: Callable[[Given], float | None]
) -> tuple[float, float, float] | None:
    """Least squares within sessions: change an hour, with the ends of a robust 95 % interval."""
    points: list[tuple[float, float]] = []
    kept = 0
    for part in parts:
        told = [
            ((given.at_ms - part[0].at_ms) / 3_600_000, y)
            for given in part
            if (y := value(given)) is not None
        ]
        if len(told) < 3 or part[-1].at_ms - part[0].at_ms < _SHORTEST_MS:
            continue
        kept += 1
        middle_x = sum(x for x, _ in told) / len(told)
        middle_y = sum(y for _, y in told) / len(told)
        points += [(x - middle_x, y - middle_y) for x, y in told]
    spread = sum(x * x for x, _ in points)
    freedom = len(points) - kept - 1
    if freedom < FEWEST or spread < 1e-9:
        return None
    slope = sum(x * y for x, y in points) / spread
    noise = sum((x * (y - slope * x)) ** 2 for x, y in points) * len(points) / freedom
    half = (1.96 + 2.4 / freedom) * math.sqrt(noise) / spread  # Student's quantile, from 20 on
    return slope, slope - half, slope + half
