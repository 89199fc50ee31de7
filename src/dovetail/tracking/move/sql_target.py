"""MLflow's own database as the target of a move, written by the row so that every id is kept.

The tables are made by the user's own MLflow and never by us; of each table the columns that its
revision has are written. Addresses of artifacts behind a proxy stay as they are, so the files go to
the same paths below the folder that `mlflow server` keeps artifacts in.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.artifacts import ArtifactStore
from dovetail.base.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from dovetail.tracking.move.files import StoreFiles
from dovetail.tracking.move.placing import choose
from dovetail.tracking.move.records import (
    ModelRecord,
    Placed,
    Point,
    RegisteredRecord,
    RunRecord,
    Terms,
)
from dovetail.tracking.move.sql_put import put_rows, write_rows
from dovetail.tracking.move.sql_rows import (
    model_rows,
    registered_rows,
    run_rows,
)
from dovetail.tracking.move.sql_source import SqlSource
from dovetail.tracking.move.sql_tables import MlflowTables, shown
from dovetail.tracking.move.traces.sql import SqlTraceWriter
from dovetail.tracking.paths import SCHEME, append, proxied_path
from dovetail.wire.mlflow import Experiment

if TYPE_CHECKING:
    from dovetail.tracking.move.traces.records import TraceWriter

__all__ = ["SqlTarget", "initialise"]

_MAKE = """
import sys
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
SqlAlchemyStore(sys.argv[1], sys.argv[2])
"""


def initialise(address: str) -> None:
    """Let the user's own MLflow make a database that is not there yet.

    Args:
        address: URL of a database.

    Raises:
        NotFoundError: there is none, and MLflow is not installed.
        UnavailableError: MLflow could not make it.
    """
    try:
        MlflowTables(address, writable=True).close()
    except (NotFoundError, InvalidInputError):
        _make(address)


def _make(address: str) -> None:
    if importlib.util.find_spec("mlflow") is None:
        raise NotFoundError(
            f"{shown(address)} is not a database of MLflow",
            why="MLflow makes its tables itself, and it is not installed here",
            fix="start `mlflow server --backend-store-uri` with it once, then export again",
        )
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    url = sa.engine.make_url(address)
    if not url.drivername.startswith("sqlite"):
        url = url.set(drivername="postgresql+psycopg")
    plain = url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", _MAKE, plain, f"{SCHEME}:/"]
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **quiet})
    if ran.returncode != 0:
        last = (ran.stderr.strip().splitlines() or ["no message"])[-1]
        raise UnavailableError(f"mlflow could not make {shown(address)}", why=last)


class SqlTarget:
    """A database of MLflow.

    Args:
        tables: the database, writable.
        artifacts: the folder that `mlflow server` keeps artifacts in.
    """

    terms = Terms()

    def __init__(self, tables: MlflowTables, artifacts: ArtifactStore) -> None:
        self.tables, self.artifacts, self.label = tables, artifacts, tables.label
        self.traces: TraceWriter | None = SqlTraceWriter(tables)

    def place(self, experiment: Experiment, known: Placed | None) -> Placed:
        """Make an experiment, or find the one that was made for it."""
        query = self.tables.select("experiments", "experiment_id", "name", "lifecycle_stage")
        taken = [(str(r.experiment_id), r.name, r.lifecycle_stage) for r in self.tables.rows(query)]
        chosen = choose(experiment, known, taken)
        number = int(chosen.id) if chosen.id else max((int(t[0]) for t in taken), default=0) + 1
        values = {
            "experiment_id": number,
            "name": chosen.name,
            "artifact_location": f"{SCHEME}:/{number}",
            "lifecycle_stage": experiment.lifecycle_stage,
            "creation_time": experiment.creation_time or 0,
            "last_update_time": experiment.last_update_time or 0,
            "workspace": "default",
        }
        tags = [{"experiment_id": number, "key": t.key, "value": t.value} for t in experiment.tags]
        is_joined = not (chosen.is_new or chosen.is_own)
        with self.tables.engine.begin() as c:
            if not is_joined:
                put_rows(self.tables, c, "experiments", [values], ("experiment_id",))
            put_rows(
                self.tables,
                c,
                "experiment_tags",
                tags,
                ("key", "experiment_id"),
                replace=not is_joined,
            )
            self._advance(c)
        return Placed(str(number), f"{SCHEME}:/{number}", chosen.name, chosen.note, is_joined)

    def _advance(self, c: Connection) -> None:
        """Let PostgreSQL count on from the highest number; it does not see given ones."""
        if self.tables.engine.dialect.name == "postgresql":
            c.execute(
                sa.text(
                    "SELECT setval(pg_get_serial_sequence('experiments', 'experiment_id'), "
                    "greatest(1, (SELECT max(experiment_id) FROM experiments)))"
                )
            )

    def run_uri(self, placed: Placed, run_id: str) -> str:
        """Return where the artifacts of a run are to lie."""
        return append(placed.location, run_id, "artifacts")

    def model_uri(self, placed: Placed, model_id: str) -> str:
        """Return where the files of a logged model are to lie."""
        return append(placed.location, "models", model_id, "artifacts")

    def put_runs(self, placed: Placed, records: Sequence[RunRecord]) -> Mapping[str, str]:
        """Write runs and return their ids in the target."""
        ids = [one.id for one in records]
        for row in self.tables.rows_for("runs", "run_uuid", ids, "run_uuid", "experiment_id"):
            if str(row.experiment_id) != placed.id:
                raise ConflictError(
                    f"run {row.run_uuid} is already there, in experiment {row.experiment_id}"
                )
        with self.tables.engine.begin() as c:
            rows = run_rows(int(placed.id), records)
            put_rows(self.tables, c, "runs", rows.runs, ("run_uuid",))
            put_rows(self.tables, c, "params", rows.params, ("key", "run_uuid"))
            put_rows(self.tables, c, "tags", rows.tags, ("key", "run_uuid"))
            put_rows(
                self.tables,
                c,
                "datasets",
                rows.datasets,
                ("experiment_id", "name", "digest"),
                False,
            )
            self._link_datasets(c, rows.inputs, int(placed.id))
            put_rows(self.tables, c, "inputs", rows.links, _LINK)
        return {run: run for run in ids}

    def _link_datasets(
        self, c: Connection, links: Iterable[tuple[str, str, str, dict[str, str]]], experiment: int
    ) -> None:
        """Link runs to datasets by the ids that the datasets have in this database."""
        if not (wanted := list(links)):
            return
        query = self.tables.select("datasets", "name", "digest", "dataset_uuid")
        rows = c.execute(query.where(sa.column("experiment_id") == experiment)).all()
        known = {(row.name, row.digest): row.dataset_uuid for row in rows}
        inputs, tags = [], []
        for run, name, digest, labels in wanted:
            dataset = known[name, digest]
            input_id = hashlib.sha256(f"{dataset} {run}".encode()).hexdigest()[:32]
            inputs.append(
                {
                    "input_uuid": input_id,
                    "source_type": "DATASET",
                    "source_id": dataset,
                    "destination_type": "RUN",
                    "destination_id": run,
                    "step": 0,
                }
            )
            tags += [
                {"input_uuid": input_id, "name": key, "value": value}
                for key, value in labels.items()
            ]
        put_rows(self.tables, c, "inputs", inputs, _LINK, replace=False)
        put_rows(self.tables, c, "input_tags", tags, ("input_uuid", "name"))

    def put_points(self, placed: Placed, points: Sequence[Point]) -> None:
        """Write points of runs that were written before."""
        names = ("run_uuid", "key", "step", "timestamp", "value", "is_nan")
        newest: dict[tuple[str, str], Point] = {}
        for point in points:
            best = newest.get(point[:2])
            if best is None or point[2:5] > best[2:5]:
                newest[point[:2]] = point
        key = ("key", "timestamp", "step", "run_uuid", "value", "is_nan")
        with self.tables.engine.begin() as c:
            write_rows(c, "metrics", names, points, key, False)
            latest = [newest[name] for name in sorted(newest)]
            clause = ("step", "timestamp", "value")
            write_rows(c, "latest_metrics", names, latest, ("key", "run_uuid"), True, clause)

    def finish_runs(self, placed: Placed, records: Sequence[RunRecord]) -> None:
        """Nothing is left to do: runs are written in their last state."""

    def finish_model(self, record: ModelRecord) -> None:
        """Nothing is left to do: logged models are written in their last state."""

    def finish_experiment(self, placed: Placed, experiment: Experiment) -> None:
        """Nothing is left to do: experiments are written in their last state."""

    def put_model(self, placed: Placed, record: ModelRecord) -> str:
        """Write a logged model and return its id in the target."""
        if not self.tables.has("logged_models"):
            raise InvalidInputError("this revision of MLflow's database has no logged models")
        model, params, tags, metrics = model_rows(int(placed.id), record)
        with self.tables.engine.begin() as c:
            put_rows(self.tables, c, "logged_models", [model], ("model_id",))
            put_rows(self.tables, c, "logged_model_params", params, ("model_id", "param_key"))
            put_rows(self.tables, c, "logged_model_tags", tags, ("model_id", "tag_key"))
            key = ("model_id", "metric_name", "metric_timestamp_ms", "metric_step", "run_id")
            put_rows(self.tables, c, "logged_model_metrics", metrics, key)
        return record.id

    def has_registered(self, name: str) -> bool:
        """Tell whether a registered model has the name."""
        return bool(self.tables.count("registered_models", sa.column("name") == name))

    def put_registered(self, record: RegisteredRecord) -> None:
        """Write a registered model with its versions, over what is there of the same name."""
        rows = registered_rows(record)
        keys = {
            "registered_models": ("name",),
            "registered_model_tags": ("key", "name"),
            "model_versions": ("name", "version"),
            "model_version_tags": ("key", "name", "version"),
            "registered_model_aliases": ("name", "alias"),
        }
        with self.tables.engine.begin() as c:
            for table, key in keys.items():
                spaced = ("workspace", *key) if self._has_workspace(table) else key
                put_rows(self.tables, c, table, rows[table], spaced)

    def _has_workspace(self, table: str) -> bool:
        return "workspace" in self.tables.columns.get(table, ())

    def put_file(self, uri: str, path: str, chunks: Iterator[bytes]) -> None:
        """Store a file below an artifact URI."""
        base = proxied_path(uri)
        if base is None:
            raise InvalidInputError(f"files cannot be stored at {uri!r}")
        self.artifacts.put(f"{base}/{path}", chunks)

    def files(self) -> StoreFiles:
        """Return the same files to be read."""
        return StoreFiles(self.artifacts)

    def reader(self) -> SqlSource:
        """Return the same store to be read."""
        return SqlSource(self.tables)

    def close(self) -> None:
        """Give the connections back."""
        self.tables.close()


_LINK = ("source_type", "source_id", "destination_type", "destination_id")
