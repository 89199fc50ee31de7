"""What an annotation says, in the few words that fit a cell of a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dovetail.wire.label_studio.answers import Answer, answers
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.shapes import Shape

__all__ = ["said"]

_MOST = 120
_SIDES = {"left": "the first", "right": "the second"}
_REGIONS = msgspec.json.Decoder(list[dict[str, Any]])


def said(result: str, config: LabelConfig, *, was_cancelled: bool = False) -> str:
    """Say in a few words what a result says.

    Args:
        result: regions as JSON text, as they are stored.
        config: the project's label config.
        was_cancelled: whether the task was skipped.
    """
    if was_cancelled:
        return "skipped"
    try:
        found = answers(_REGIONS.decode(result), config)
    except (msgspec.DecodeError, RecursionError):
        return "not readable"
    words = "; ".join(filter(None, map(_words, found.values()))) or _bare(result)
    return words if len(words) <= _MOST else f"{words[: _MOST - 1]}…"


def _words(answer: Answer) -> str:
    if answer.kind == "pairwise" and isinstance(answer.value, str):
        return _SIDES.get(answer.value, answer.value)
    if answer.label is not None:
        return answer.label
    if isinstance(answer.value, str):
        return answer.value
    if answer.kind == "ranking":
        return _ranked(answer)
    if isinstance(answer.value, tuple):
        shapes = [one for one in answer.value if isinstance(one, Shape)]
        if shapes:
            return _counted([label for shape in shapes for label in shape.labels or ("mark",)])
        return ", ".join(one for one in answer.value if isinstance(one, str))
    return answer.key


def _ranked(answer: Answer) -> str:
    """The ids in order; those of each bucket where there are several."""
    assert isinstance(answer.value, tuple)
    pairs = [one for one in answer.value if isinstance(one, tuple) and one[0] != "_"]
    lists = [(str(key), ", ".join(map(str, ids))) for key, ids in pairs]
    return "; ".join(f"{key}: {ids}" if key != answer.control else ids for key, ids in lists if ids)


def _counted(labels: Sequence[str]) -> str:
    counts: Mapping[str, int] = Counter(labels)
    return ", ".join(f"{count} {label}" for label, count in counts.items())


def _bare(result: str) -> str:
    return "nothing" if result.strip() in ("", "[]") else "of a kind that is not shown"
