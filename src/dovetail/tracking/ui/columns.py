"""The columns of the table of runs: what there is, what is shown, and how the address says it.

A column is named as in a filter, `metrics.auc` or `params.lr`; an attribute has a plain name. The
choice is part of the address, so a table can be linked to. Where the address says nothing, the
browser's last choice for this experiment holds, else the most common columns.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request

from dovetail.tracking.filters import Entity, Order
from dovetail.tracking.store.run_columns import Cells, Keys

__all__ = [
    "COOKIE",
    "SOURCE",
    "Column",
    "choices",
    "chosen",
    "is_sortable",
    "is_system",
    "order_of",
    "wanted",
]

COOKIE = "dovetail_columns"
SOURCE = "mlflow.source.name"
WIDEST = 60
COMMON = 6
ATTRIBUTES = {
    "status": "Status",
    "started": "Started",
    "took": "Took",
    "user": "User",
    "source": "Source",
    "models": "Models",
    "datasets": "Datasets",
    "ended": "Ended",
    "run_id": "Run id",
}
USUAL = ("status", "started", "took", "user", "source", "models")
SORTABLE = ("name", "status", "started", "took", "user", "ended")
KINDS = {"status": "badge", "started": "age", "ended": "age", "took": "duration", "run_id": "code"}
ENTITIES: dict[str, Entity] = {"metrics": "metric", "params": "parameter", "tags": "tag"}


class Column(msgspec.Struct, frozen=True):
    """One column.

    Attributes:
        name: as the address has it.
        title: what its head says.
        kind: how its values read; `digits` is text that holds numbers.
        group: metrics, params or tags; empty for an attribute.
        sort: whether the table can be ordered by it.
        digits: decimals of a metric.
    """

    name: str
    title: str
    kind: str
    group: str = ""
    sort: bool = True
    digits: int | None = None


def is_sortable(name: str) -> bool:
    """Tell whether a table of runs can be ordered by a column."""
    entity, dot, key = name.partition(".")
    return name in SORTABLE or name == "source" or (entity in ENTITIES and bool(dot and key))


def order_of(name: str, ascending: bool) -> Order:
    """Return the order that a column's name asks for."""
    entity, dot, key = name.partition(".")
    if dot:
        return Order(ENTITIES[entity], key, ascending)
    if name == "source":
        return Order("tag", SOURCE, ascending)
    return Order("attribute", name, ascending)


def chosen(request: Request, keys: Keys) -> list[str]:
    """Return the names of the columns to show."""
    asked = request.query_params.getlist("col")
    if not asked and COOKIE in request.cookies:
        asked = [unquote(part) for part in request.cookies[COOKIE].split("+") if part]
    valid = [name for name in dict.fromkeys(asked) if _is_column(name)]
    if valid:
        return valid[:WIDEST]
    metrics = (f"metrics.{key}" for key in keys.metrics[:COMMON])
    return [*USUAL, *metrics, *(f"params.{key}" for key in keys.params[:COMMON])]


def _is_column(name: str) -> bool:
    return name in ATTRIBUTES or ("." in name and is_sortable(name))


def wanted(names: Iterable[str], *others: str) -> Keys:
    """Return which metrics, parameters and tags the columns need."""
    held: dict[str, list[str]] = {group: [] for group in ENTITIES}
    for name in (*names, *others):
        group, dot, key = name.partition(".")
        if dot:
            held[group].append(key)
        elif name == "source":
            held["tags"].append(SOURCE)
    return Keys(tuple(held["metrics"]), tuple(held["params"]), tuple(held["tags"]))


def columns_of(names: Sequence[str], cells: Mapping[int, Cells]) -> list[Column]:
    """Return the columns with how their values read, which depends on the values."""
    return [_column(name, cells) for name in names]


def _column(name: str, cells: Mapping[int, Cells]) -> Column:
    group, dot, key = name.partition(".")
    if not dot:
        return Column(name, ATTRIBUTES[name], KINDS.get(name, name), sort=is_sortable(name))
    if group == "metrics":
        values = [value for one in cells.values() if (value := one.metrics.get(key)) is not None]
        return Column(name, key, "number", group, digits=digits_of(values))
    texts = [text for one in cells.values() if (text := getattr(one, group).get(key)) is not None]
    numeric = bool(texts) and all(map(_is_number, texts))
    return Column(name, key, "digits" if numeric else "text", group)


def digits_of(values: Sequence[float]) -> int:
    """Return so many decimals that the greatest of the values has five digits."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=1.0)
    if not largest or largest > 1e15:
        return 0
    if all(value == int(value) for value in values if abs(value) < 1e15):
        return 0
    return min(8, max(0, 3 - math.floor(math.log10(largest))))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def choices(keys: Keys, shown: Sequence[str]) -> list[dict[str, Any]]:
    """Return every column in its group, and whether it is shown."""
    groups = {
        "Attributes": dict(ATTRIBUTES),
        "Metrics": {f"metrics.{key}": key for key in keys.metrics},
        "Parameters": {f"params.{key}": key for key in keys.params},
        "Tags": {f"tags.{key}": key for key in keys.tags},
    }
    for name in shown:
        group, dot, key = name.partition(".")
        if dot:
            title = {"metrics": "Metrics", "params": "Parameters", "tags": "Tags"}[group]
            groups[title].setdefault(name, key)
    return [
        {
            "title": title,
            "columns": [
                {"name": name, "title": label, "shown": name in shown}
                for name, label in held.items()
            ],
        }
        for title, held in groups.items()
        if held
    ]


def is_system(tag: str) -> bool:
    """Whether a tag is one that clients set by themselves, which says nothing of the work."""
    return tag.startswith("mlflow.") or tag == "dovetail.key"
