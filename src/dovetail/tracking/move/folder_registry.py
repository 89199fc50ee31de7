"""The registry in an `mlruns` folder as a source of a move."""

from collections.abc import Callable, Iterator
from pathlib import Path

from dovetail.base.errors import DovetailError
from dovetail.tracking.move.folder_files import folders, meta, number, texts
from dovetail.tracking.move.records import RegisteredRecord, VersionRecord
from dovetail.tracking.move.sql_registry import model_id_of
from dovetail.wire.mlflow import Alias, ModelVersion, RegisteredModel, Tag

__all__ = ["read_registry"]

VERSION = "version-"


def read_registry(root: Path, fault: Callable[[Path, object], None]) -> Iterator[RegisteredRecord]:
    """Yield every registered model below the folder `models`.

    Args:
        root: that folder.
        fault: is told of what cannot be read, and why.
    """
    for place in folders(root):
        try:
            found = meta(place)
            versions = [_version(v) for v in folders(place) if v.name.startswith(VERSION)]
            tags = tuple(Tag(key, value) for key, value in texts(place / "tags"))
            pointing = tuple(
                Alias(alias, str(int(version))) for alias, version in texts(place / "aliases")
            )
        except (DovetailError, ValueError) as error:
            fault(place, error)
            continue
        made = number(found.get("creation_timestamp"))
        model = RegisteredModel(
            name=str(found.get("name") or place.name),
            creation_timestamp=made,
            last_updated_timestamp=number(found.get("last_updated_timestamp"), made),
            description=str(found.get("description") or ""),
            tags=tags,
            aliases=pointing,
        )
        yield RegisteredRecord(model, tuple(sorted(versions, key=lambda v: int(v.version.version))))


def _version(place: Path) -> VersionRecord:
    found = meta(place)
    made = number(found.get("creation_timestamp"))

    def text(name: str) -> str:
        return str(found.get(name) or "")

    version = ModelVersion(
        name=text("name"),
        version=str(int(place.name.removeprefix(VERSION))),
        creation_timestamp=made,
        last_updated_timestamp=number(found.get("last_updated_timestamp"), made),
        user_id=text("user_id"),
        current_stage=text("current_stage") or "None",
        description=text("description"),
        source=text("source"),
        run_id=text("run_id"),
        status=text("status") or "READY",  # type: ignore[arg-type]
        status_message=text("status_message"),
        tags=tuple(Tag(key, value) for key, value in texts(place / "tags")),
        run_link=text("run_link"),
        model_id=text("model_id") or model_id_of(text("source")),
    )
    return VersionRecord(version, text("storage_location") or text("source"))
