"""The demo's recipe: how a model of late flights is trained, and what became of recent flights."""

import contextlib
import os
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dovetail.app.demo.ingest import Ingest
from dovetail.app.demo.mlmodel import model_files
from dovetail.app.demo.served import Served
from dovetail.app.demo.vectors import COLUMNS, KEYS, KNOWN, vectors
from dovetail.app.demo.workspace import MODEL
from dovetail.app.demo.world import World
from dovetail.base.settings import ServerSettings, read_file
from dovetail.features import Definitions, load, training_set
from dovetail.loop.compare import auc, log_loss
from dovetail.loop.joints import Joints
from dovetail.loop.recipe import Examples
from dovetail.wire import mlflow
from dovetail.wire.http import Conflict

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FlightRecipe", "make"]

KEY_TAG = "dovetail.key"
SERVICE_TAG = "dovetail.feature_service"
SERVICE = "flights"
ROUNDS = 150
PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.07,
    "num_leaves": 31,
    "min_data_in_leaf": 200,
    "lambda_l2": 10.0,
    "feature_fraction": 0.5,
    "seed": 7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 2,  # the trees are the same with one
    "verbosity": -1,
}


class FlightRecipe:
    """Trains on the lake, through the same feature definitions that are served.

    Args:
        joints: the registry to log to.
        world: the schedule of flights and, once landed, their outcomes.
        ingest: the lake.
        served: what was served, with the features that were looked up.
    """

    def __init__(self, joints: Joints, world: World, ingest: Ingest, served: Served) -> None:
        self._registry, self._world = joints.registry, world
        self._ingest, self._served = ingest, served
        file = Path(__file__).with_name("definitions.py")
        self._definitions: Definitions = load(file, root=ingest.lake.root)

    def train(self, until: date, key: str) -> str:
        """Train on the flights before a day and register the version; once for each key."""
        for found in self._registry.search_model_versions(f"name='{MODEL}'"):
            if any(tag.key == KEY_TAG and tag.value == key for tag in found.tags):
                return str(found.version)
        rows = self._world.rows_of(date(2013, 1, 2), until)
        landed = self._world.landed_by(rows, self._world.end_of(until - timedelta(days=1)))
        inputs = self.features(rows)[landed]
        labels = self._world.labels[rows][landed]
        booster = _fit(inputs, labels)
        return self._register(booster, inputs, labels, until, key)

    def features(self, rows: slice) -> npt.NDArray[np.float32]:
        """Return the model's inputs of some flights as the lake and the definitions give them."""
        asked = self._world.flights[rows]
        table = training_set(
            asked.select(*KEYS, asked_at="asked"),
            SERVICE,
            self._definitions,
            full_feature_names=True,
        )
        known = {name: asked[name].cast(float).to_numpy() for name in KNOWN}
        return vectors(known, _arrays(table))

    def rows(self, first: date, last: date) -> slice:
        """Return the flights of the days from `first` to `last`, both included."""
        return self._world.rows_of(first, last + timedelta(days=1))

    def examples(self, start: date, end: date) -> Examples:
        """Return the flights of some days whose outcome is known when the last day is closed."""
        rows = self._world.rows_of(start, end)
        known = self._world.landed_by(rows, self._world.end_of(end - timedelta(days=1)))
        inputs = self._served.inputs(start, end)
        if inputs is None:
            inputs = self.features(rows)
        return Examples(
            columns=COLUMNS,
            inputs=inputs[known],
            labels=self._world.labels[rows][known],
            days=self._world.day_numbers[rows][known],
            keys=self._world.flights["flight_id"][rows].to_numpy()[known].astype(str),
        )

    def _register(
        self,
        booster: Any,
        inputs: npt.NDArray[np.float32],
        labels: npt.NDArray[np.int8],
        until: date,
        key: str,
    ) -> str:
        """Log a run with its model and register it; what a killed attempt left is used again."""
        experiment = self._registry.ensure_experiment(MODEL)
        page = self._registry.search_runs([experiment], filter=f"tags.`{KEY_TAG}` = '{key}'")
        run = next(iter(page), None)
        if run is None:
            tags = {KEY_TAG: key, "trained_until": str(until)}
            run = self._registry.create_run(experiment, name=f"until {until}", tags=tags)
        run_id, root = run.info.run_id, str(run.info.artifact_uri)
        snapshots = self._ingest.snapshot(purpose=f"run {run_id}")
        self._registry.log_batch(
            run_id,
            metrics=_metrics(booster, inputs, labels),
            params={
                **{name: str(value) for name, value in PARAMETERS.items()},
                "rounds": str(ROUNDS),
                "rows": str(len(labels)),
            },
            tags={f"dovetail.snapshot.{s.table}": s.digest for s in snapshots},
        )
        for name, content in model_files(booster, COLUMNS, inputs, run_id=run_id).items():
            self._registry.put_artifact(f"{mlflow.proxy_path(root)}/model/{name}", content)
        self._registry.update_run(run_id, status="FINISHED")
        with contextlib.suppress(Conflict):
            self._registry.create_registered_model(
                MODEL, description="Will this flight arrive more than 15 minutes late?"
            )
        version = self._registry.create_model_version(
            MODEL,
            f"{root}/model",
            run_id=run_id,
            tags={KEY_TAG: key, "trained_until": str(until), SERVICE_TAG: SERVICE},
        )
        return str(version.version)


def make(joints: Joints) -> FlightRecipe:
    """Return the recipe for the demo's folder; what `[loop] recipe` names."""
    file = read_file(None, os.environ)
    state = Path(file.table("server", ServerSettings).state)
    world = World()
    return FlightRecipe(
        joints, world, Ingest(world, state / "lake"), Served(world, state / "served")
    )


def _fit(inputs: npt.NDArray[np.float32], labels: npt.NDArray[np.int8]) -> Any:
    import lightgbm

    data = lightgbm.Dataset(inputs, labels, feature_name=list(COLUMNS))
    return lightgbm.train(PARAMETERS, data, ROUNDS)


def _metrics(
    booster: Any, inputs: npt.NDArray[np.float32], labels: npt.NDArray[np.int8]
) -> list[mlflow.Metric]:
    scores = np.asarray(booster.predict(inputs))
    figures = {
        "train_auc": auc(scores, labels) or 0.0,
        "train_log_loss": float(log_loss(scores, labels).mean()),
        "train_late_share": float(labels.mean()),
    }
    return [
        mlflow.Metric(key=name, value=value, timestamp=0, step=0) for name, value in figures.items()
    ]


def _arrays(table: "pl.DataFrame") -> Mapping[str, Any]:
    """Return a frame's feature columns as float64 arrays, null as NaN."""
    names = [name for name in table.columns if "__" in name]
    return {name: table[name].cast(float).fill_null(float("nan")).to_numpy() for name in names}
