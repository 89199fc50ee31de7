"""How far two annotations say the same, from 0 to 1, for each kind of control.

Classes are the same or not, several labels share a part (Jaccard), shapes overlap, numbers are
near each other on their scale, texts share words, orders share pairs. Nothing here takes chance
into account: what is beyond chance is for who knows the whole project.
"""

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from itertools import combinations
from statistics import fmean

from dovetail.wire.label_studio.answers import Answer
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.shapes import Shape, match
from dovetail.wire.label_studio.tags import Control

__all__ = ["agreement", "agreements", "compare"]

WORDS = 400  # of a text that are compared; the time grows with their square


def compare(one: Answer | None, other: Answer | None, control: Control) -> float:
    """How far two answers to one control agree.

    Args:
        one: None where nothing was answered.
        other: The same; two that answered nothing agree.
        control: What was asked: its bounds are the scale of numbers.
    """
    if one is None or other is None:
        return float(one is other)
    if one.value == other.value:
        return 1.0
    first, second = one.value, other.value
    if isinstance(first, float) and isinstance(second, float):
        return _near(first, second, control)
    if isinstance(first, str) and isinstance(second, str):
        return _words(first, second) if control.kind == "text" else 0.0
    shapes = _shapes(first), _shapes(second)
    if shapes[0] or shapes[1]:
        return _shared(*shapes)
    if control.kind == "ranking":
        return _order(dict(_pairs(first)), dict(_pairs(second)))
    return _jaccard(_set(first), _set(second))


def agreement(
    one: Mapping[str, Answer], other: Mapping[str, Answer], config: LabelConfig
) -> dict[str, float]:
    """How far two annotations agree, for each control that at least one of them answered."""
    names = dict.fromkeys((*one, *other))
    controls = {name: config.control(name) for name in names}
    return {
        name: compare(one.get(name), other.get(name), control)
        for name, control in controls.items()
        if control is not None
    }


def agreements(several: Iterable[Mapping[str, Answer]], config: LabelConfig) -> dict[str, float]:
    """The mean agreement of all pairs of annotations, by control; empty for fewer than two."""
    found: dict[str, list[float]] = {}
    for one, other in combinations(several, 2):
        for name, share in agreement(one, other, config).items():
            found.setdefault(name, []).append(share)
    return {name: fmean(shares) for name, shares in found.items()}


def _near(one: float, other: float, control: Control) -> float:
    low, high = control.minimum, control.maximum
    if low is not None and high is not None and high > low:
        return max(0.0, 1 - abs(one - other) / (high - low))
    scale = max(abs(one), abs(other))
    return max(0.0, 1 - abs(one - other) / scale) if scale else 1.0


def _words(one: str, other: str) -> float:
    first, second = (text.casefold().split() for text in (one, other))
    if first == second:
        return 1.0
    return SequenceMatcher(None, first[:WORDS], second[:WORDS], autojunk=False).ratio()


def _shapes(value: object) -> list[Shape]:
    return [one for one in value if isinstance(one, Shape)] if isinstance(value, tuple) else []


def _shared(one: list[Shape], other: list[Shape]) -> float:
    pairs = match(one, other)
    return sum(share for _, _, share in pairs) / (len(one) + len(other) - len(pairs))


def _set(value: object) -> set[object]:
    return set(value) if isinstance(value, tuple) else {value}


def _jaccard(one: set[object], other: set[object]) -> float:
    union = one | other
    return len(one & other) / len(union) if union else 1.0


def _pairs(value: object) -> list[tuple[str, tuple[str, ...]]]:
    return [one for one in value if isinstance(one, tuple)] if isinstance(value, tuple) else []


def _order(one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]) -> float:
    """One list: the share of pairs in the same order; buckets: the share in the same bucket."""
    if len(one) == len(other) == 1:
        first, second = (next(iter(ranks.values())) for ranks in (one, other))
        places = {item: place for place, item in enumerate(second)}
        common = [places[item] for item in first if item in places]
        pairs = list(combinations(common, 2))
        missing = len({*first, *second}) - len(common)
        same = sum(low < high for low, high in pairs)
        return same / len(pairs) if pairs and not missing else 0.0
    bucket, theirs = (
        {item: name for name, items in ranks.items() for item in items} for ranks in (one, other)
    )
    items = {*bucket, *theirs}
    return sum(bucket.get(item) == theirs.get(item) for item in items) / len(items) if items else 1
