"""CoNLL-2003: a line for each word, with B- and I- before the label of the span it is in."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dovetail.labels.formats.rows import rows
from dovetail.labels.formats.treebank import tokens
from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["as_conll"]


def as_conll(tasks: Iterable[Mapping[str, Any]], config: LabelConfig) -> Iterator[bytes]:
    """Write the spans of the first `Labels` control that an annotation answers.

    Where spans overlap, a word has the label of the one that begins first.
    """
    labels = (one for one in config.controls.values() if one.tag == "Labels")
    names = (name for one in labels for name in one.to_names if name in config.objects)
    about = [config.objects[name].field for name in names]
    field = next(iter(about or config.fields), "")
    yield b"-DOCSTART- -X- O\n"
    for row in rows(tasks, config):
        text = row.data.get(field)
        spans = next((found for found in row.outputs.values() if found[0]["type"] == "Labels"), [])
        lines = _lines(text if isinstance(text, str) else "", spans)
        yield ("".join(lines) + "\n").encode("utf-8", "replace")


def _lines(text: str, spans: list[dict[str, Any]]) -> Iterator[str]:
    placed = sorted((one for one in spans if _is_placed(one)), key=lambda one: float(one["start"]))
    if len(placed) < len(spans):
        placed = []
    at, begun = 0, False
    for begin, end in tokens(text):
        while at < len(placed) and begin > placed[at]["end"] - 1:
            at, begun = at + 1, False
        tag = "O"
        if at < len(placed) and end > placed[at]["start"] and placed[at].get("labels"):
            tag = ("I-" if begun else "B-") + str(placed[at]["labels"][0])
            begun = True
        yield f"{text[begin:end]} -X- _ {tag}\n"


def _is_placed(span: Mapping[str, Any]) -> bool:
    return all(isinstance(span.get(key), int | float) for key in ("start", "end"))
