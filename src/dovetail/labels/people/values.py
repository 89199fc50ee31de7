"""What results say on each control, as values that can be compared, counted and shown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dovetail.wire.label_studio.agreement import compare
from dovetail.wire.label_studio.answers import Answer, Value, answers
from dovetail.wire.label_studio.config import LabelConfig, parse

__all__ = ["Values"]

_VARIABLE = re.compile(r"\$(\w+)")
_SHOWN = 200


class Values:
    """Reads answers as a label config means them.

    Args:
        xml: The label config, which was checked when the project took it.
    """

    def __init__(self, xml: str) -> None:
        self.config: LabelConfig = parse(xml)
        self.fields = frozenset(_VARIABLE.findall(xml))
        """Fields of a task's data that are shown to people, or used in what is shown."""

    @property
    def single(self) -> list[str]:
        """Controls whose answer is one of a few: what consensus and confusion are for."""
        return [name for name, control in self.config.controls.items() if control.is_single]

    @property
    def controls(self) -> list[str]:
        """All controls, as they are written."""
        return list(self.config.controls)

    def read(self, result: str | bytes | Sequence[Mapping[str, Any]]) -> dict[str, Value]:
        """Return what a result says, by control; what cannot be read is passed over."""
        regions = msgspec.json.decode(result) if isinstance(result, str | bytes) else result
        if not isinstance(regions, list | tuple):
            return {}
        return {name: said.value for name, said in answers(regions, self.config).items()}

    def similar(self, control: str, first: Any, second: Any) -> float:
        """Return how alike two values of a control are, from 0 to 1."""
        asked = self.config.control(control)
        if asked is None or first == second or first is None or second is None:
            return float(first == second)
        one = Answer(control=control, kind=asked.kind, value=first)
        return compare(one, Answer(control=control, kind=asked.kind, value=second), asked)

    def shown(self, control: str, value: Any) -> str:
        """Return a value as a short text."""
        asked = self.config.control(control)
        if value is None:
            return "no answer"
        if asked is None:
            return str(value)[:_SHOWN]
        said = Answer(control=control, kind=asked.kind, value=value)
        if said.label is not None:
            text = said.label
        elif asked.kind in ("spans", "boxes", "regions") and isinstance(value, tuple):
            text = _regions(value)
        else:
            text = said.key
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _regions(shapes: Sequence[Any]) -> str:
    if not shapes:
        return "nothing marked"
    parts = []
    for shape in shapes[:8]:
        label = " | ".join(shape.labels) or shape.form
        where = (
            f"“{shape.text}”" if shape.text else ", ".join(f"{x:.0f}" for x in shape.numbers[:4])
        )
        parts.append(f"{label} ({where})" if where else label)
    more = f" and {len(shapes) - 8} more" if len(shapes) > 8 else ""
    return "; ".join(parts) + more
