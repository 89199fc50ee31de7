"""Answers held against what the others say of the same items, their own answer left out.

Others are weighed by what they are worth (`choice`). Who differs from others that are only likely
right may be right himself: a person's share of right answers is the one that makes their answers
likeliest, and an answer tells as much of its author as the others are sure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dovetail.labels.people.given import Given

__all__ = ["Confused", "Consensus", "consensus"]

_MOST_CLASSES = 200
_ROUNDS = 50  # of expectation and maximisation, for one share a person


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
        worth: How much each tells of its author, beside an answer whose truth is known: 0 to 1.
        confused: What people mix up, most often first.
    """

    right: Mapping[tuple[int, str], float]
    worth: Mapping[tuple[int, str], float]
    confused: Sequence[Confused]


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
    worth: dict[tuple[int, str], float] = {}
    confused: list[Confused] = []
    for control in controls:
        said = [one for one in answers if control in one.values]
        told, telling, mixed = _of_control(control, said, gold)
        right |= told
        worth |= telling
        confused += mixed
    confused.sort(key=lambda one: (-one.times, one.person, one.truth, one.said))
    return Consensus(right, worth, confused)


def _of_control(
    control: str, said: Sequence[Given], gold: Mapping[int, Mapping[str, Any]]
) -> tuple[dict[tuple[int, str], float], dict[tuple[int, str], float], list[Confused]]:
    """Of one control: how likely each answer is right, what it tells, and what is mixed up."""
    import numpy as np

    values = [one.values[control] for one in said]
    known = {
        task: gold[task][control]
        for task in {g.task for g in said}
        if control in gold.get(task, {})
    }
    classes = sorted({*values, *known.values()}, key=str)
    if not 2 <= len(classes) <= _MOST_CLASSES:
        return {}, {}, []
    code = {value: place for place, value in enumerate(classes)}
    label = np.asarray([code[value] for value in values])
    truth = _left_out(said, label, len(classes))
    for row, one in enumerate(said):
        if one.task in known:
            truth[row] = 0.0
            truth[row, code[known[one.task]]] = 1.0
    judged = np.flatnonzero(~np.isnan(truth[:, 0])).tolist()
    worth = np.zeros(len(said))
    if len(judged):
        people = {name: place for place, name in enumerate({one.person: 0 for one in said})}
        who = np.asarray([people[said[row].person] for row in judged])
        truth[judged], worth[judged] = _with_own(truth[judged], label[judged], who)
    keys = [(said[row].annotation, control) for row in judged]
    right = dict(zip(keys, truth[judged, label[judged]].tolist(), strict=True))
    mixed = _mixed_up(control, said, label, truth, [str(value) for value in classes])
    return right, dict(zip(keys, worth[judged].tolist(), strict=True)), mixed


def _with_own(told: Any, label: Any, who: Any) -> tuple[Any, Any]:
    """What is true once a person's own answer counts too, and what each answer tells of them.

    One accuracy a person, errors spread evenly, is fitted to what the others say (a mixture of
    known weights). What an answer tells is its expected Fisher information, as a share of that of
    an answer whose truth is known.

    Args:
        told: float[answers, classes], what the others say.
        label: int[answers], the answers.
        who: int[answers], whose they are.

    Returns:
        float[answers, classes], and float[answers].
    """
    import numpy as np

    rows, classes = np.arange(len(label)), told.shape[1]
    even = (1 - told) / (classes - 1)  # how likely each label is if the person errs
    own, slip = told[rows, label], even[rows, label]
    many, share = np.bincount(who), np.full(int(who.max()) + 1, 0.8)
    for _ in range(_ROUNDS):
        mine = share[who]
        right = mine * own / (mine * own + (1 - mine) * slip)
        share = (np.bincount(who, right) + 0.5) / (many + 1)
    mine = share[who]
    said = told * ((1 - mine) / (classes - 1))[:, None]
    said[rows, label] = own * mine
    likely = mine[:, None] * told + (1 - mine)[:, None] * even
    worth = mine * (1 - mine) * ((told - even) ** 2 / np.maximum(likely, 1e-12)).sum(1)
    return said / said.sum(1, keepdims=True), worth


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
