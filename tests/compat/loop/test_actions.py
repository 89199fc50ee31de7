"""What the loop leaves with a version that it promotes."""

from types import SimpleNamespace

import numpy as np

from dovetail.loop.actions import Actions
from dovetail.loop.joints import Joints
from dovetail.loop.recipe import Examples
from dovetail.loop.settings import LoopSettings
from dovetail.monitoring.piece import piece as monitoring
from dovetail.tracking.piece import piece as tracking
from dovetail.web.testing import run_piece
from dovetail.wire import mlflow
from dovetail.wire import monitoring as watching


def test_the_profile_of_a_promoted_version_is_kept_with_it(tmp_path):
    r = np.random.default_rng(0)
    inputs = r.normal(size=(300, 2)).astype(np.float32)
    rows = Examples(
        columns=("x", "y"),
        inputs=inputs,
        labels=(r.random(300) < 0.5).astype(np.int8),
        days=np.arange(300, dtype=np.int64),
        keys=np.arange(300).astype(np.str_),
    )
    scorer = SimpleNamespace(score=lambda version, table: np.full(len(table), 0.5))
    with (
        run_piece(tracking, state=tmp_path / "tracking") as registry,
        run_piece(monitoring, state=tmp_path / "monitoring") as watch,
        mlflow.Client(registry.url) as client,
        watching.Client(watch.url) as watcher,
    ):
        client.create_registered_model("m")
        client.create_model_version("m", "s3://models/m")
        joints = Joints(registry=client, serving=None, monitoring=watcher)
        actions = Actions(LoopSettings(model="m", recipe="x:y"), joints, scorer)
        for _ in range(2):  # each act may be repeated
            actions.set_reference("1", rows)
        place = {tag.key: tag.value for tag in client.get_model_version("m", "1").tags}
        run, _, path = place[watching.PROFILE_TAG].removeprefix("runs:/").partition("/")
        folder = mlflow.client.proxy_path(client.get_run(run).info.artifact_uri)
        assert client.get_artifact(f"{folder}/{path}") == watcher.profile("m", "1")
