"""A row of a flat export: one annotation, with its task's data beside it.

A task with several annotations has several rows, the newest first; one without any has a row with
nothing answered; skipped annotations have none.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["Row", "annotator", "pretty", "rows"]

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One annotation.

    Attributes:
        task: number of the task.
        data: the task's data.
        outputs: by control, the values of its regions, each with `type` and the picture's size.
        answer: the annotation; empty where there is none.
        agreement: what the task says of it, None where it says nothing.
    """

    task: int | None
    data: Raw
    outputs: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    answer: Raw = field(default_factory=dict)
    agreement: Any = None

    @property
    def facts(self) -> dict[str, Any]:
        """What every flat format says of the annotation beside the answers."""
        names = ("annotation_id", "created_at", "updated_at", "lead_time")
        answer = {**self.answer, "annotation_id": self.answer.get("id")}
        return {name: answer.get(name) for name in names}


def rows(tasks: Iterable[Raw], config: LabelConfig) -> Iterator[Row]:
    """Read exported tasks as rows.

    Args:
        tasks: as Label Studio's JSON export has them.
        config: regions of other controls are left out; without any control all are taken.
    """
    for task in tasks:
        answers = [one for one in task.get("annotations") or [] if isinstance(one, Mapping)]
        data, number, agreement = task.get("data") or {}, task.get("id"), task.get("agreement")
        if not answers:
            yield Row(number, data, agreement=agreement)
        kept = [one for one in answers if not one.get("was_cancelled") and not one.get("skipped")]
        kept.sort(key=lambda one: str(one.get("created_at") or ""), reverse=True)
        for one in kept:
            yield Row(number, data, _outputs(one.get("result") or [], config), one, agreement)


def _outputs(result: Iterable[Any], config: LabelConfig) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for region in result:
        if not isinstance(region, Mapping) or not region.get("from_name"):
            continue
        name, said = str(region["from_name"]), region.get("value")
        control = config.control(name)
        if control is not None:
            kind = control.tag
        elif region.get("type") == "chatmessage" or not config.controls:
            kind = str(region.get("type") or "unknown")
        else:
            continue
        value = {**(said if isinstance(said, Mapping) else {}), "type": kind}
        for size in ("original_width", "original_height"):
            if size in region:
                value[size] = region[size]
        found.setdefault(name, []).append(value)
    return found


def pretty(values: list[dict[str, Any]]) -> Any:
    """Shorten the values of a control: a single choice or text stands for itself."""
    kind, out = "", []
    for value in values:
        kind = value["type"]
        rest = {key: part for key, part in value.items() if key != "type"}
        said = rest.get("choices" if kind == "Choices" else "text")
        if kind in ("Choices", "TextArea") and isinstance(said, list) and len(said) == 1:
            out.append(said[0])
        elif kind in ("Chat", "chatmessage"):
            out.append(rest.get("chatmessage", rest))
        else:
            out.append(rest)
    return out[0] if kind in ("Choices", "TextArea") and len(out) == 1 else out


def annotator(row: Row) -> str | int | None:
    """Who answered: a number, or the address where the export has it; None for nobody."""
    said = row.answer.get("completed_by")
    if isinstance(said, Mapping):
        email = said.get("email")
        return email if isinstance(email, str) else None
    return said if isinstance(said, int | str) else None
