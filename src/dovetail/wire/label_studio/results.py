"""Region results, typed for who reads them and checked against the label config.

Results are stored and handed on as they came; what is here only looks at them. Regions that an
unknown tag made, or that carry more than is known, are no fault.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dovetail.wire.label_studio.agreement import agreement, agreements, compare
from dovetail.wire.label_studio.answers import Answer, answers, as_region, as_result
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.shapes import Shape, shape_of
from dovetail.wire.label_studio.tags import Control

__all__ = [
    "Answer",
    "Fault",
    "Region",
    "Shape",
    "agreement",
    "agreements",
    "answers",
    "as_region",
    "as_result",
    "compare",
    "faults",
    "regions",
]

_SHOWN = 5


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A region, as far as its parts are what they should be.

    Attributes:
        id: Regions of several controls on one shape share it; "" where there is none.
        from_name: The control; "" for a relation.
        to_name: The object.
        type: Such as "choices" or "relation".
        value: What was answered.
        score: How sure a model is.
        raw: The region word for word.
    """

    id: str
    from_name: str
    to_name: str
    type: str
    value: dict[str, Any]
    score: float | None = None
    raw: dict[str, Any] = {}

    @property
    def shape(self) -> Shape:
        """Where it is in the item."""
        labels = self.value.get(self.type) or self.value.get("labels") or []
        named = [one for one in labels if isinstance(one, str)] if isinstance(labels, list) else []
        return shape_of(self.value, named, self.raw.get("item_index"))


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a region.

    Attributes:
        index: Its position in the result, -1 for the result as a whole.
        control: The control's name, "" where it is not known.
        what: What is wrong.
        fix: What would be right.
    """

    index: int
    control: str
    what: str
    fix: str

    def __str__(self) -> str:
        where = f"result[{self.index}]: " if self.index >= 0 else ""
        return f"{where}{self.what}. {self.fix}."


def regions(result: Sequence[Any]) -> list[Region]:
    """Read the regions of a result; what is no object is passed over."""
    return [_region(raw) for raw in result if isinstance(raw, Mapping)]


def _region(raw: Mapping[str, Any]) -> Region:
    value, score = raw.get("value"), raw.get("score")
    texts = {key: raw.get(key) for key in ("id", "from_name", "to_name", "type")}
    return Region(
        **{key: said if isinstance(said, str) else "" for key, said in texts.items()},
        value=dict(value) if isinstance(value, Mapping) else {},
        score=float(score) if isinstance(score, int | float) else None,
        raw=dict(raw),
    )


def faults(result: object, config: LabelConfig, *, complete: bool = True) -> list[Fault]:
    """Find what a result says that the label config does not allow.

    Args:
        result: What came as `result`.
        config: The project's label config.
        complete: Whether it is a fault that a required control is not answered.
    """
    if not isinstance(result, Sequence) or isinstance(result, str | bytes):
        return [_whole("", "result is no list", "Send a list of regions, [] for none")]
    found: list[Fault] = []
    for index, raw in enumerate(result):
        for control, what, fix in _region_faults(raw, config):
            found.append(Fault(index=index, control=control, what=what, fix=fix))
    if complete:
        said = answers([raw for raw in result if isinstance(raw, Mapping)], config)
        found += [
            _whole(name, f"{control.tag} '{name}' is not answered", "It is required")
            for name, control in config.controls.items()
            if control.required and not control.conditions and name not in said
            if not control.per_region and "{{" not in name
        ]
    return found


def _whole(control: str, what: str, fix: str) -> Fault:
    return Fault(index=-1, control=control, what=what, fix=fix)


Found = list[tuple[str, str, str]]


def _region_faults(raw: object, config: LabelConfig) -> Found:
    if not isinstance(raw, Mapping):
        return [("", f"a region is {type(raw).__name__}", "Make it an object")]
    if "from_name" not in raw and raw.get("type") == "relation":
        return []
    name = raw.get("from_name")
    if not isinstance(name, str) or not isinstance(raw.get("value"), Mapping):
        lacking = "value" if isinstance(name, str) else "from_name"
        return [("", f"a region has no {lacking}", "Give it from_name, to_name, type and value")]
    control = config.control(name)
    if control is None:
        known = ", ".join(list(config.controls)[:_SHOWN]) or "none"
        return [(name, f"no control is named {name!r}", f"The config has: {known}")]
    found: Found = []
    to_name = raw.get("to_name")
    if to_name not in (*control.to_names, ",".join(control.to_names), name) and "{{" not in str(
        control.to_names
    ):
        about = ", ".join(control.to_names)
        found.append((name, f"'{name}' is not about {to_name!r}", f"Its toName is {about}"))
    return found + _value_faults(control, name, raw["value"])


def _value_faults(control: Control, name: str, value: Mapping[str, Any]) -> Found:
    if control.kind in ("number", "rating"):
        return _number_faults(control, name, value.get(control.kind))
    found: Found = []
    labels = _labels(control, value)
    unknown = [label for label in labels if label not in control.classes]
    if unknown and control.classes and not control.dynamic:
        offered = ", ".join(control.classes[:_SHOWN])
        found.append((name, f"'{name}' does not offer {unknown[0]!r}", f"It offers: {offered}"))
    if control.kind == "classes" and not control.multiple and len(labels) > 1:
        found.append((name, f"'{name}' takes one label, and {len(labels)} are given", "Give one"))
    shape = shape_of(value)
    if shape.form == "span" and shape.numbers[0] > shape.numbers[1] and not shape.at:
        start, end = shape.numbers
        found.append((name, f"a span goes from {start:g} to {end:g}", "Let it end after its start"))
    if shape.form == "box" and (shape.numbers[2] < 0 or shape.numbers[3] < 0):
        found.append((name, "a box has a negative size", "Give its left upper corner"))
    return found


def _number_faults(control: Control, name: str, said: object) -> Found:
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        return [(name, f"'{name}' is answered with {said!r}", "Give a number")]
    low, high = control.minimum, control.maximum
    if control.kind == "rating":
        low = 0.0
    if (low is not None and said < low) or (high is not None and said > high):
        bounds = f"from {low:g}" if low is not None else ""
        bounds += f" up to {high:g}" if high is not None else ""
        return [(name, f"'{name}' is answered with {said:g}", f"It takes numbers {bounds.strip()}")]
    return []


def _labels(control: Control, value: Mapping[str, Any]) -> list[str]:
    if control.kind in ("text", "ranking", "pairwise", "datetime", "other"):
        return []
    said = value.get("taxonomy") if control.kind == "taxonomy" else value.get(control.type)
    if not isinstance(said, list):
        return []
    flat = [one for part in said for one in (part if isinstance(part, list) else [part])]
    return [str(one) for one in flat]
