"""The plan: what would go, how much that is, and the mark to confirm it by.

The mark is made of the instant of the plan and a digest of everything that goes. Whoever confirms
it sends the request again; the choice is made anew for the same instant, and the marks agree only
if nothing that matters has changed.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base.artifacts import Usage
from dovetail.base.errors import InvalidInputError
from dovetail.tracking.store.experiments import DELETED
from dovetail.tracking.store.schema import (
    datasets,
    experiment_tags,
    experiments,
    inputs,
    latest_metrics,
    logged_model_metrics,
    logged_model_params,
    logged_model_tags,
    metrics,
    params,
    run_models,
    tags,
)
from dovetail.tracking.store.traces_schema import traces
from dovetail.tracking.tidy import orphans as orphaned
from dovetail.tracking.tidy.orphans import Owners
from dovetail.tracking.tidy.places import Places, folder_of
from dovetail.tracking.tidy.selection import Selection, select
from dovetail.wire.tidy import Going, Kept, Orphan, Plan, TidyRequest

__all__ = ["DAY", "instant_of", "make_plan", "mark_of", "own_folders"]

DAY = 86_400_000
SECONDS_TO_COUNT = 10.0
CHUNK = 1000
_OF_RUN = (metrics, latest_metrics, params, tags, inputs, run_models)
_OF_MODEL = (logged_model_metrics, logged_model_params, logged_model_tags)
_OF_EXPERIMENT = (experiment_tags, datasets, traces)


def mark_of(as_of: int, request: TidyRequest, chosen: Selection, orphans: Sequence[Orphan]) -> str:
    """Return the mark of a plan."""
    parts: list[Any] = [
        request,
        sorted(f"{key} {row.artifact_location}" for key, row in chosen.experiments.items()),
        sorted(f"{row.run_id} {row.artifact_uri}" for row in chosen.runs.values()),
        sorted(f"{key} {row.artifact_location}" for key, row in chosen.models.items()),
        [orphan.path for orphan in orphans] if request.orphans == "remove" else [],
    ]
    digest = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
    return f"{as_of}-{digest}"


def instant_of(mark: str, now: int) -> int:
    """Return the instant of the plan that a mark confirms.

    Raises:
        InvalidInputError: it is not the mark of a plan.
    """
    text = mark.partition("-")[0]
    if not text.isdecimal() or len(text) > 15 or int(text) > now:
        raise InvalidInputError(
            f"{mark[:80]!r} does not confirm a plan", fix="plan first, and send its `confirm`"
        )
    return int(text)


def make_plan(
    connection: Connection,
    places: Places,
    request: TidyRequest,
    as_of: int,
    *,
    looking: bool = True,
) -> Plan:
    """Choose what goes and count it.

    Args:
        connection: where to read.
        places: the store of the files.
        request: what was asked, with its grace period.
        as_of: the instant for which the choice holds.
        looking: whether a person looks at it; else files that will not be touched are not counted.
    """
    cutoff = as_of - int((request.grace_days or 0) * DAY)
    chosen = select(connection, request, cutoff)
    orphans: list[Orphan] = []
    if request.orphans == "remove" or (looking and request.orphans == "find"):
        orphans = orphaned.find(Owners(connection, places), places, cutoff)
    lonely = orphaned.lonely_datasets().subquery()
    seconds = SECONDS_TO_COUNT if looking else 0.0
    counted = _Counting(places, own_folders(connection, places, chosen), seconds)
    going = {
        "experiments": tuple(counted.experiment(row) for row in chosen.experiments.values()),
        "runs": tuple(counted.run(row) for row in chosen.runs.values()),
        "models": tuple(counted.model(row) for row in chosen.models.values()),
    }
    return Plan(
        confirm=mark_of(as_of, request, chosen, orphans),
        as_of=as_of,
        request=request,
        **going,
        kept=tuple(sorted(chosen.kept, key=_by_kind)),
        rows=_rows(connection, chosen) if looking else {},
        files=counted.files,
        bytes=counted.bytes,
        counted=counted.complete,
        elsewhere=tuple(sorted(counted.elsewhere)),
        orphans=tuple(orphans),
        orphan_datasets=connection.scalar(sa.select(sa.func.count()).select_from(lonely)) or 0,
        more=chosen.more,
    )


def own_folders(connection: Connection, places: Places, chosen: Selection) -> dict[int, str]:
    """Return the folder of each experiment that goes and shares it with none that stays."""
    if not chosen.experiments:
        return {}
    rows = connection.execute(
        sa.select(experiments.c.experiment_id, experiments.c.artifact_location)
    )
    others = [places.path_of(place) for number, place in rows if number not in chosen.experiments]
    found = {}
    for number, row in chosen.experiments.items():
        path = places.path_of(row.artifact_location)
        if path and not any(f"{one}/".startswith(f"{path}/") for one in others if one):
            found[number] = path
    return found


def _by_kind(one: Kept) -> tuple[int, str]:
    return ("experiment", "run", "model").index(one.kind), one.id


class _Counting:
    """Counts the files of what goes, for a bounded time.

    Args:
        places: the store.
        folders: of the experiments that go as a whole, with all that lies in them.
        seconds: how long to count.
    """

    def __init__(self, places: Places, folders: Mapping[int, str], seconds: float) -> None:
        self._places, self._folders = places, folders
        self._until = time.monotonic() + seconds
        self.files = self.bytes = 0
        self.complete = True
        self.elsewhere: set[str] = set()

    def experiment(self, row: Row[Any]) -> Going:
        """An experiment, with whatever lies in its folder."""
        usage = None
        if path := self._folders.get(row.experiment_id):
            usage = self._usage(path)
            self._add(usage)
        elif self._places.path_of(row.artifact_location) is None:
            self.elsewhere.add(row.artifact_location)
        return Going(
            kind="experiment",
            id=str(row.experiment_id),
            name=row.name,
            experiment_id=str(row.experiment_id),
            location=row.artifact_location,
            deleted=row.last_update_time if row.lifecycle_stage == DELETED else None,
            files=usage.files if usage else None,
            bytes=usage.bytes if usage else None,
        )

    def _usage(self, path: str) -> Usage | None:
        return None if time.monotonic() > self._until else self._places.usage(path)

    def _add(self, usage: Usage | None) -> None:
        if usage is None:
            self.complete = False
        else:
            self.files += usage.files
            self.bytes += usage.bytes

    def run(self, row: Row[Any]) -> Going:
        """A run."""
        return self._counted(
            row.artifact_uri,
            row.run_id,
            kind="run",
            name=row.run_name,
            experiment_id=str(row.experiment_id),
            deleted=row.deleted_time,
        )

    def model(self, row: Row[Any]) -> Going:
        """A logged model."""
        gone = row.lifecycle_stage == DELETED
        return self._counted(
            row.artifact_location,
            row.model_id,
            kind="model",
            name=row.name,
            experiment_id=str(row.experiment_id),
            deleted=row.last_updated_timestamp if gone else None,
        )

    def _counted(self, location: str, id: str, **facts: Any) -> Going:
        path = self._places.path_of(location)
        if path is None:
            self.elsewhere.add(location)
            return Going(id=id, location=location, **facts)
        usage = self._usage(folder_of(path, id))
        if not any(path.startswith(f"{folder}/") for folder in self._folders.values()):
            self._add(usage)
        files, size = (usage.files, usage.bytes) if usage else (None, None)
        return Going(id=id, location=location, files=files, bytes=size, **facts)


def _rows(connection: Connection, chosen: Selection) -> dict[str, int]:
    """Count the rows that go, by table."""
    counts = {
        "experiments": len(chosen.experiments),
        "runs": len(chosen.runs),
        "logged_models": len(chosen.models),
    }
    for tables, column, keys in (
        (_OF_RUN, "run", list(chosen.runs)),
        (_OF_MODEL, "model_id", list(chosen.models)),
        (_OF_EXPERIMENT, "experiment_id", list(chosen.experiments)),
    ):
        for table in tables:
            counts[table.name] = sum(_counts(connection, table.c[column], keys))
    return {name: count for name, count in counts.items() if count}


def _counts(connection: Connection, column: Any, keys: Sequence[Any]) -> Iterator[int]:
    for start in range(0, len(keys), CHUNK):
        some = column.in_(keys[start : start + CHUNK])
        yield connection.scalar(sa.select(sa.func.count()).where(some)) or 0
