"""The same as `adapter`, by the second engine."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.features.adapter import joined_by
from benchmarks.features.online_adapter import materialize, open_online

__all__ = ["materialize", "open_online", "pit"]


def pit(entities: str, tables: Sequence[Mapping[str, Any]], out: str) -> None:
    """Write a training set: entity rows with the features of tables as of `event_timestamp`."""
    joined_by("duckdb", entities, tables, out)
