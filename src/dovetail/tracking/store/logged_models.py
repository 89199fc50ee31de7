"""Logged models in the database: announced, finished, tagged, measured, searched."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.filters import Condition
from dovetail.tracking.store.bulk import insert_or_skip, insert_or_update, select_for
from dovetail.tracking.store.compile import compare, exists, lookup, order, value_of
from dovetail.tracking.store.experiments import ACTIVE, DELETED, PURGING
from dovetail.tracking.store.metrics import storable
from dovetail.tracking.store.schema import (
    logged_model_metrics,
    logged_model_params,
    logged_model_tags,
    logged_models,
)
from dovetail.wire.mlflow import (
    DatasetFilter,
    LoggedModel,
    LoggedModelData,
    LoggedModelInfo,
    LoggedModelParameter,
    Metric,
    OrderBy,
    Tag,
)

__all__ = [
    "add_params",
    "create",
    "delete",
    "delete_tag",
    "entities",
    "find",
    "finish",
    "get",
    "log_metrics",
    "set_tags",
]

_ORDERABLE = {
    "creation_time": "creation_timestamp",
    "creation_timestamp_ms": "creation_timestamp",
    "last_updated_time": "last_updated_timestamp",
    "last_updated_timestamp_ms": "last_updated_timestamp",
    **{
        name: name
        for name in (
            *("name", "model_id", "model_type", "status", "source_run_id"),
            *("creation_timestamp", "last_updated_timestamp"),
        )
    },
}
_STATUS = "LOGGED_MODEL_"


def create(
    connection: Connection,
    values: Mapping[str, Any],
    params: Mapping[str, str],
    tags: Mapping[str, str],
) -> None:
    """Insert a logged model with its parameters and tags."""
    connection.execute(sa.insert(logged_models).values(dict(values)))
    model_id = values["model_id"]
    add_params(connection, model_id, params)
    set_tags(connection, model_id, tags)


def get(connection: Connection, model_id: str, *, allow_deleted: bool = False) -> Row[Any]:
    """Return the row of a logged model.

    Raises:
        MissingResourceError: there is none, or it is deleted.
    """
    known = (logged_models.c.model_id == model_id) & (logged_models.c.lifecycle_stage != PURGING)
    query = sa.select(logged_models).where(known)
    row = connection.execute(query).first()
    if row is None or (row.lifecycle_stage == DELETED and not allow_deleted):
        raise MissingResourceError(f"Logged model with ID '{model_id}' not found.")
    return row


def _change(connection: Connection, model_id: str, **values: Any) -> None:
    get(connection, model_id, allow_deleted=True)
    which = logged_models.c.model_id == model_id
    connection.execute(sa.update(logged_models).where(which).values(values))


def finish(connection: Connection, model_id: str, status: str, now: int) -> None:
    """Record how the upload of a logged model ended."""
    _change(connection, model_id, status=status, last_updated_timestamp=now)


def delete(connection: Connection, model_id: str, now: int) -> None:
    """Mark a logged model as deleted."""
    _change(connection, model_id, lifecycle_stage=DELETED, last_updated_timestamp=now)


def add_params(connection: Connection, model_id: str, params: Mapping[str, str]) -> None:
    """Add parameters; those that are there keep their value."""
    rows = [(model_id, key, value) for key, value in params.items()]
    insert_or_skip(connection, logged_model_params, rows)


def set_tags(connection: Connection, model_id: str, tags: Mapping[str, str]) -> None:
    """Set tags."""
    rows = [(model_id, key, value) for key, value in tags.items()]
    insert_or_update(connection, logged_model_tags, rows)


def delete_tag(connection: Connection, model_id: str, key: str) -> None:
    """Delete a tag.

    Raises:
        MissingResourceError: there is no such model or tag.
    """
    get(connection, model_id, allow_deleted=True)
    table = logged_model_tags
    which = (table.c.model_id == model_id) & (table.c.key == key)
    if connection.execute(sa.delete(table).where(which)).rowcount == 0:
        raise MissingResourceError(f"No tag with key {key!r} found for model with ID {model_id!r}.")


def log_metrics(connection: Connection, run_id: str, points: Sequence[Metric]) -> None:
    """Insert points that measure logged models; those without a model are passed over."""
    rows = [
        (
            *(point.model_id, point.key, point.timestamp, point.step, run_id),
            storable(point.value)[0],
            *(point.dataset_name, point.dataset_digest),
        )
        for point in points
        if point.model_id
    ]
    for model_id in {row[0] for row in rows}:
        get(connection, str(model_id), allow_deleted=True)
    insert_or_skip(connection, logged_model_metrics, rows)


def entities(connection: Connection, rows: Sequence[Row[Any]]) -> list[LoggedModel]:
    """Return rows as they are seen from outside."""
    ids = [row.model_id for row in rows]
    tags = _by_model(connection, logged_model_tags, ids)
    params = _by_model(connection, logged_model_params, ids)
    measured = _by_model(connection, logged_model_metrics, ids)
    return [
        LoggedModel(
            info=_info(row, tuple(Tag(t.key, t.value) for t in tags.get(row.model_id, ()))),
            data=LoggedModelData(
                params=tuple(
                    LoggedModelParameter(p.key, p.value) for p in params.get(row.model_id, ())
                ),
                metrics=tuple(_metric(m) for m in measured.get(row.model_id, ())),
            ),
        )
        for row in rows
    ]


def _by_model(
    connection: Connection, table: sa.Table, ids: Sequence[str]
) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = {}
    of_models = table.c.model_id.in_(sa.bindparam("ids", expanding=True))
    query = sa.select(table).where(of_models).order_by(*table.primary_key)
    for row in select_for(connection, query, "ids", ids):
        found.setdefault(row.model_id, []).append(row)
    return found


def _info(row: Row[Any], tags: tuple[Tag, ...]) -> LoggedModelInfo:
    return LoggedModelInfo(
        model_id=row.model_id,
        experiment_id=str(row.experiment_id),
        name=row.name,
        creation_timestamp_ms=row.creation_timestamp,
        last_updated_timestamp_ms=row.last_updated_timestamp,
        artifact_uri=row.artifact_location,
        status=row.status,
        model_type=row.model_type,
        source_run_id=row.source_run_id,
        tags=tags,
    )


def _metric(row: Row[Any]) -> Metric:
    return Metric(
        key=row.key,
        value=row.value,
        timestamp=row.timestamp,
        step=row.step,
        model_id=row.model_id,
        dataset_name=row.dataset_name,
        dataset_digest=row.dataset_digest,
        run_id=row.run_id,
    )


def find(
    connection: Connection,
    experiments: Sequence[int],
    conditions: Sequence[Condition],
    datasets: Sequence[DatasetFilter],
    orders: Sequence[OrderBy],
    window: tuple[int, int],
) -> list[Row[Any]]:
    """Return the rows of logged models.

    Args:
        connection: where to read.
        experiments: numbers of the experiments to look in.
        conditions: all must hold.
        datasets: metrics count only if they were measured on one of these; all if empty.
        orders: by what to order; newest first where they are equal.
        window: offset and limit.
    """
    dialect = connection.dialect.name
    measured = [_on_dataset(one) for one in datasets]
    where = [_holds(one, measured, dialect) for one in conditions]
    if measured and not any(one.entity == "metric" for one in conditions):
        own = logged_model_metrics.c.model_id == logged_models.c.model_id
        where.append(exists(logged_model_metrics, [own, sa.or_(*measured)]))
    terms = [term for one in orders for term in _terms(one)]
    query = (
        sa.select(logged_models)
        .where(logged_models.c.lifecycle_stage == ACTIVE)
        .where(logged_models.c.experiment_id.in_(experiments), *where)
        .order_by(*terms, logged_models.c.creation_timestamp.desc(), logged_models.c.model_id)
        .offset(window[0] or None)
        .limit(window[1])
    )
    return list(connection.execute(query))


def _on_dataset(one: DatasetFilter) -> Any:
    named = logged_model_metrics.c.dataset_name == one.dataset_name
    if not one.dataset_digest:
        return named
    return named & (logged_model_metrics.c.dataset_digest == one.dataset_digest)


def _holds(condition: Condition, measured: list[Any], dialect: str) -> Any:
    owner = {"model_id": logged_models.c.model_id}
    if condition.entity == "metric":
        table = logged_model_metrics
        where = [table.c.model_id == logged_models.c.model_id, table.c.key == condition.key]
        where.append(value_of(table, condition, dialect))
        return exists(table, [*where, sa.or_(*measured)] if measured else where)
    if condition.entity == "parameter":
        return lookup(logged_model_params, owner, condition, dialect)
    if condition.entity == "tag":
        return lookup(logged_model_tags, owner, condition, dialect)
    value: Any = condition.value
    if condition.key == "status":
        several = isinstance(value, tuple)
        names = tuple(_status(str(name)) for name in (value if several else (value,)))
        value = names if several else names[0]
    return compare(logged_models.c[condition.key], condition.op, value, dialect)


def _status(name: str) -> str:
    return name if name.startswith(_STATUS) or "%" in name else f"{_STATUS}{name.upper()}"


def _terms(one: OrderBy) -> list[Any]:
    entity, dot, key = one.field_name.partition(".")
    if not dot:
        name = _ORDERABLE.get(one.field_name.strip())
        if name is None:
            raise InvalidParameterError(f"Invalid order by field name: {one.field_name}")
        column = logged_models.c[name]
        return order(column, one.ascending, nullable=bool(column.nullable))
    if entity != "metrics":
        raise InvalidParameterError(
            f"Invalid order by field name: {one.field_name}. Only metrics are supported."
        )
    table = logged_model_metrics.alias()
    where = [table.c.model_id == logged_models.c.model_id, table.c.key == key]
    if one.dataset_name:
        where.append(table.c.dataset_name == one.dataset_name)
    if one.dataset_digest:
        where.append(table.c.dataset_digest == one.dataset_digest)
    newest = (
        sa.select(table.c.value)
        .where(*where)
        .order_by(table.c.timestamp.desc(), table.c.step.desc(), table.c.run_id)
        .limit(1)
        .scalar_subquery()
    )
    return order(newest, one.ascending)
