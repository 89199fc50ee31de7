"""What an annotation says, control by control, in one form that can be counted and compared.

A result is a list of regions in the order that somebody drew them, with ids, sizes of pictures and
whatever an editor left there. An answer keeps what was said: two annotations that say the same
have equal answers, whatever their ids and order are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.shapes import Shape, shape_of
from dovetail.wire.label_studio.tags import Control, Kind

__all__ = ["Answer", "Value", "answers", "as_region", "as_result"]

Value = (
    str
    | float
    | tuple[str, ...]
    | tuple[Shape, ...]
    | tuple[tuple[str, ...], ...]
    | tuple[tuple[str, tuple[str, ...]], ...]
)
"""The canonical value of an answer; which form it has, `Answer` says."""

VALUE_KEYS: Mapping[Kind, str] = {
    "classes": "choices", "number": "number", "rating": "rating", "text": "text",
    "datetime": "datetime", "pairwise": "selected", "ranking": "ranker", "taxonomy": "taxonomy",
}  # fmt: skip
SHAPED: tuple[Kind, ...] = ("spans", "boxes", "regions")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one annotation or prediction says on one control.

    Attributes:
        control: The control's name.
        kind: What the value is:
        value: classes: the label, or all of them, sorted, where several may be taken; number and
            rating: a number; text and datetime: a text; pairwise: "left" or "right"; ranking:
            pairs of bucket and the items in it, in order; taxonomy: paths, sorted; spans, boxes
            and regions: shapes, sorted; other: the values as canonical JSON. Of a control that is
            answered for each region: shapes whose labels are the answer.
        score: How sure a model is, from 0 to 1; the mean where regions differ.
    """

    control: str
    kind: Kind
    value: Value
    score: float | None = None

    @property
    def key(self) -> str:
        """A text that is equal for equal answers, to count votes by."""
        if isinstance(self.value, str):
            return self.value
        return msgspec.json.encode(self.value, order="sorted").decode()

    @property
    def label(self) -> str | None:
        """The answer as one of a finite set of classes, None where it is none.

        Several labels, or a path of a taxonomy, are joined by " | " and " / ".
        """
        if self.kind in ("classes", "pairwise"):
            said = self.value
            return said if isinstance(said, str) else " | ".join(map(str, _texts(said)))
        if self.kind in ("rating", "number") and isinstance(self.value, float):
            return f"{self.value:g}"
        if self.kind == "taxonomy" and isinstance(self.value, tuple):
            paths = (path for path in self.value if isinstance(path, tuple))
            return " | ".join(" / ".join(map(str, path)) for path in paths)
        return None

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that is used in it, sorted, each once."""
        if self.kind == "taxonomy" and isinstance(self.value, tuple):
            return tuple(sorted({str(path[-1]) for path in self.value if isinstance(path, tuple)}))
        if isinstance(self.value, tuple):
            shapes = [one for one in self.value if isinstance(one, Shape)]
            if shapes:
                return tuple(sorted({label for shape in shapes for label in shape.labels}))
            return _texts(self.value) if self.kind == "classes" else ()
        return (self.label,) if self.label is not None else ()


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str))


Regions = Sequence[Mapping[str, Any]]


def answers(result: Regions, config: LabelConfig) -> dict[str, Answer]:
    """Say what a result says, by the name of the control.

    Args:
        result: The regions of an annotation or a prediction. What cannot be read, and what names
            no control of the config, is passed over: `results.faults` says what it is.
        config: The project's label config.
    """
    said: dict[str, list[Mapping[str, Any]]] = {}
    places: dict[str, Shape] = {}
    for region in result:
        if not isinstance(region, Mapping) or not isinstance(region.get("value"), Mapping):
            continue
        name = region.get("from_name")
        if isinstance(name, str):
            said.setdefault(name, []).append(region)
        key = region.get("id")
        if isinstance(key, str) and key not in places:
            shape = shape_of(region["value"], page=region.get("item_index"))
            if shape.form != "whole":
                places[key] = shape
    found = {}
    for name, regions in said.items():
        control = config.control(name)
        value = _value(control, regions, places) if control else None
        if control is not None and value is not None:
            score = _score(regions)
            found[name] = Answer(control=name, kind=control.kind, value=value, score=score)
    return found


def _value(control: Control, regions: Regions, places: Mapping[str, Shape]) -> Value | None:
    if control.kind in SHAPED or control.per_region:
        return tuple(sorted(_shapes(control, regions, places)))
    if control.kind == "other":
        texts = (msgspec.json.encode(one["value"], order="sorted").decode() for one in regions)
        return "\n".join(sorted(texts))
    values = [one["value"].get(VALUE_KEYS[control.kind]) for one in regions]
    found: Value | None = _READ[control.kind](control, [one for one in values if one is not None])
    return found


def _shapes(control: Control, regions: Regions, places: Mapping[str, Shape]) -> Iterator[Shape]:
    for region in regions:
        value = region["value"]
        labels = [str(one) for one in _said_labels(control, value)]
        shape = shape_of(value, labels, region.get("item_index"))
        place = places.get(str(region.get("id")))
        if shape.form == "whole" and place is not None:
            shape = msgspec.structs.replace(place, labels=tuple(sorted(labels)))
        yield shape


def _said_labels(control: Control, value: Mapping[str, Any]) -> list[Any]:
    for key in (control.type, "labels", VALUE_KEYS.get(control.kind, "")):
        said = value.get(key)
        if said is None:
            continue
        if isinstance(said, list):
            return [" / ".join(map(str, one)) if isinstance(one, list) else one for one in said]
        return [said]
    return []


def _classes(control: Control, values: list[Any]) -> Value | None:
    flat = {str(one) for said in values for one in (said if isinstance(said, list) else [said])}
    if not flat:
        return None
    labels = tuple(sorted(flat))
    return labels if control.multiple or len(labels) > 1 else labels[0]


def _a_number(control: Control, values: list[Any]) -> Value | None:
    for value in values:
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            continue
    return None


def _a_text(control: Control, values: list[Any]) -> Value | None:
    flat = [str(one) for said in values for one in (said if isinstance(said, list) else [said])]
    return "\n".join(flat) if flat else None


def _ranks(control: Control, values: list[Any]) -> Value | None:
    for value in values:
        buckets = value if isinstance(value, Mapping) else {control.name: value}
        if all(isinstance(items, list) for items in buckets.values()):
            pairs = ((str(key), tuple(map(str, items))) for key, items in buckets.items())
            return tuple(sorted(pairs))
    return None


def _paths(control: Control, values: list[Any]) -> Value | None:
    paths = {
        tuple(map(str, path)) if isinstance(path, list) else (str(path),)
        for said in values
        if isinstance(said, list)
        for path in said
    }
    return tuple(sorted(paths)) if paths else None


_READ: Mapping[Kind, Any] = {
    "classes": _classes, "number": _a_number, "rating": _a_number, "text": _a_text,
    "datetime": _a_text, "pairwise": _a_text, "ranking": _ranks, "taxonomy": _paths,
}  # fmt: skip


def _score(regions: Regions) -> float | None:
    scores = [one.get("score") for one in regions]
    known = [float(one) for one in scores if isinstance(one, int | float)]
    return sum(known) / len(known) if known else None


def as_region(
    control: Control, said: str | float | Sequence[str], score: float | None = None
) -> dict[str, Any]:
    """Write an answer as a region of a result, the other way round.

    Args:
        control: One of classes, number, rating, text, datetime, pairwise or taxonomy.
        said: A label, several labels, a number, a text, or "left" or "right"; the names of a
            taxonomy's path are joined by " / ".
        score: How sure the source is.

    Raises:
        ValueError: The control takes shapes or an order, which `said` cannot tell.
    """
    several = [said] if isinstance(said, str) else said
    value: Any
    if control.kind in ("number", "rating"):
        number = float(said) if isinstance(said, str | int | float) else float(said[0])
        value = int(number) if number.is_integer() else number
    elif control.kind in ("datetime", "pairwise"):
        value = str(said)
    elif control.kind in ("classes", "text") and not isinstance(several, int | float):
        value = [str(one) for one in several]
    elif control.kind == "taxonomy" and not isinstance(several, int | float):
        value = [str(one).split(" / ") for one in several]
    else:
        raise ValueError(f"{control.tag} {control.name!r} takes no label but {control.kind}")
    to_name = control.name if control.kind == "pairwise" else control.to_names[0]
    region: dict[str, Any] = {
        "from_name": control.name,
        "to_name": to_name,
        "type": control.type,
        "value": {VALUE_KEYS[control.kind]: value},
    }
    return region if score is None else {**region, "score": score}


def as_result(
    config: LabelConfig, said: Mapping[str, str | float | Sequence[str]]
) -> list[dict[str, Any]]:
    """Write answers by name of the control as a result.

    Raises:
        ValueError: A name is no control of the config, or its control takes no label.
    """
    result = []
    for name, answer in said.items():
        control = config.control(name)
        if control is None:
            raise ValueError(f"the config has no control {name!r}")
        result.append(as_region(control, answer))
    return result
