"""How far people agree, beyond what chance gives: Krippendorff's alpha and every pair of people.

Alpha is 1 minus the disagreement seen within items over that expected between answers at large
(Krippendorff 2004). Its interval is a bootstrap over items, which are what is drawn at random;
people are not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from dovetail.labels.people.given import SAME, Given, Similar, same

__all__ = ["Agreement", "Pair", "agreement", "disagreement", "pairs"]

_DRAWS = 1000
_PAIRS_AT_RANDOM = 4000
_SEED = 7


@dataclass(frozen=True)
class Agreement:
    """How far people agree on one control.

    Attributes:
        control: Its name.
        alpha: Krippendorff's alpha: 1 for perfect, 0 for chance; None where it is not defined.
        low: Lower end of its 95 % interval; None likewise.
        high: Its upper end.
        items: Items with two answers or more.
        answers: Answers on those.
        observed: Mean likeness of two answers on one item.
        by_chance: Mean likeness of any two answers.
        note: Why alpha is not defined, or what it stands on.
    """

    control: str
    alpha: float | None
    low: float | None
    high: float | None
    items: int
    answers: int
    observed: float | None
    by_chance: float | None
    note: str


@dataclass(frozen=True)
class Pair:
    """How often two people said the same.

    Attributes:
        first: One.
        second: The other.
        items: Items that both answered.
        same: On how many they agreed.
        share: `same / items`.
        low: Lower end of its 95 % interval (Wilson).
        high: Its upper end.
    """

    first: str
    second: str
    items: int
    same: int
    share: float
    low: float
    high: float


def agreement(
    control: str, tasks: Mapping[int, Sequence[Given]], similar: Similar = same
) -> Agreement:
    """Measure how far people agree on one control.

    Args:
        control: Which.
        tasks: The last answer of each person, by task.
        similar: How alike two values of a control are; equality makes it nominal alpha.
    """
    units = [
        [given.values[control] for given in answers if control in given.values]
        for answers in tasks.values()
    ]
    units = [values for values in units if len(values) > 1]
    answers = sum(len(values) for values in units)
    if not units:
        why = "no item has two answers"
        return Agreement(control, None, None, None, 0, 0, None, None, why)
    within = [disagreement(control, values, similar) for values in units]
    nominal = similar is same or _is_nominal(control, units, similar)
    parts = _nominal(units, within) if nominal else _general(control, units, within, similar)
    alpha, low, high, seen, chance = parts
    note = "" if alpha is not None else "every answer is the same, so chance explains all"
    if alpha is not None and len(units) < 20:
        note = f"on {len(units)} items only"
    return Agreement(control, alpha, low, high, len(units), answers, 1 - seen, 1 - chance, note)


def disagreement(control: str, values: Sequence[Any], similar: Similar = same) -> float:
    """Return the mean unlikeness of two answers on one item, from 0 to 1."""
    if similar is same:
        n = len(values)
        alike = sum(count * (count - 1) for count in Counter(values).values())
        return 1 - alike / (n * (n - 1)) if n > 1 else 0.0
    found = [1 - similar(control, a, b) for a, b in combinations(values, 2)]
    return sum(found) / len(found) if found else 0.0


def pairs(
    control: str, tasks: Mapping[int, Sequence[Given]], similar: Similar = same
) -> list[Pair]:
    """Return how often each two people said the same, in the order of their names."""
    from dovetail.labels.combining import wilson

    items: Counter[tuple[str, str]] = Counter()
    alike: Counter[tuple[str, str]] = Counter()
    for answers in tasks.values():
        said = sorted((one for one in answers if control in one.values), key=lambda one: one.person)
        for first, second in combinations(said, 2):
            key = first.person, second.person
            items[key] += 1
            alike[key] += similar(control, first.values[control], second.values[control]) >= SAME
    return [
        Pair(*key, items[key], alike[key], *wilson(alike[key], items[key])) for key in sorted(items)
    ]


Parts = tuple[float | None, float | None, float | None, float, float]


def _is_nominal(control: str, units: Sequence[Sequence[Any]], similar: Similar) -> bool:
    """Whether likeness is but equality on what was said, so that counts suffice."""
    try:
        distinct = list({value for values in units for value in values})
    except TypeError:
        return False
    if len(distinct) > 50:
        return False
    return all(similar(control, a, b) == 0 for a, b in combinations(distinct, 2))


def _nominal(units: Sequence[Sequence[Any]], within: Sequence[float]) -> Parts:
    """Alpha from counts of values, with every draw of the bootstrap in a few matrix products."""
    import numpy as np

    place: dict[Any, int] = {}
    counts = np.zeros((len(units), len({v for values in units for v in values})))
    for row, values in enumerate(units):
        for value in values:
            counts[row, place.setdefault(value, len(place))] += 1
    size = counts.sum(1)
    drawn = np.vstack([np.ones(len(units)), _draws(len(units))])
    total = drawn @ size
    seen = (drawn @ (size * np.asarray(within))) / total
    shares = drawn @ counts
    alike = (shares * (shares - 1)).sum(1) / (total * (total - 1))
    expected = 1 - alike
    defined = expected > 1e-12
    alpha = np.where(defined, 1 - seen / np.where(defined, expected, 1), np.nan)
    return _parts(alpha, float(seen[0]), float(expected[0]))


def _general(
    control: str, units: Sequence[Sequence[Any]], within: Sequence[float], similar: Similar
) -> Parts:
    """Alpha with any likeness; what chance gives is measured on pairs of answers at random."""
    import numpy as np

    rng = np.random.default_rng(_SEED)
    pool = [value for values in units for value in values]
    if len(pool) * (len(pool) - 1) // 2 <= _PAIRS_AT_RANDOM:
        chosen = list(combinations(range(len(pool)), 2))
    else:
        drawn_pairs = rng.integers(0, len(pool), (_PAIRS_AT_RANDOM, 2)).tolist()
        chosen = [(a, b) for a, b in drawn_pairs if a != b]
    expected = float(np.mean([1 - similar(control, pool[a], pool[b]) for a, b in chosen]))
    size = np.asarray([len(values) for values in units], float)
    drawn = np.vstack([np.ones(len(units)), _draws(len(units))])
    seen = (drawn @ (size * np.asarray(within))) / (drawn @ size)
    alpha = 1 - seen / expected if expected > 1e-12 else np.full(len(seen), np.nan)
    return _parts(alpha, float(seen[0]), expected)


def _draws(units: int) -> Any:
    """float[draws, units]: how often each item is drawn, in each draw of the bootstrap."""
    import numpy as np

    rng = np.random.default_rng(_SEED)
    draws = _DRAWS if units <= 2000 else 200
    return rng.multinomial(units, np.full(units, 1 / units), draws).astype(float)


def _parts(alpha: Any, seen: float, expected: float) -> Parts:
    import numpy as np

    if np.isnan(alpha[0]):
        return None, None, None, seen, expected
    low, high = np.nanpercentile(alpha[1:], (2.5, 97.5))
    return float(alpha[0]), float(low), float(high), seen, expected
