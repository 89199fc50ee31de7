"""Large items as many small ones: split by a rule, labelled apart, and put together again.

A comment of ten sentences is ten questions, a table of a hundred rows a hundred. Small questions
are answered faster and better, and each goes to the source that is best at it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from dovetail.base.errors import InvalidInputError

__all__ = ["Answered", "Part", "Rule", "joined", "label_of", "split"]

MOST = 10_000
# Ends of sentences: punctuation and space, or an empty line; not after one letter ("J. Smith").
_END = re.compile(
    r"(?<!\b\w)(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|\n\s*\n|[。！？]"  # noqa: RUF001
)


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an item is split and put together.

    Attributes:
        by: `list`: the elements of a list; `rows`: the objects of a list, each as a task's data;
            `sentences` of a text; `regions`: what is marked in the parent's answers.
        field: The field of the parent's data; the text or image that regions are in.
        into: The field of a part's data that takes it; rows bring their own.
        keep: Fields of the parent that every part has too.
        join: What the parent's class is: `majority` of the parts, or the first label of `order`
            that `any` part has.
        order: For `any`: labels, the decisive one first.
    """

    by: Literal["list", "rows", "sentences", "regions"]
    field: Annotated[str, Meta(min_length=1)]
    into: Annotated[str, Meta(min_length=1)] = "text"
    keep: list[str] = []
    join: Literal["majority", "any"] = "majority"
    order: list[str] = []


class Part(Struct, frozen=True, kw_only=True):
    """A part of an item.

    Attributes:
        index: Its place, from 0.
        data: Its fields.
        place: Where it is in the parent: start and end of a text, or a region; empty for lists.
    """

    index: int
    data: dict[str, Any]
    place: dict[str, Any] = {}


class Answered(Struct, frozen=True, kw_only=True):
    """A part with its label.

    Attributes:
        index: Its place.
        label: Its likeliest label.
        confidence: The probability of that.
        place: Where it is in the parent.
    """

    index: int
    label: str
    confidence: float
    place: dict[str, Any] = {}


def split(
    data: Mapping[str, Any], rule: Rule, regions: Sequence[Mapping[str, Any]] = ()
) -> list[Part]:
    """Return the parts of an item, in order; none where there is nothing to split.

    Args:
        data: The item's fields.
        rule: How.
        regions: What is marked in it, for `by = "regions"`.

    Raises:
        InvalidInputError: the field is missing or of another kind, or there are too many parts.

    Example:
        >>> rule = Rule(by="sentences", field="review", into="sentence")
        >>> [part.data for part in split({"review": "Fine. But J. Doe was late!"}, rule)]
        [{'sentence': 'Fine.'}, {'sentence': 'But J. Doe was late!'}]
    """
    if rule.field not in data:
        raise InvalidInputError(
            f"an item has no field {rule.field!r} to split",
            why="it has: " + ", ".join(data),
        )
    kept = {name: data[name] for name in rule.keep if name in data}
    found = _SPLIT[rule.by](data[rule.field], rule, regions)
    if len(found) > MOST:
        raise InvalidInputError(f"an item has {len(found):,} parts, more than {MOST:,}")
    return [
        Part(index=index, data={**kept, **fields}, place=place)
        for index, (fields, place) in enumerate(found)
    ]


def label_of(parts: Sequence[Answered], rule: Rule) -> tuple[str, float] | None:
    """Return the parent's label and its probability; None without parts.

    With `majority`, the probability is that of the parts' mean vote; with `any`, that of the
    decisive parts, taken as independent.

    Example:
        >>> parts = [Answered(index=i, label=x, confidence=0.9) for i, x in enumerate("aab")]
        >>> label_of(parts, Rule(by="list", field="x"))[0]
        'a'
        >>> label_of(parts, Rule(by="list", field="x", join="any", order=["b", "a"]))
        ('b', 0.9)
    """
    if not parts:
        return None
    said = [part.label for part in parts]
    if rule.join == "any":
        first = next((label for label in rule.order if label in said), None)
        if first is not None:
            missed = 1.0
            for part in parts:
                missed *= 1 - part.confidence if part.label == first else 1.0
            return first, 1 - missed if missed else 1.0
    votes: dict[str, float] = {}
    for part in parts:
        votes[part.label] = votes.get(part.label, 0.0) + part.confidence
    best = max(votes, key=lambda label: (votes[label], label))
    return best, votes[best] / len(parts)


def joined(parts: Sequence[Answered], name: str, to_name: str, kind: str) -> list[dict[str, Any]]:
    """Return regions of the parent, one for each part that has a place in it.

    Args:
        parts: With their places.
        name: Of the control that marks, `from_name` of the regions.
        to_name: Of the object that is marked.
        kind: `type` of the regions, such as labels.
    """
    found = []
    for part in parts:
        if not part.place:
            continue
        if "value" in part.place:  # a region, kept but for its label
            value = {**part.place["value"], kind: [part.label]}
            found.append({**part.place, "value": value, "score": part.confidence})
            continue
        value = {**part.place, kind: [part.label]}
        found.append(
            {
                "from_name": name, "to_name": to_name, "type": kind, "value": value,
                "score": part.confidence,
            }
        )  # fmt: skip
    return found


Split = list[tuple[dict[str, Any], dict[str, Any]]]


def _list(value: Any, rule: Rule, _: Any) -> Split:
    return [({rule.into: one}, {}) for one in _listed(value, rule)]


def _rows(value: Any, rule: Rule, _: Any) -> Split:
    rows = _listed(value, rule)
    if not all(isinstance(row, dict) for row in rows):
        raise InvalidInputError(f"the field {rule.field!r} holds rows that are no objects")
    return [(dict(row), {}) for row in rows]


def _listed(value: Any, rule: Rule) -> list[Any]:
    if isinstance(value, str):  # tables come as JSON in text, too
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            value = None
    if not isinstance(value, list):
        raise InvalidInputError(f"the field {rule.field!r} holds no list")
    return value


def _sentences(value: Any, rule: Rule, _: Any) -> Split:
    if not isinstance(value, str):
        raise InvalidInputError(f"the field {rule.field!r} holds no text")
    found: Split = []
    start = 0
    for end in [*(match.end() for match in _END.finditer(value)), len(value)]:
        text = value[start:end]
        inner = text.strip()
        if inner:
            at = start + len(text) - len(text.lstrip())
            place = {"start": at, "end": at + len(inner), "text": inner}
            found.append(({rule.into: inner}, place))
        start = end
    return found


def _regions(value: Any, rule: Rule, regions: Sequence[Mapping[str, Any]]) -> Split:
    found: Split = []
    for region in regions:
        marked = region.get("value")
        if not isinstance(marked, Mapping):
            continue
        start, end = marked.get("start"), marked.get("end")
        if isinstance(value, str) and isinstance(start, int) and isinstance(end, int):
            found.append(({rule.into: value[start:end]}, dict(region)))
        elif {"x", "y", "width", "height"} <= marked.keys():
            box = {name: marked[name] for name in ("x", "y", "width", "height")}
            found.append(({rule.into: value, **box}, dict(region)))
    return found


_SPLIT = {"list": _list, "rows": _rows, "sentences": _sentences, "regions": _regions}
