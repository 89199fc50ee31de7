"""Label Studio's data-manager queries as SQL: filters, ordering, selected items.

A query is {filters: {conjunction, items: [{filter, operator, type, value}]},
ordering: ["-tasks:id"], selectedItems: {all, included, excluded}}. What names no known column is
refused, for a filter that is silently ignored would delete the wrong tasks.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa

from dovetail.labels.errors import FieldError
from dovetail.labels.store.tables import annotations, predictions, tasks

__all__ = [
    "Compiled",
    "Filter",
    "Filters",
    "Query",
    "Selected",
    "annotated",
    "compile_query",
    "read_query",
]

PREFIX = re.compile(r"^-?(filter:)?tasks:-?")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """One condition.

    Attributes:
        filter: the column, for example `filter:tasks:predictions_score`.
        operator: for example `less`.
        type: `Number`, `String`, `Datetime`, `Boolean`, `List`.
        value: compared with; for ranges {min, max}.
    """

    filter: str
    operator: str
    type: str = "Unknown"
    value: Any = None
    child_filter: "Filter | None" = None


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions, all or any of which must hold."""

    conjunction: str = "and"
    items: list[Filter] = []


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """Items picked by hand."""

    all: bool = True
    included: list[int] = []
    excluded: list[int] = []


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks, in which order."""

    filters: Filters | None = None
    ordering: list[str] | None = None
    selectedItems: Selected | None = None


@dataclass
class Compiled:
    """A query as SQL.

    Attributes:
        where: conditions on `tasks`.
        order: columns.
    """

    where: list[Any] = field(default_factory=list)
    order: list[Any] = field(default_factory=list)


def read_query(text: str | bytes) -> Query:
    """Return a query.

    Raises:
        FieldError: it is none.
    """
    try:
        return msgspec.json.decode(text, type=Query)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise FieldError(f"the query cannot be read: {error}", "query") from error


def annotated(query: Query) -> Query:
    """Return a query for those of its tasks that somebody has annotated."""
    some = Filter(filter="filter:tasks:total_annotations", operator="greater", value=0)
    inner = query.filters
    if inner is None or not inner.items or inner.conjunction.lower() != "or":
        items = [*(inner.items if inner is not None else ()), some]
        return msgspec.structs.replace(query, filters=Filters(items=items))
    each = [msgspec.structs.replace(one, child_filter=some) for one in inner.items]
    return msgspec.structs.replace(query, filters=Filters(conjunction="or", items=each))


def compile_query(query: Query, dialect: str) -> Compiled:
    """Return a query as SQL.

    Raises:
        FieldError: it names a column or an operator that nobody knows.
    """
    found = Compiled()
    if query.filters is not None and query.filters.items:
        parts = [_condition(one, dialect) for one in query.filters.items]
        every = query.filters.conjunction.lower() != "or"
        found.where.append(sa.and_(*parts) if every else sa.or_(*parts))
    picked = query.selectedItems
    if picked is not None:
        if picked.all:
            if picked.excluded:
                found.where.append(tasks.c.id.not_in(picked.excluded))
        else:
            found.where.append(tasks.c.id.in_(picked.included))
    for name in query.ordering or ():
        column = _column(name, "Unknown", dialect)
        falls = name.startswith("-") or ":-" in name
        found.order.append(column.desc().nulls_last() if falls else column.asc().nulls_last())
    return found


def _of_annotations(what: Any, *, any_kind: bool = False) -> Any:
    mine = [annotations.c.task_id == tasks.c.id]
    if not any_kind:
        mine.append(annotations.c.was_cancelled.is_(False))
    return sa.select(what).where(*mine).scalar_subquery()


def _joined(what: Any, dialect: str) -> Any:
    text = sa.cast(what, sa.Text)
    return sa.func.string_agg(text, ",") if dialect == "postgresql" else sa.func.group_concat(text)


def _of_predictions(what: Any) -> Any:
    return sa.select(what).where(predictions.c.task_id == tasks.c.id).scalar_subquery()


_PLAIN: Mapping[str, Any] = {
    name: tasks.c[name]
    for name in (
        "id", "inner_id", "total_annotations", "cancelled_annotations", "total_predictions",
        "predictions_score", "created_at", "updated_at", "is_labeled", "overlap", "file_upload",
        "comment_count", "unresolved_comment_count", "last_comment_updated_at", "updated_by",
    )
}  # fmt: skip

_ASKED: Mapping[str, Callable[[str], Any]] = {
    "completed_at": lambda _: sa.case(
        (tasks.c.is_labeled, _of_annotations(sa.func.max(annotations.c.created_at), any_kind=True))
    ),
    "avg_lead_time": lambda _: _of_annotations(sa.func.avg(annotations.c.lead_time), any_kind=True),
    "ground_truth": lambda _: sa.exists().where(
        annotations.c.task_id == tasks.c.id, annotations.c.ground_truth.is_(True)
    ),
    "annotations_results": lambda d: _of_annotations(_joined(annotations.c.result, d)),
    "annotations_ids": lambda d: _of_annotations(_joined(annotations.c.id, d)),
    "annotators": lambda d: _of_annotations(_joined(annotations.c.completed_by, d), any_kind=True),
    "predictions_results": lambda d: _of_predictions(_joined(predictions.c.result, d)),
    "predictions_model_versions": lambda d: _of_predictions(
        _joined(predictions.c.model_version, d)
    ),
}


def _column(name: str, kind: str, dialect: str) -> Any:
    bare = PREFIX.sub("", name)
    if bare in _PLAIN:
        return _PLAIN[bare]
    if bare in _ASKED:
        return _ASKED[bare](dialect)
    if bare.startswith("data."):
        return _data(bare.removeprefix("data."), kind, dialect)
    known = ", ".join([*_PLAIN, *_ASKED])
    raise FieldError(f"there is no column {bare!r}", "query", fix=f"use one of {known}, data.NAME")


def _data(path: str, kind: str, dialect: str) -> Any:
    """Return a field of the task data, as text or as a number."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import JSONB

        text = sa.func.jsonb_extract_path_text(sa.cast(tasks.c.data, JSONB), path)
        return sa.cast(text, sa.Float) if kind == "Number" else text
    quoted = path.replace('"', "")
    found = sa.func.json_extract(tasks.c.data, f'$."{quoted}"')
    return sa.cast(found, sa.Float) if kind == "Number" else found


def _condition(one: Filter, dialect: str) -> Any:
    bare = PREFIX.sub("", one.filter)
    if bare == "annotators" and one.operator in ("contains", "not_contains"):
        said = _annotated_by(one.value)
        condition = said if one.operator == "contains" else ~said
    else:
        column = _column(one.filter, one.type, dialect)
        make = _OPERATORS.get(one.operator)
        if make is None:
            raise FieldError(
                f"there is no operator {one.operator!r}",
                "query",
                fix=f"use one of {', '.join(_OPERATORS)}",
            )
        condition = make(column, _value(one))
    if one.child_filter is not None:
        condition = sa.and_(condition, _condition(one.child_filter, dialect))
    return condition


def _annotated_by(value: Any) -> Any:
    users = value if isinstance(value, list) else [value]
    return sa.exists().where(
        annotations.c.task_id == tasks.c.id,
        annotations.c.completed_by.in_([int(user) for user in users]),
    )


def _value(one: Filter) -> Any:
    value = one.value
    if one.type == "Number" and isinstance(value, str):
        try:
            return float(value)
        except ValueError as error:
            raise FieldError(f"{one.filter}: {value!r} is no number", "query") from error
    if one.type == "Boolean" and isinstance(value, str):
        return value.lower() == "true"
    return value


def _range(column: Any, value: Any) -> Any:
    if not isinstance(value, dict) or "min" not in value or "max" not in value:
        raise FieldError("a range is {min, max}", "query")
    return column.between(value["min"], value["max"])


def _empty(column: Any, value: Any) -> Any:
    text = sa.func.coalesce(sa.cast(column, sa.Text), "")
    return text == "" if value in (True, None, "true", "True") else text != ""


def _text(column: Any) -> Any:
    return sa.cast(column, sa.Text)


def _regex(column: Any, value: Any) -> Any:
    return _text(column).regexp_match(str(value))


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "equal": lambda column, value: column == value,
    "not_equal": lambda column, value: column != value,
    "less": lambda column, value: column < value,
    "greater": lambda column, value: column > value,
    "less_or_equal": lambda column, value: column <= value,
    "greater_or_equal": lambda column, value: column >= value,
    "in": _range,
    "not_in": lambda column, value: ~_range(column, value),
    "in_list": lambda column, value: column.in_(value),
    "not_in_list": lambda column, value: column.not_in(value),
    "empty": _empty,
    "contains": lambda column, value: _text(column).icontains(str(value), autoescape=True),
    "not_contains": lambda column, value: (
        ~sa.func.coalesce(_text(column), "").icontains(str(value), autoescape=True)
    ),
    "regex": _regex,
}
