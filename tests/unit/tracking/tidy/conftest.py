"""A store with files in a folder, on each database, and short words to fill it with."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dovetail.base.artifacts import LocalStore
from dovetail.base.clock import ManualClock
from dovetail.base.sql import Database
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import ExistingResourceError
from dovetail.tracking.handlers import TABLE
from dovetail.tracking.store import experiments
from dovetail.tracking.store.migrations import MIGRATIONS
from dovetail.tracking.store.schema import metadata
from dovetail.tracking.tidy import Tidy
from dovetail.wire import mlflow as m
from dovetail.wire.mlflow import endpoints as e


class Store:
    """A tracking store that tests talk to by use cases."""

    def __init__(self, url: str, folder: Path, clock: ManualClock) -> None:
        self.clock, self.folder = clock, folder
        self.database = Database(url, metadata, name="tracking", migrations=MIGRATIONS)
        self.backend = Backend("mlflow-artifacts:/", LocalStore(folder), True, clock)
        self.tidy = Tidy(self.database, self.backend, 30)
        start = self.backend.root, self.backend.now()
        self.database.write(lambda c: experiments.ensure_default(c, *start))

    def ask(self, endpoint: Any, request: Any) -> Any:
        self.clock.advance(timedelta(milliseconds=1))
        call = self.database.read if endpoint.reads else self.database.write
        return call(lambda c: TABLE[endpoint](self.backend, c, request))

    def experiment(self, name: str, **fields: Any) -> str:
        return str(
            self.ask(e.CREATE_EXPERIMENT, m.CreateExperiment(name=name, **fields)).experiment_id
        )

    def run(self, experiment: str = "0", points: int = 3, finished: bool = True) -> str:
        """Log a run with metrics, a parameter, a tag, a dataset and a file."""
        made = self.ask(e.CREATE_RUN, m.CreateRun(experiment_id=experiment, run_name="r"))
        run_id = str(made.run.info.run_id)
        metrics = tuple(m.Metric("auc", i / 10, i, i) for i in range(points))
        batch = m.LogBatch(
            run_id=run_id, metrics=metrics, params=(m.Param("lr", "1"),), tags=(m.Tag("a", "b"),)
        )
        self.ask(e.LOG_BATCH, batch)
        data = m.Dataset(name="flights", digest="d1", source_type="x", source="y")
        tags = (m.Tag("mlflow.data.context", "training"),)
        read = m.DatasetInput(dataset=data, tags=tags)
        self.ask(e.LOG_INPUTS, m.LogInputs(run_id=run_id, datasets=(read,)))
        self.file(f"{experiment}/{run_id}/artifacts/notes.txt", b"12345")
        if finished:
            self.ask(e.UPDATE_RUN, m.UpdateRun(run_id=run_id, status="FINISHED", end_time=1))
        return run_id

    def model(self, run: str, experiment: str = "0") -> str:
        asked = m.CreateLoggedModel(
            experiment_id=experiment,
            name="model",
            source_run_id=run,
            params=(m.LoggedModelParameter("depth", "6"),),
            tags=(m.Tag("a", "b"),),
        )
        model_id = str(self.ask(e.CREATE_LOGGED_MODEL, asked).model.info.model_id)
        self.file(f"{experiment}/models/{model_id}/artifacts/MLmodel", b"1234567")
        outputs = m.LogOutputs(run_id=run, models=(m.ModelOutput(model_id, 0),))
        self.ask(e.LOG_OUTPUTS, outputs)
        return model_id

    def version(self, name: str, **fields: Any) -> None:
        with suppress(ExistingResourceError):
            self.ask(e.CREATE_REGISTERED_MODEL, m.CreateRegisteredModel(name=name))
        self.ask(e.CREATE_MODEL_VERSION, m.CreateModelVersion(name=name, **fields))

    def delete_run(self, run: str) -> None:
        self.ask(e.DELETE_RUN, m.GetRun(run_id=run))

    def delete_experiment(self, number: str) -> None:
        self.ask(e.DELETE_EXPERIMENT, m.GetExperiment(number))

    def file(self, path: str, body: bytes, days_old: float = 0) -> None:
        self.backend.artifacts.put(path, [body])
        at = self.clock.now().timestamp() - days_old * 86400
        target = self.folder / path
        while target != self.folder:
            os.utime(target, (at, at))
            target = target.parent

    def files(self) -> list[str]:
        found = (p for p in self.folder.rglob("*") if p.is_file())
        return sorted(p.relative_to(self.folder).as_posix() for p in found)

    def counts(self) -> dict[str, int]:
        """How many rows each table has, those that have some."""

        def count(c: sa.Connection) -> dict[str, int]:
            tables = metadata.sorted_tables
            return {
                t.name: c.scalar(sa.select(sa.func.count()).select_from(t)) or 0 for t in tables
            }

        return {name: n for name, n in self.database.read(count).items() if n}

    def later(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))


@pytest.fixture
def store(database_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    made = Store(database_url, tmp_path / "artifacts", clock)
    yield made
    made.database.close()
