"""Rows of a table as what events would have said: a request, a response and an outcome each."""

import hashlib
import math
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from dovetail.monitoring.intake import Inference, Item, Outcomes
from dovetail.monitoring.sources.settings import Table
from dovetail.monitoring.tensors import Features, Schema, is_shares

__all__ = ["Column", "items_of"]

Column = Sequence[Any]
_FIRST_ROW = struct.pack("<i", 0)
_NAN = struct.pack("<d", math.nan)
_MILLISECONDS = 1e11
"""Numbers above it are milliseconds since 1970, those below are seconds."""


def items_of(table: Table, columns: Mapping[str, Column], now_ms: int) -> tuple[list[Item], int]:
    """Read rows.

    Args:
        table: Which column is what.
        columns: Their values by name, all of one length; a column that is not there is missing.
        now_ms: When they were read, by which a later reading of an outcome rules.

    Returns:
        What to store, and how many rows cannot be read: without an id or a time.
    """
    ids = columns.get(table.id, ())
    rows = len(ids)
    nothing: Column = [None] * rows
    features = _Features(table, columns)
    scores = [columns.get(name, nothing) for name in table.scores]
    times, labels = columns.get(table.time, nothing), columns.get(table.label, nothing)
    versions = columns.get(table.version, nothing)
    items: list[Item] = []
    refused = 0
    for k in range(rows):
        name, moment = _text(ids[k]), _moment(times[k])
        if not name or (scores and moment is None):
            refused += 1
            continue
        if scores and moment is not None:
            version = _text(versions[k]) or table.version_name
            answers = [_number(column[k]) for column in scores]
            items += _inference(table, name, moment, version, answers, features.row(k))
        label = labels[k]
        if label is not None and label == label:
            items += _outcome(table, name, label, now_ms)
    return items, refused


def _inference(
    table: Table, name: str, at_ms: int, version: str, answers: list[float], features: Features
) -> list[Item]:
    several = len(answers) > 1
    shares = struct.pack(f"<{len(answers)}d", *answers)
    response = Inference(
        table.model,
        "live",
        name,
        at_ms,
        rows=1,
        version=version,
        scores=_NAN if several else shares,
        shares=shares if several and is_shares(answers) else None,
    )
    request = Inference(table.model, "live", name, at_ms, asked_rows=1, features=features)
    return [Item.of(request), Item.of(response)]


def _outcome(table: Table, name: str, label: Any, now_ms: int) -> list[Item]:
    value = _number(label)
    text = str(label) if value != value else None
    said = text if text is not None else repr(value)
    if "\0" in said or math.isinf(value):
        return []
    digest = hashlib.sha256("\0".join([table.model, name, said]).encode()).hexdigest()[:32]
    outcome = Outcomes(
        model=table.model,
        request_id=name,
        time_ms=now_ms,
        rows=_FIRST_ROW,
        values=struct.pack("<d", value),
        texts=None if text is None else msgspec.json.encode([text]),
    )
    return [Item(digest, outcomes=[outcome])]


class _Features:
    """The features of rows, one at a time."""

    def __init__(self, table: Table, columns: Mapping[str, Column]) -> None:
        wanted = table.features
        if wanted is None:
            wanted = [name for name in columns if name not in table.named]
        kept = {name: columns[name] for name in wanted if name in columns}
        texts = [name for name, values in kept.items() if any(isinstance(v, str) for v in values)]
        numbers = [name for name in kept if name not in texts]
        self._schema = Schema(tuple(numbers), tuple(texts))
        self._numbers = [kept[name] for name in numbers]
        self._texts = [kept[name] for name in texts]

    def row(self, k: int) -> Features:
        """The features of one row."""
        values = [_number(column[k]) for column in self._numbers]
        data = struct.pack(f"<{len(values)}d", *values)
        if self._texts:
            said = [[None if column[k] is None else str(column[k])] for column in self._texts]
            data += msgspec.json.encode(said)
        return Features(self._schema, 1, data)


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return "" if "\0" in text else text


def _number(value: Any) -> float:
    """A cell as a number: times as seconds, what is none as NaN."""
    if isinstance(value, date | datetime):
        moment = _moment(value)
        return math.nan if moment is None else moment / 1000
    if isinstance(value, bool | int | float | Decimal | str):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return math.nan
    return math.nan


def _moment(value: Any) -> int | None:
    """Milliseconds since 1970; a time without a zone is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return int(aware.timestamp() * 1000)
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
    number = _number(value) if isinstance(value, int | float | Decimal) else math.nan
    if not math.isfinite(number):
        return None
    return int(number if abs(number) >= _MILLISECONDS else number * 1000)
