"""JSON-MIN, CSV and TSV: a row for each annotation, a column for each control.

A cell that a spreadsheet would run as a formula gets an apostrophe before it, and one that begins
with apostrophes and such a character gets one more; reading with `defused=True` takes one off
again, so nothing is lost. Numbers are left alone.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from dovetail.labels.formats.rows import Row, annotator, pretty, rows
from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["as_csv", "as_json_min", "defuse", "infuse"]

_ALWAYS = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?")
_CHUNK = 1 << 18  # characters gathered before they are handed on


def as_json_min(tasks: Iterable[Mapping[str, Any]], config: LabelConfig) -> Iterator[bytes]:
    """Write an object for each annotation: the task's data, and each control's answer."""
    yield b"[\n"
    first = True
    for row in rows(tasks, config):
        record: dict[str, Any] = dict(row.data)
        if row.task is not None:
            record["id"] = row.task
        record.update((name, pretty(values)) for name, values in row.outputs.items())
        record["annotator"] = annotator(row)
        record.update(row.facts)
        if row.agreement is not None:
            record["agreement"] = row.agreement
        yield (b"" if first else b",\n") + msgspec.json.encode(record)
        first = False
    yield b"\n]"


def as_csv(
    tasks: Iterable[Mapping[str, Any]], config: LabelConfig, separator: str = ","
) -> Iterator[bytes]:
    """Write a line for each annotation.

    Args:
        tasks: exported tasks; gone through twice, for the columns come first.
        config: the label config.
        separator: "," or a tab.
    """
    columns, clashing = _columns(tasks, config)
    buffer = io.StringIO()
    writer = csv.DictWriter(
        buffer, sorted(columns), quoting=csv.QUOTE_NONNUMERIC, delimiter=separator
    )
    writer.writerow({name: defuse(name) for name in columns})
    for row in rows(tasks, config):
        record = _record(row, clashing)
        writer.writerow({name: defuse(cell) for name, cell in record.items()})
        if buffer.tell() > _CHUNK:
            yield _drain(buffer)
    yield _drain(buffer)


def _columns(tasks: Iterable[Mapping[str, Any]], config: LabelConfig) -> tuple[set[str], set[str]]:
    """All columns, and the fields of the data that are called as a control is."""
    inputs: set[str] = set()
    outputs: set[str] = set()
    others = set(_ALWAYS)
    for row in rows(tasks, config):
        inputs.update(row.data)
        outputs.update(row.outputs)
        if row.task is not None:
            others.add("id")
        if row.agreement is not None:
            others.add("agreement")
        if row.answer.get("history"):
            others.add("history")
        for name, values in row.outputs.items():
            if _is_chat(values):
                others.add(f"{name}_transcript")
    clashing = inputs & outputs
    fields = {f"_data_{name}" if name in clashing else name for name in inputs}
    return fields | outputs | others, clashing


def _is_chat(values: list[dict[str, Any]]) -> bool:
    return any(value["type"] in ("Chat", "chatmessage") for value in values)


def _drain(buffer: io.StringIO) -> bytes:
    content = buffer.getvalue().encode("utf-8", "replace")
    buffer.seek(0)
    buffer.truncate()
    return content


def _record(row: Row, clashing: set[str]) -> dict[str, Any]:
    record: dict[str, Any] = {} if row.task is None else {"id": row.task}
    for name, values in row.outputs.items():
        said = pretty(values)
        record[name] = said if isinstance(said, str) else _json(said)
        if _is_chat(values):
            record[f"{name}_transcript"] = _transcript(said)
    for name, value in row.data.items():
        column = f"_data_{name}" if name in clashing else name
        record[column] = _json(value) if isinstance(value, dict | list) else value
    who = annotator(row)
    record["annotator"] = None if who is None else str(who)
    record.update(row.facts)
    if row.agreement is not None:
        record["agreement"] = row.agreement
    if row.answer.get("history"):
        record["history"] = _json(row.answer["history"])
    return record


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _transcript(messages: Any) -> str:
    lines = []
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, Mapping):
            role, content = str(message.get("role", "")), str(message.get("content", ""))
            lines.append(f"{role}: {content}".rstrip() if role else content)
    return "\n".join(lines)


def defuse(cell: Any) -> Any:
    """Keep a spreadsheet from running a cell as a formula.

    Example:
        >>> defuse('=HYPERLINK("http://evil")'), defuse("-3.5"), defuse("fine")
        ('\\'=HYPERLINK("http://evil")', '-3.5', 'fine')
    """
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def infuse(cell: str) -> str:
    """Undo `defuse`.

    Example:
        >>> infuse(defuse("=1+1")), infuse("it's")
        ('=1+1', "it's")
    """
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell
