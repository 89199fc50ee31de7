"""Our own store as the target of a move, written by the row.

The protocol gives out ids, numbers and times itself; keeping those of the source needs the tables.
Every batch is one transaction and can be written again without doubling anything, so a server may
be up on the same database: it sees each batch appear whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.artifacts import ArtifactStore
from dovetail.base.clock import SystemClock, now_ms
from dovetail.base.errors import ConflictError, InvalidInputError
from dovetail.base.sql import Database
from dovetail.tracking.move.files import StoreFiles
from dovetail.tracking.move.own_source import OwnSource
from dovetail.tracking.move.placing import choose
from dovetail.tracking.move.records import (
    ModelRecord,
    Placed,
    Point,
    RegisteredRecord,
    RunRecord,
    Terms,
)
from dovetail.tracking.move.traces.own import OwnTraceWriter
from dovetail.tracking.paths import append, proxied_path
from dovetail.tracking.store import experiments, history, inputs, logged_models, models
from dovetail.tracking.store.bulk import insert_one, insert_or_skip, insert_or_update, update_one
from dovetail.tracking.store.runs import RunKey
from dovetail.tracking.store.schema import (
    aliases,
    experiment_tags,
    latest_metrics,
    metrics,
    model_tags,
    model_versions,
    params,
    registered_models,
    run_models,
    runs,
    tags,
    version_tags,
)
from dovetail.tracking.store.schema import experiments as experiment_table
from dovetail.tracking.store.schema import logged_models as model_table
from dovetail.wire.mlflow import Experiment

if TYPE_CHECKING:
    from dovetail.tracking.move.traces.records import TraceWriter

__all__ = ["OwnTarget"]

_NEWER = ("step", "timestamp", "value")


class OwnTarget:
    """Our own store.

    Args:
        database: its tables.
        artifacts: the store behind its artifact proxy.
        root: URI below which new experiments keep artifacts.
        label: its name in reports.
    """

    terms = Terms()

    def __init__(self, database: Database, artifacts: ArtifactStore, root: str, label: str) -> None:
        self.database, self.artifacts, self.root, self.label = database, artifacts, root, label
        self.traces: TraceWriter | None = OwnTraceWriter(database)

    def place(self, experiment: Experiment, known: Placed | None) -> Placed:
        """Make an experiment, or find the one that was made for it."""
        placed = self.database.write(lambda c: self._place(c, experiment, known))
        if self.database.dialect == "postgresql":
            self.database.write(_advance)
        return placed

    def _place(self, c: Connection, experiment: Experiment, known: Placed | None) -> Placed:
        columns = (
            experiment_table.c.experiment_id,
            experiment_table.c.name,
            experiment_table.c.lifecycle_stage,
        )
        taken = [(str(row[0]), row[1], row[2]) for row in c.execute(sa.select(*columns))]
        chosen = choose(experiment, known, taken)
        values = {
            "name": chosen.name,
            "lifecycle_stage": experiment.lifecycle_stage,
            "creation_time": experiment.creation_time or 0,
            "last_update_time": experiment.last_update_time or 0,
        }
        number = int(chosen.id) if chosen.id else None
        if chosen.is_new:
            given: dict[str, Any] = {} if number is None else {"experiment_id": number}
            given = {**given, **values, "artifact_location": ""}
            number = insert_one(c, experiment_table, given)
            _change(c, number, artifact_location=append(self.root, str(number)))
        elif chosen.is_own:
            _change(c, number or 0, **values)
        assert number is not None
        rows = [(number, tag.key, tag.value) for tag in experiment.tags]
        if chosen.is_new or chosen.is_own:
            insert_or_update(c, experiment_tags, rows)
        else:
            insert_or_skip(c, experiment_tags, rows)
        location = experiments.get(c, number).artifact_location
        is_joined = not (chosen.is_new or chosen.is_own)
        return Placed(str(number), location, chosen.name, chosen.note, is_joined)

    def run_uri(self, placed: Placed, run_id: str) -> str:
        """Return where the artifacts of a run are to lie."""
        return append(placed.location, run_id, "artifacts")

    def model_uri(self, placed: Placed, model_id: str) -> str:
        """Return where the files of a logged model are to lie."""
        return append(placed.location, "models", model_id, "artifacts")

    def put_runs(self, placed: Placed, records: Sequence[RunRecord]) -> Mapping[str, str]:
        """Write runs and return their ids in the target."""
        self.database.write(lambda c: self._put_runs(c, int(placed.id), records))
        return {one.id: one.id for one in records}

    def _put_runs(self, c: Connection, experiment: int, records: Sequence[RunRecord]) -> None:
        known = _keys(c, [one.id for one in records])
        now = now_ms(SystemClock())
        fresh = [
            {"deleted_time": _deleted(one, now), **_row(experiment, one)}
            for one in records
            if one.id not in known
        ]
        if fresh:
            c.execute(sa.insert(runs), fresh)
        for one in records:
            if one.id in known:
                if known[one.id].experiment_id != experiment:
                    raise ConflictError(
                        f"run {one.id} is already here, in experiment {known[one.id].experiment_id}"
                    )
                told = {} if one.deleted_time is None else {"deleted_time": one.deleted_time}
                update_one(c, runs, known[one.id].id, {**_row(experiment, one), **told})
        keys = _keys(c, [one.id for one in records])
        texts = [(keys[r.id].id, r.run.data) for r in records]
        insert_or_update(c, params, [(k, p.key, p.value) for k, d in texts for p in d.params])
        insert_or_update(c, tags, [(k, t.key, t.value) for k, d in texts for t in d.tags])
        insert_or_skip(c, run_models, list(_links(keys, records)))
        for one in records:
            if one.run.inputs and one.run.inputs.dataset_inputs:
                inputs.log_datasets(c, keys[one.id], one.run.inputs.dataset_inputs)

    def put_points(self, placed: Placed, points: Sequence[Point]) -> None:
        """Write points of runs that were written before."""
        self.database.write(lambda c: _put_points(c, points))

    def finish_runs(self, placed: Placed, records: Sequence[RunRecord]) -> None:
        """Nothing is left to do: runs are written in their last state."""

    def finish_model(self, record: ModelRecord) -> None:
        """Nothing is left to do: logged models are written in their last state."""

    def finish_experiment(self, placed: Placed, experiment: Experiment) -> None:
        """Nothing is left to do: experiments are written in their last state."""

    def put_model(self, placed: Placed, record: ModelRecord) -> str:
        """Write a logged model and return its id in the target."""
        self.database.write(lambda c: _put_model(c, int(placed.id), record))
        return record.id

    def has_registered(self, name: str) -> bool:
        """Tell whether a registered model has the name."""
        return self.database.read(lambda c: _registered_key(c, name)) is not None

    def put_registered(self, record: RegisteredRecord) -> None:
        """Write a registered model with its versions, over what is there of the same name."""
        self.database.write(lambda c: _put_registered(c, record))

    def put_file(self, uri: str, path: str, chunks: Iterator[bytes]) -> None:
        """Store a file below an artifact URI."""
        self.artifacts.put(_inside(uri, path), chunks)

    def files(self) -> StoreFiles:
        """Return the same files to be read."""
        return StoreFiles(self.artifacts)

    def reader(self) -> OwnSource:
        """Return the same store to be read."""
        return OwnSource(self.database, self.label)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()


def _inside(uri: str, path: str) -> str:
    base = proxied_path(uri)
    if base is None:
        raise InvalidInputError(
            f"files cannot be stored at {uri!r}",
            why="it is not behind this server",
            fix="leave them where they are with --no-artifacts",
        )
    return f"{base}/{path}"


def _advance(c: Connection) -> None:
    """Let PostgreSQL count on from the highest number; it does not see numbers that are given."""
    c.execute(
        sa.text(
            "SELECT setval(pg_get_serial_sequence('experiments', 'experiment_id'), "
            "greatest(1, (SELECT max(experiment_id) FROM experiments)))"
        )
    )


def _change(c: Connection, number: int, **values: Any) -> None:
    which = experiment_table.c.experiment_id == number
    c.execute(sa.update(experiment_table).where(which).values(values))


def _keys(c: Connection, ids: Sequence[str]) -> dict[str, RunKey]:
    query = sa.select(runs.c.run_id, runs.c.id, runs.c.experiment_id).where(runs.c.run_id.in_(ids))
    return {row[0]: RunKey(row[1], row[2]) for row in c.execute(query)}


def _deleted(record: RunRecord, now: int) -> int | None:
    """Return when a run was deleted: now, where the source does not say, so that it can age."""
    is_deleted = record.run.info.lifecycle_stage == experiments.DELETED
    return record.deleted_time or now if is_deleted else None


def _row(experiment: int, record: RunRecord) -> dict[str, Any]:
    info = record.run.info
    return {
        "run_id": info.run_id,
        "experiment_id": experiment,
        "run_name": info.run_name or "",
        "user_id": info.user_id or "",
        "status": info.status,
        "start_time": info.start_time or 0,
        "end_time": info.end_time,
        "artifact_uri": info.artifact_uri or "",
        "lifecycle_stage": info.lifecycle_stage,
    }


def _links(
    keys: Mapping[str, RunKey], records: Iterable[RunRecord]
) -> Iterator[tuple[int, str, str, int]]:
    for one in records:
        key = keys[one.id].id
        for model in one.run.inputs.model_inputs if one.run.inputs else ():
            yield key, "input", model.model_id, 0
        for made in one.run.outputs.model_outputs if one.run.outputs else ():
            yield key, "output", made.model_id, made.step


def _put_points(c: Connection, points: Sequence[Point]) -> None:
    keys = _keys(c, list({point[0] for point in points}))
    ids = {run: key.id for run, key in keys.items()}
    insert_or_skip(c, metrics, [(ids[p[0]], *p[1:]) for p in points])
    newest: dict[tuple[str, str], Point] = {}
    for point in points:
        name = point[:2]
        best = newest.get(name)
        if best is None or point[2:5] > best[2:5]:
            newest[name] = point
    rows = [
        (ids[run], *point[1:], keys[run].experiment_id)
        for (run, _), point in sorted(newest.items())
    ]
    insert_or_update(c, latest_metrics, rows, newer=_NEWER)


def _put_model(c: Connection, experiment: int, record: ModelRecord) -> None:
    info, data = record.model.info, record.model.data
    values = {
        "model_id": info.model_id,
        "experiment_id": experiment,
        "name": info.name,
        "artifact_location": info.artifact_uri or "",
        "creation_timestamp": info.creation_timestamp_ms or 0,
        "last_updated_timestamp": info.last_updated_timestamp_ms or 0,
        "status": info.status,
        "lifecycle_stage": experiments.DELETED if record.is_deleted else experiments.ACTIVE,
        "model_type": info.model_type,
        "source_run_id": info.source_run_id,
    }
    insert_or_update(c, model_table, [tuple(values[c.name] for c in model_table.c)])
    logged_models.add_params(c, info.model_id, {p.key: p.value for p in data.params})
    logged_models.set_tags(c, info.model_id, {t.key: t.value for t in info.tags})
    by_run: dict[str, list[Any]] = {}
    for point in data.metrics:
        by_run.setdefault(point.run_id or "", []).append(point)
    for run_id, points in by_run.items():
        logged_models.log_metrics(c, run_id, points)


def _registered_key(c: Connection, name: str) -> int | None:
    return c.scalar(sa.select(registered_models.c.id).filter_by(name=name))


def _put_registered(c: Connection, record: RegisteredRecord) -> None:
    model = record.model
    key = _registered_key(c, model.name)
    before = _held(c, key)
    values = {
        "name": model.name,
        "creation_timestamp": model.creation_timestamp or 0,
        "last_updated_timestamp": model.last_updated_timestamp or 0,
        "description": model.description,
    }
    key = insert_one(c, registered_models, values) if key is None else key
    models.touch(c, key, model.last_updated_timestamp or 0, description=model.description)
    insert_or_update(c, model_tags, [(key, t.key, t.value) for t in model.tags])
    insert_or_update(c, model_versions, [_version_row(key, v) for v in record.versions])
    labels = [
        (key, int(v.version.version), t.key, t.value)
        for v in record.versions
        for t in v.version.tags
    ]
    insert_or_update(c, version_tags, labels)
    insert_or_update(c, aliases, [(key, a.alias, int(a.version)) for a in model.aliases])
    _note(c, model.name, before, _held(c, key))


Held = dict[tuple[str, str], str]


def _held(c: Connection, key: int | None) -> Held:
    """Return stages by version and versions by alias, whose changes the history keeps."""
    v = model_versions.c
    staged = sa.select(v.version, v.current_stage).where(v.model == key)
    kept = {(history.STAGE, str(row[0])): row[1] for row in c.execute(staged)}
    pointing = sa.select(aliases.c.alias, aliases.c.version).where(aliases.c.model == key)
    return kept | {(history.ALIAS, row[0]): str(row[1]) for row in c.execute(pointing)}


def _note(c: Connection, name: str, before: Held, after: Held) -> None:
    """Begin the history of a model that is new here, or record what the source has changed."""
    change = history.Change(now_ms(SystemClock()))
    history.begin_known(c, change)
    for (topic, subject), value in after.items() if before else ():
        was = before.get((topic, subject))
        if topic == history.STAGE and was is None:
            history.note(c, change, name, history.VERSION, subject, None, subject, "import")
            was = history.NO_STAGE
        if was != value:
            history.note(c, change, name, topic, subject, was, value, "import")


def _version_row(model: int, record: Any) -> tuple[Any, ...]:
    v = record.version
    values = {
        "model": model,
        "version": int(v.version),
        "creation_timestamp": v.creation_timestamp or 0,
        "last_updated_timestamp": v.last_updated_timestamp or 0,
        "description": v.description,
        "user_id": v.user_id,
        "current_stage": v.current_stage or "None",
        "source": v.source,
        "storage_location": record.location,
        "run_id": v.run_id,
        "run_link": v.run_link,
        "model_id": v.model_id,
        "status": v.status or "READY",
        "status_message": v.status_message,
    }
    return tuple(values[c.name] for c in model_versions.c)
