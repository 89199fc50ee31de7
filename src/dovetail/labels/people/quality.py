"""How good each person is: against gold, and against what the others say of the same items.

The second leaves a person's own answer out of the consensus that it is held against, so nobody
agrees with themselves, and weighs others by what they are worth (`combine`). Neither is a rank:
shares are drawn towards the pool's, have intervals, and people that cannot be told apart are said
to be so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dovetail.labels.people.estimates import Estimate, apart, shrunk
from dovetail.labels.people.given import Given
from dovetail.labels.people.gold import Marked, tally

__all__ = ["Confused", "Consensus", "Quality", "consensus", "quality"]

_MOST_CLASSES = 200
_MOST_PAIRED = 60


@dataclass(frozen=True)
class Confused:
    """What a person said where the truth is something else.

    Attributes:
        person: Who.
        control: On which control.
        truth: What it is: gold, or what the others say.
        said: What the person said.
        times: How often; expected where the truth is only likely.
        of: How many of their answers were on items of that truth.
    """

    person: str
    control: str
    truth: str
    said: str
    times: float
    of: float


@dataclass(frozen=True)
class Consensus:
    """Answers held against what the others say.

    Attributes:
        right: Probability that each answer is right, by annotation and control.
        confused: What people mix up, most often first.
    """

    right: Mapping[tuple[int, str], float]
    confused: Sequence[Confused]


@dataclass(frozen=True)
class Quality:
    """How good people are.

    Attributes:
        basis: `gold`, or `the others` where gold is too little.
        people: Everybody's estimate, in the order of names.
        gold: The estimates by gold.
        others: The estimates by what others say.
        pairs: Who can be told apart from whom, the better one first.
        confused: What people mix up.
        text: One sentence.
    """

    basis: str
    people: Sequence[Estimate]
    gold: Sequence[Estimate]
    others: Sequence[Estimate]
    pairs: Sequence[tuple[str, str]]
    confused: Sequence[Confused]
    text: str


def quality(
    answers: Sequence[Given], marked: Sequence[Marked], people: Sequence[str], held: Consensus
) -> Quality:
    """Return how good people are.

    Args:
        answers: The last answer of each person on each task.
        marked: Answers to gold.
        people: Everybody to be told of, with answers or without.
        held: What the others say (`consensus`).
    """
    by_gold: dict[str, tuple[float, int]] = {name: (0.0, 0) for name in people}
    by_gold |= {name: (float(right), n) for name, (right, n) in tally(marked).items()}
    by_others = {name: (0.0, 0) for name in by_gold}
    for given in answers:
        told = [
            held.right[given.annotation, c] for c in given.values if _key(given, c) in held.right
        ]
        if told:
            right, n = by_others.get(given.person, (0.0, 0))
            by_others[given.person] = right + min(told), n + 1
    judged = [n for _, n in by_gold.values() if n]
    enough = bool(judged) and sum(n >= 5 for n in judged) * 2 >= len(
        [name for name in by_gold if by_others.get(name, (0, 0))[1] or by_gold[name][1]]
    )
    counts = by_gold if enough else by_others
    found = apart(counts) if len(counts) <= _MOST_PAIRED else []
    return Quality(
        basis="gold" if enough else "the others",
        people=shrunk(counts),
        gold=shrunk(by_gold),
        others=shrunk(by_others),
        pairs=found,
        confused=held.confused,
        text=_text(counts, found),
    )


def consensus(
    controls: Sequence[str], answers: Sequence[Given], gold: Mapping[int, Mapping[str, Any]]
) -> Consensus:
    """Hold every answer on single choices against what the others say of the item, or gold.

    Args:
        controls: Those whose values are single choices.
        answers: The last answer of each person on each task.
        gold: What is known, by task and control: it counts in place of the others.
    """
    right: dict[tuple[int, str], float] = {}
    confused: list[Confused] = []
    for control in controls:
        said = [one for one in answers if control in one.values]
        told, mixed = _of_control(control, said, gold)
        right |= told
        confused += mixed
    confused.sort(key=lambda one: (-one.times, one.person, one.truth, one.said))
    return Consensus(right, confused)


def _of_control(
    control: str, said: Sequence[Given], gold: Mapping[int, Mapping[str, Any]]
) -> tuple[dict[tuple[int, str], float], list[Confused]]:
    import numpy as np

    values = [one.values[control] for one in said]
    known = {
        task: gold[task][control]
        for task in {g.task for g in said}
        if control in gold.get(task, {})
    }
    classes = sorted({*values, *known.values()}, key=str)
    if not 2 <= len(classes) <= _MOST_CLASSES:
        return {}, []
    code = {value: place for place, value in enumerate(classes)}
    label = np.asarray([code[value] for value in values])
    truth = _left_out(said, label, len(classes))
    for row, one in enumerate(said):
        if one.task in known:
            truth[row] = 0.0
            truth[row, code[known[one.task]]] = 1.0
    judged = ~np.isnan(truth[:, 0])
    right = {
        (one.annotation, control): float(truth[row, label[row]])
        for row, one in enumerate(said)
        if judged[row]
    }
    return right, _mixed_up(control, said, label, truth, [str(value) for value in classes])


def _mixed_up(
    control: str, said: Sequence[Given], label: Any, truth: Any, names: Sequence[str]
) -> list[Confused]:
    """What each person says where the truth is something else, from half a time on."""
    import numpy as np

    people = {name: place for place, name in enumerate(sorted({one.person for one in said}))}
    who = np.asarray([people[one.person] for one in said])
    confused = []
    for person, place in people.items():
        mine = np.flatnonzero((who == place) & ~np.isnan(truth[:, 0]))
        table = np.zeros((len(names), len(names)))
        np.add.at(table.T, label[mine], truth[mine])
        for true, given in zip(*np.nonzero(table >= 0.5), strict=True):
            if true != given:
                facts = names[true], names[given], float(table[true, given])
                confused.append(Confused(person, control, *facts, float(table[true].sum())))
    return confused


def _left_out(said: Sequence[Given], label: Any, classes: int) -> Any:
    """float[answers, classes]: what the others say; not a number where nobody else answered."""
    import numpy as np

    from dovetail.labels.choice import LeftOut, choose
    from dovetail.labels.votes import Votes, softmax

    tasks = {task: place for place, task in enumerate(dict.fromkeys(g.task for g in said))}
    people = {name: place for place, name in enumerate(dict.fromkeys(g.person for g in said))}
    item = np.asarray([tasks[one.task] for one in said])
    source = np.asarray([people[one.person] for one in said])
    votes = Votes(item, source, label, len(tasks), len(people), classes)
    # People who agree are not copies of each other, as functions would be: each has a whole vote.
    left = LeftOut(votes)
    fitted = choose(votes, np.ones(len(people)), left)
    fitted = replace(fitted, power=left.temper(fitted))
    own = fitted.weighted[votes.cell]
    told = softmax((fitted.evidence(votes)[item] - own) * fitted.power)
    alone = np.bincount(item, minlength=len(tasks))[item] < 2
    told[alone] = np.nan
    return told


def _key(given: Given, control: str) -> tuple[int, str]:
    return given.annotation, control


def _text(counts: Mapping[str, tuple[float, int]], found: Sequence[tuple[str, str]]) -> str:
    judged = [name for name, (_, n) in counts.items() if n]
    if len(judged) < 2:
        return "Fewer than two people have answers that can be judged."
    if len(counts) > _MOST_PAIRED:
        return "There are too many people to compare each two; see who differs from all others."
    if not found:
        return f"The {len(judged)} people cannot be told apart: differences are what chance gives."
    worse = Counter(second for _, second in found)
    parts = []
    for name in sorted(worse):
        better = [first for first, second in found if second == name]
        if len(better) == len(judged) - 1 and len(better) > 1:
            parts.append(f"{name} is right less often than all others")
        else:
            parts.append(f"{name} is right less often than {_and(sorted(better))}")
    rest = (
        ""
        if len(found) == len(judged) * (len(judged) - 1) // 2
        else "; others cannot be told apart"
    )
    return "; ".join(parts) + rest + "."


def _and(names: Sequence[str]) -> str:
    shown = list(names[:5]) + ([f"{len(names) - 5} more"] if len(names) > 5 else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
