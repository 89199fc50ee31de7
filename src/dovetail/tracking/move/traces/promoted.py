"""Labels of a trace that newer databases of MLflow keep in columns instead of rows.

Since 3.15 the name, the session, the counts of tokens and the costs are columns of `trace_info`,
and rows of those names are no longer looked at.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from dovetail.tracking.store.traces import NAME

__all__ = ["COLUMNS", "canonical", "from_columns", "to_columns"]

SESSION, TOKENS, COST = "mlflow.trace.session", "mlflow.trace.tokenUsage", "mlflow.trace.cost"
_NUMBERS = {
    TOKENS: (
        *("input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens"),
        *("cache_creation_input_tokens", "cache_creation_input_tokens_above_1hr"),
    ),
    COST: ("input_cost", "output_cost", "total_cost"),
}
COLUMNS = ("trace_name", "session_id", *_NUMBERS[TOKENS], *_NUMBERS[COST])


def from_columns(row: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return the tags and the metadata that columns hold.

    Args:
        row: has `COLUMNS`, NULL where the database lacks them.
    """
    tags = {} if row.trace_name is None else {NAME: row.trace_name}
    metadata = {} if row.session_id is None else {SESSION: row.session_id}
    for key, names in _NUMBERS.items():
        numbers = {name: getattr(row, name) for name in names if getattr(row, name) is not None}
        if numbers:
            metadata[key] = json.dumps(numbers)
    return tags, metadata


def to_columns(
    tags: Mapping[str, str], metadata: Mapping[str, str], has: Collection[str]
) -> dict[str, Any]:
    """Return columns for labels, as far as a database has them; the way back of `from_columns`."""
    found: dict[str, Any] = {"trace_name": tags.get(NAME), "session_id": metadata.get(SESSION)}
    for key, names in _NUMBERS.items():
        numbers = _numbers(metadata.get(key, ""))
        found.update({name: numbers.get(name) for name in names})
    return {name: value for name, value in found.items() if name in has}


def _numbers(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(given, dict):
        return {}
    return {key: value for key, value in given.items() if isinstance(value, int | float)}


def canonical(key: str, value: str) -> str:
    """Return a value of the metadata as it compares: numbers in whatever order they came."""
    numbers = _numbers(value) if key in _NUMBERS else {}
    return json.dumps(numbers, sort_keys=True) if numbers else value
