"""Answers that look unread, and people who contradict themselves.

Each check is a test with a probability, and over all people and checks the share of false alarms is
held down, because an accusation is not a statistic. Each shows the answers that it stands on. A
check says that something should be looked at, never that somebody cheats.
"""

import math
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from dovetail.labels.people.estimates import beta_interval, discoveries, tail
from dovetail.labels.people.given import SAME, Given, Similar, by_task, same
from dovetail.labels.people.pace import FEWEST, by_person

__all__ = ["Check", "Evidence", "checks"]

_SHOWN = 8
_FALSE_ALARMS = 0.01
_FAST = 5.0
"""An answer is fast where it took less than the others' usual time divided by this."""
_UNREAD = 0.25
"""Seconds below which nobody has read and chosen: to press a key when a light comes on takes 0.19
(Woodworth and Schlosberg 1954), a choice more, and reading more still."""
_SLIPS = 0.05
"""Share of answers that may be fast without anybody's fault: a key pressed twice."""


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
    people = by_person(answers)
    tasks = by_task(answers)
    seconds = {
        name: sorted(one.seconds for one in mine if one.seconds is not None)
        for name, mine in people.items()
    }
    found = [_fast(name, people[name], seconds) for name in people]
    said = _said(people)
    for name, mine in people.items():
        found += [_straight(name, control, mine, tasks, said) for control in said]
    found += _contradictions(people, alike or {}, similar)
    known = [one for one in found if one is not None]
    called = discoveries({str(i): one.p for i, one in enumerate(known)}, false_alarms)
    chosen = [one for i, one in enumerate(known) if str(i) in called]
    return sorted(chosen, key=lambda one: (one.person, one.kind, one.p))


def _fast(name: str, mine: Sequence[Given], seconds: Mapping[str, Sequence[float]]) -> Check | None:
    """Answers in no time: faster than anybody reads, or in a fraction of the others' usual time.

    Usual is the median of the others' medians, so that one who answers most decides nothing.
    """
    if len(seconds[name]) < FEWEST:
        return None
    unread = _faster(name, mine, _UNREAD, 0.0, "faster than anybody reads and chooses")
    others = [times for other, times in seconds.items() if other != name and times]
    count = sum(len(times) for times in others)
    if count < FEWEST:
        return unread
    bound = statistics.median(times[len(times) // 2] for times in others) / _FAST
    usual = (sum(bisect_left(times, bound) for times in others) + 1) / (count + 2)
    fast = _faster(name, mine, bound, usual, f"of the others' answers {usual:.1%} did")
    found = [one for one in (unread, fast) if one]
    return min(found, key=lambda one: one.p) if found else None


def _faster(name: str, mine: Sequence[Given], bound: float, usual: float, why: str) -> Check | None:
    """Answers below a bound, of which a usual share and some slips are nobody's fault."""
    quick = [given for given in mine if given.seconds is not None and given.seconds < bound]
    if not quick:
        return None
    timed = sum(given.seconds is not None for given in mine)
    p = tail(len(quick), timed, min(1.0, usual + _SLIPS))
    text = f"{len(quick)} of {timed} answers took under {bound:.2g} s; {why}"
    shown = sorted(quick, key=lambda given: given.seconds or 0.0)[:_SHOWN]
    evidence = [Evidence(g.annotation, g.task, f"{g.seconds:.2g} s") for g in shown]
    return Check(name, "too fast", text, p, evidence)


_Said = Mapping[str, Mapping[str, Counter[Hashable]]]
"""How often each person said what, by control and person."""


def _said(people: Mapping[str, Sequence[Given]]) -> _Said:
    found: dict[str, dict[str, Counter[Hashable]]] = {}
    for name, mine in people.items():
        for given in mine:
            for control in given.values:
                if _plain(given, control):
                    counted = found.setdefault(control, {}).setdefault(name, Counter())
                    counted[given.values[control]] += 1
    return found


def _straight(
    name: str,
    control: str,
    mine: Sequence[Given],
    tasks: Mapping[int, Sequence[Given]],
    counted: _Said,
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
    others = [counts for other, counts in counted[control].items() if other != name]
    pool, alike = sum(counts.total() for counts in others), sum(c[value] for c in others)
    own = counted[control][name][value]
    base = (alike + 1) / (pool + 2) if pool else (own + 1) / (len(said) + 2)
    logs = [math.log(_likely(given, control, value, base, tasks)) for given in said]
    p = 0.0
    window = sum(logs[:length])
    for start in range(len(said) - length + 1):
        if start:
            window += logs[start + length - 1] - logs[start - 1]
        p += math.exp(min(window, 0.0))
    p *= len(counted[control][name])  # a run of any other would be one too
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
