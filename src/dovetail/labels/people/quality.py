"""How good each person is: against gold, and against what the others say of the same items.

The second leaves a person's own answer out of the consensus that it is held against, so nobody
agrees with themselves, and is as unsure as the others are (`consensus`). Neither is a rank: shares
are drawn towards the pool's and have intervals, and who cannot be told apart is named as that.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dovetail.labels.people.consensus import Confused, Consensus
from dovetail.labels.people.estimates import Estimate, apart, shrunk
from dovetail.labels.people.given import Given
from dovetail.labels.people.gold import Marked, tally

__all__ = ["Quality", "quality"]

_MOST_PAIRED = 60


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
    by_others, worth = _by_others(answers, held, by_gold)
    judged = [n for _, n in by_gold.values() if n]
    enough = bool(judged) and sum(n >= 5 for n in judged) * 2 >= len(
        [name for name in by_gold if by_others.get(name, (0, 0))[1] or by_gold[name][1]]
    )
    gold = shrunk(by_gold)
    others = [
        replace(one, right=by_others[one.person][0], answers=by_others[one.person][1])
        for one in shrunk(worth)
    ]
    counts = by_gold if enough else worth
    found = apart(counts) if len(counts) <= _MOST_PAIRED else []
    return Quality(
        basis="gold" if enough else "the others",
        people=gold if enough else others,
        gold=gold,
        others=others,
        pairs=found,
        confused=held.confused,
        text=_text(counts, found),
    )


def _by_others(
    answers: Sequence[Given], held: Consensus, people: Iterable[str]
) -> tuple[dict[str, tuple[float, int]], dict[str, tuple[float, int]]]:
    """Right and judged answers of each, and as many known ones as would tell as much."""
    found = {name: (0.0, 0) for name in people}
    known = dict.fromkeys(found, 0.0)
    for given in answers:
        keys = [key for c in given.values if (key := (given.annotation, c)) in held.right]
        if keys:
            right, n = found.get(given.person, (0.0, 0))
            found[given.person] = right + min(held.right[key] for key in keys), n + 1
            told = min(held.worth[key] for key in keys)
            known[given.person] = known.get(given.person, 0.0) + told
    worth = {}
    for name, (right, n) in found.items():
        whole = max(round(known[name]), 1) if n else 0
        worth[name] = (right / n * whole if n else 0.0), whole
    return found, worth


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
