"""The loop over three of our pieces: the world changes on day 14, and the model is replaced.

All that the loop needs of you is a recipe: how to train, and what became of recent rows. It
reaches everything else by open protocols, so the registry may be an MLflow server and the
inference server may be MLServer.
"""

import tempfile
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import lightgbm
import numpy as np

from dovetail.base import telemetry
from dovetail.loop import Examples, Joints, Loop, LoopSettings, LoopStore, make_deployer
from dovetail.monitoring.piece import piece as monitoring
from dovetail.serving.piece import piece as serving
from dovetail.tracking.piece import piece as tracking
from dovetail.web.piece import Endpoint
from dovetail.web.testing import run_piece
from dovetail.wire import mlflow

MODEL, COLUMNS, ROWS = "flights", ("wind", "rain"), 300
FIRST, TURN = date(2013, 4, 1), date(2013, 4, 15)


class Recipe:
    """Trains on the ten newest days; the rows are made up, a day always gives the same ones."""

    def __init__(self, joints: Joints) -> None:
        self.registry = joints.registry

    def train(self, until: date, key: str) -> str:
        """Train, register, and return the version; asked again with a key, return the same."""
        for found in self.registry.search_model_versions(f"name='{MODEL}'"):
            if any(tag.key == "attempt" and tag.value == key for tag in found.tags):
                return found.version
        known = self.examples(until - timedelta(days=10), until)
        data = lightgbm.Dataset(known.inputs, known.labels, feature_name=list(COLUMNS))
        options = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "num_threads": 1}
        booster = lightgbm.train(options, data, 30)
        run = self.registry.create_run(
            self.registry.ensure_experiment(MODEL), name=f"until {until}"
        )
        model = f"{run.info.artifact_uri}/model"
        content = booster.model_to_string().encode()
        self.registry.put_artifact(f"{mlflow.proxy_path(model)}/model.lgb", content)
        if not any(m.name == MODEL for m in self.registry.search_registered_models()):
            self.registry.create_registered_model(MODEL)
        version = self.registry.create_model_version(
            MODEL, model, run_id=run.info.run_id, tags={"attempt": key}
        )
        return version.version

    def examples(self, start: date, end: date) -> Examples:
        """Return the labelled rows of some days."""
        inputs, labels, days = [], [], range(start.toordinal(), end.toordinal())
        for day in days:
            random = np.random.default_rng(day)
            rows = random.normal(size=(ROWS, 2)).astype(np.float32)
            effect = np.array([2.0, -1.0] if day < TURN.toordinal() else [-1.0, 2.0])
            inputs.append(rows)
            labels.append(random.random(ROWS) < 1 / (1 + np.exp(-rows @ effect)))
        ordinals = np.repeat(np.array(days, np.int64), ROWS)
        return Examples(
            columns=COLUMNS,
            inputs=np.concatenate(inputs),
            labels=np.concatenate(labels).astype(np.int8),
            days=ordinals,
            keys=np.array([f"row {i}" for i in range(len(ordinals))]),
        )


telemetry.configure_logs("error")
with ExitStack() as stack:
    state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    registry = stack.enter_context(run_piece(tracking, state=state / "tracking"))
    at = {"tracking": registry.url}
    at["serving"] = stack.enter_context(run_piece(serving, state=state / "serving", joints=at)).url
    at["monitoring"] = stack.enter_context(run_piece(monitoring, state=state / "monitoring")).url

    settings = LoopSettings(
        model=MODEL, check_every=2, window=4, holdout=3, min_age=3, canary_days=0, cost=20.0
    )
    joints = stack.enter_context(Joints.connect(lambda j: Endpoint(at[j]), lambda j: j in at))
    store = LoopStore(f"sqlite:///{state}/loop.db", MODEL)
    stack.callback(store.close)
    deployer = make_deployer(joints, MODEL, "", {})
    loop = Loop(settings, joints, deployer, Recipe(joints), store)
    for number in range(24):
        for event in loop.tick(FIRST + timedelta(days=number)):
            print(f"{event.day}  {event.kind:<10} {event.text}")
    print("champion: version", loop.champion)
    assert loop.champion not in (None, "1")
