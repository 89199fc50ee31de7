"""The registry in MLflow's own database as a source of a move."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Row

from dovetail.tracking.move.records import RegisteredRecord, VersionRecord
from dovetail.tracking.move.sql_tables import MlflowTables
from dovetail.wire.mlflow import Alias, ModelVersion, RegisteredModel, Tag

__all__ = ["model_id_of", "read_registry"]

_VERSION = (
    *("name", "version", "creation_time", "last_updated_time", "description", "user_id"),
    *("current_stage", "source", "storage_location", "run_id", "run_link", "status"),
    "status_message",
)


def model_id_of(source: str | None) -> str | None:
    """Return the logged model that a source of the form `models:/m-...` names."""
    parts = urlsplit(source or "")
    name = parts.path.strip("/")
    return name if parts.scheme == "models" and name and "/" not in name else None


def read_registry(
    tables: MlflowTables, here: Callable[[str, sa.Select[Any]], sa.Select[Any]]
) -> Iterator[RegisteredRecord]:
    """Yield every registered model with its versions, deleted ones too.

    Args:
        tables: the database.
        here: narrows a query to the workspace that is read.
    """
    if not tables.has("registered_models"):
        return
    columns = ("name", "creation_time", "last_updated_time", "description")
    query = here("registered_models", tables.select("registered_models", *columns))
    for row in tables.rows(query.order_by(sa.text("1"))):

        def of_model(table: str, *wanted: str, name: str = row.name) -> list[Row[Any]]:
            if not tables.has(table):
                return []
            mine = tables.select(table, *wanted).where(sa.column("name") == name)
            return list(tables.rows(here(table, mine)))

        labels: dict[int, list[Tag]] = {}
        for tag in of_model("model_version_tags", "version", "key", "value"):
            labels.setdefault(int(tag.version), []).append(Tag(tag.key, tag.value or ""))
        versions = [
            _version(found, tuple(labels.get(int(found.version), ())))
            for found in of_model("model_versions", *_VERSION)
        ]
        aliases = of_model("registered_model_aliases", "alias", "version")
        model = RegisteredModel(
            name=row.name,
            creation_timestamp=row.creation_time or 0,
            last_updated_timestamp=row.last_updated_time or row.creation_time or 0,
            description=row.description,
            tags=tuple(
                Tag(tag.key, tag.value or "")
                for tag in of_model("registered_model_tags", "key", "value")
            ),
            aliases=tuple(Alias(alias.alias, str(alias.version)) for alias in aliases),
        )
        yield RegisteredRecord(model, tuple(sorted(versions, key=lambda v: int(v.version.version))))


def _version(row: Row[Any], labels: tuple[Tag, ...]) -> VersionRecord:
    version = ModelVersion(
        name=row.name,
        version=str(row.version),
        creation_timestamp=row.creation_time or 0,
        last_updated_timestamp=row.last_updated_time or row.creation_time or 0,
        user_id=row.user_id,
        current_stage=row.current_stage or "None",
        description=row.description,
        source=row.source or "",
        run_id=row.run_id or "",
        status=row.status or "READY",
        status_message=row.status_message,
        tags=labels,
        run_link=row.run_link or "",
        model_id=model_id_of(row.source),
    )
    return VersionRecord(version, row.storage_location or row.source or "")
