"""How people work: sessions, tiredness over a session, and answers that look unread.

Each check is a test with a probability, and over all people and checks the share of false alarms is
held down, because an accusation is not a statistic. Each shows the answers that it stands on. A
check says that something should be looked at, never that somebody cheats.
"""

import math
import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from dovetail.labels.people.estimates import beta_interval, discoveries, tail
from dovetail.labels.people.given import SAME, Given, Similar, by_task, same

__all__ = ["Check", "Evidence", "Trend", "checks", "sessions", "trends"]

PAUSE_MS = 30 * 60 * 1000
"""After so long without an answer a new session begins."""
FEWEST = 20
"""So many answers at least before anything is said about how somebody works."""
_SHORTEST_MS = 5 * 60 * 1000
"""Shorter sessions say nothing about tiredness; scripts that save by the hundred have such."""
_SHOWN = 8
_FALSE_ALARMS = 0.01
_FAST = 5.0
"""An answer is fast where it took less than the median of the others divided by this."""


@dataclass(frozen=True)
class Evidence:
    """An answer that a check stands on.

    Attributes:
        annotation: Its number.
        task: The task's number.
        text: What is noteworthy about it.
    """

    annotation: int
    task: int
    text: str


@dataclass(frozen=True)
class Check:
    """Something about how a person works that should be looked at.

    Attributes:
        person: Who.
        kind: `too fast`, `same answer in a row` or `contradicts themselves`.
        text: One sentence with the figures.
        p: Probability of that by chance; an upper bound where it is not exact.
        evidence: Answers that show it.
    """

    person: str
    kind: str
    text: str
    p: float
    evidence: Sequence[Evidence]


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
    return [_trend(name, mine, right) for name, mine in _by_person(answers).items()]


def checks(
    answers: Sequence[Given],
    *,
    alike: Mapping[int, Hashable] | None = None,
    similar: Similar = same,
    false_alarms: float = _FALSE_ALARMS,
) -> list[Check]:
    """Return what should be looked at, among all people and checks at once.

    Args:
        answers: Everybody's.
        alike: A key by task that near-repeats share.
        similar: How alike two values of a control are.
        false_alarms: Share of false ones among the checks returned, at most.
    """
    people = _by_person(answers)
    tasks = by_task(answers)
    found = [_fast(name, people) for name in people]
    for name, mine in people.items():
        controls = sorted({control for given in mine for control in given.values})
        found += [_straight(name, control, mine, tasks) for control in controls]
    found += _contradictions(people, alike or {}, similar)
    known = [one for one in found if one is not None]
    called = discoveries({str(i): one.p for i, one in enumerate(known)}, false_alarms)
    chosen = [one for i, one in enumerate(known) if str(i) in called]
    return sorted(chosen, key=lambda one: (one.person, one.kind, one.p))


def _by_person(answers: Sequence[Given]) -> dict[str, list[Given]]:
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


def _fast(name: str, people: Mapping[str, Sequence[Given]]) -> Check | None:
    """Answers in a fraction of the time that the others take on the same items, or on any."""
    mine = [given for given in people[name] if given.seconds is not None]
    others = [
        given.seconds
        for other, ones in people.items()
        if other != name
        for given in ones
        if given.seconds is not None
    ]
    if len(mine) < FEWEST or len(others) < FEWEST:
        return None
    bound = statistics.median(others) / _FAST
    usual = (sum(seconds < bound for seconds in others) + 1) / (len(others) + 2)
    quick = [given for given in mine if given.seconds is not None and given.seconds < bound]
    p = tail(len(quick), len(mine), min(1.0, usual + 0.05))  # a twentieth is nobody's fault
    if not quick:
        return None
    text = (
        f"{len(quick)} of {len(mine)} answers took under {bound:.1f} s; of the others' answers "
        f"{usual:.1%} did"
    )
    shown = sorted(quick, key=lambda given: given.seconds or 0.0)[:_SHOWN]
    evidence = [Evidence(g.annotation, g.task, f"{g.seconds:.1f} s") for g in shown]
    return Check(name, "too fast", text, p, evidence)


def _straight(
    name: str, control: str, mine: Sequence[Given], tasks: Mapping[int, Sequence[Given]]
) -> Check | None:
    """A run of one answer that is longer than the items explain.

    How likely each item makes that answer is what the others said of it, so a run of spam among
    spam is nobody's fault. The probability of a run anywhere is bounded by the sum over its starts.
    """
    said = [given for given in mine if _plain(given, control)]
    if len(said) < FEWEST:
        return None
    best: list[Given] = []
    for _, run in groupby(said, key=lambda given: given.values[control]):
        ones = list(run)
        best = ones if len(ones) > len(best) else best
    value, length = best[0].values[control], len(best)
    if length < 5:
        return None
    pool = [
        given.values[control] == value
        for answers in tasks.values()
        for given in answers
        if given.person != name and _plain(given, control)
    ]
    own = sum(given.values[control] == value for given in said)
    base = (sum(pool) + 1) / (len(pool) + 2) if pool else (own + 1) / (len(said) + 2)
    logs = [math.log(_likely(given, control, value, base, tasks)) for given in said]
    p = 0.0
    window = sum(logs[:length])
    for start in range(len(said) - length + 1):
        if start:
            window += logs[start + length - 1] - logs[start - 1]
        p += math.exp(min(window, 0.0))
    p *= len({given.values[control] for given in said})  # a run of any other would be one too
    text = f"{length} times {value!s:.40} in a row; {base:.0%} of the others' answers are that"
    evidence = [Evidence(g.annotation, g.task, f"{value!s:.40}") for g in best[:_SHOWN]]
    return Check(name, "same answer in a row", text, min(p, 1.0), evidence)


def _likely(
    given: Given, control: str, value: object, base: float, tasks: Mapping[int, Sequence[Given]]
) -> float:
    others = [
        other.values[control] == value
        for other in tasks.get(given.task, ())
        if other.person != given.person and _plain(other, control)
    ]
    return float((sum(others) + 2 * base) / (len(others) + 2))


def _plain(given: Given, control: str) -> bool:
    return isinstance(given.values.get(control), str | int | float | bool)


def _contradictions(
    people: Mapping[str, Sequence[Given]], alike: Mapping[int, Hashable], similar: Similar
) -> list[Check | None]:
    """Different answers to near-repeats of an item, more often than others give them."""
    repeated = {name: _repeats(mine, alike, similar) for name, mine in people.items()}
    found: list[Check | None] = []
    for name, ones in repeated.items():
        others = [x for other, pairs in repeated.items() if other != name for x in pairs]
        if len(ones) < 5:
            continue
        differ = [one for one in ones if not one[2]]
        usual = (sum(not one[2] for one in others) + 1) / (len(others) + 10)
        low, high = beta_interval(len(differ) + 0.5, len(ones) - len(differ) + 0.5)
        text = (
            f"{len(differ)} of {len(ones)} near-repeats were answered differently "
            f"({low:.0%} to {high:.0%}); others do so in {usual:.0%}"
        )
        evidence = [
            Evidence(b.annotation, b.task, f"task {a.task} was answered otherwise")
            for a, b, _ in differ[:_SHOWN]
        ]
        p = tail(len(differ), len(ones), usual)
        found.append(Check(name, "contradicts themselves", text, p, evidence))
    return found


def _repeats(
    mine: Sequence[Given], alike: Mapping[int, Hashable], similar: Similar
) -> list[tuple[Given, Given, bool]]:
    groups: dict[Hashable, list[Given]] = {}
    for given in mine:
        groups.setdefault(alike.get(given.task, ("task", given.task)), []).append(given)
    found = []
    for ones in groups.values():
        for first, second in pairwise(ones):
            shared = first.values.keys() & second.values.keys()
            agreed = all(similar(c, first.values[c], second.values[c]) >= SAME for c in shared)
            found.append((first, second, agreed))
    return found
