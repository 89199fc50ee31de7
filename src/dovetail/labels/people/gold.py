"""Items of known answer among the real ones: when they come, who passes them, which are doubtful.

Whether the next item is a gold one is drawn by a keyed hash of who asks and how many answers they
gave, so it comes out the same on every server of a project and can be foretold by nobody who does
not know the key.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dovetail.labels.people.estimates import at_least
from dovetail.labels.people.given import SAME, Given, Similar, latest, same

__all__ = ["Doubt", "Marked", "chosen", "doubts", "is_due", "mark", "tally"]

_DROUGHT = 3.0
"""After so many times the mean distance without gold, it comes for certain."""


@dataclass(frozen=True)
class Marked:
    """An answer to a gold item, held against what is known.

    Attributes:
        given: The answer.
        expected: What was known of each control.
        is_right: Whether all of it was met.
        wrong: The controls on which it was not.
    """

    given: Given
    expected: Mapping[str, Any]
    is_right: bool
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Doubt:
    """A gold item whose answer may be wrong itself.

    Attributes:
        task: Its number.
        failed: How many people failed it.
        answered: How many answered it.
        instead: What most of those said, by control.
        instead_by: How many of them said so.
        p: Probability that so many fail by chance, each as often as they fail other gold.
    """

    task: int
    failed: int
    answered: int
    instead: Mapping[str, Any]
    instead_by: int
    p: float


def is_due(key: bytes, person: str, answers: int, share: float, since: int) -> bool:
    """Return whether a person's next item is a gold one.

    Args:
        key: The project's secret.
        person: Who asks.
        answers: How many they gave in this project.
        share: Mean share of gold, from 0 to 1.
        since: How many they gave since the last gold one.

    Example:
        >>> asked = [is_due(b"secret", "ann", n, 0.2, 0) for n in range(1000)]
        >>> 150 < sum(asked) < 250
        True
    """
    if share <= 0:
        return False
    return since >= _DROUGHT / share or _uniform(key, person, answers, "due") < share


def chosen(key: bytes, person: str, answers: int, tasks: Sequence[int]) -> int | None:
    """Return which of the gold items that a person has not seen comes now; None without any."""
    if not tasks:
        return None
    place = int(_uniform(key, person, answers, "which") * len(tasks))
    return sorted(tasks)[min(place, len(tasks) - 1)]


def mark(
    answers: Iterable[Given], gold: Mapping[int, Mapping[str, Any]], similar: Similar = same
) -> list[Marked]:
    """Hold answers against what is known; answers to other items are left out.

    A person's first answer to an item is what counts, so nobody betters it after the fact.

    Args:
        answers: Of any people and items.
        gold: What is known, by task and control.
        similar: How alike two values of a control are.
    """
    seen: set[tuple[int, str]] = set()
    found = []
    for given in sorted(answers, key=lambda one: (one.at_ms, one.annotation)):
        known = gold.get(given.task)
        if known is None or (given.task, given.person) in seen:
            continue
        seen.add((given.task, given.person))
        wrong = tuple(
            control
            for control, value in known.items()
            if control not in given.values or similar(control, given.values[control], value) < SAME
        )
        found.append(Marked(given, known, not wrong, wrong))
    return found


def tally(marked: Iterable[Marked]) -> dict[str, tuple[int, int]]:
    """Return each person's right answers and answers."""
    counts: dict[str, tuple[int, int]] = {}
    for one in marked:
        right, answers = counts.get(one.given.person, (0, 0))
        counts[one.given.person] = right + one.is_right, answers + 1
    return counts


def doubts(marked: Sequence[Marked], *, least: int = 3, chance: float = 0.05) -> list[Doubt]:
    """Return gold items that most people fail, more than their other answers explain.

    Args:
        marked: All answers to gold.
        least: So many people must have answered.
        chance: So unlikely must it be that they all just erred; shared out over all items that
            are looked at.

    Returns:
        The least likely first.
    """
    counts = tally(marked)
    of_task: dict[int, list[Marked]] = {}
    for one in marked:
        of_task.setdefault(one.given.task, []).append(one)
    looked = {task: ones for task, ones in of_task.items() if len(ones) >= least}
    found = []
    for task, ones in looked.items():
        failed = [one for one in ones if not one.is_right]
        if 2 * len(failed) <= len(ones):
            continue
        rates = []
        for one in ones:  # how often each fails the other items, drawn towards one in ten
            right, answers = counts[one.given.person]
            right, answers = right - one.is_right, answers - 1
            rates.append((answers - right + 1) / (answers + 10))
        p = at_least(len(failed), rates)
        if p > chance / len(looked):
            continue
        instead, by = _commonest([one.given for one in failed], ones[0].expected)
        found.append(Doubt(task, len(failed), len(ones), instead, by, p))
    return sorted(found, key=lambda doubt: (doubt.p, doubt.task))


def _commonest(answers: Sequence[Given], expected: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    said: dict[str, tuple[int, dict[str, Any]]] = {}
    for given in latest(answers):
        values = {control: given.values.get(control) for control in expected}
        times, _ = said.get(repr(values), (0, values))
        said[repr(values)] = times + 1, values
    times, values = max(said.values(), key=lambda pair: pair[0])
    return values, times


def _uniform(key: bytes, person: str, answers: int, what: str) -> float:
    text = f"{what}\n{answers}\n{person}".encode()
    digest = hashlib.blake2b(text, key=key[:64], digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
