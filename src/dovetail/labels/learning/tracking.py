"""Versions of labellers as runs of a tracking server: parameters, metrics, the model as a file.

Any server with MLflow's REST API will do. The model is a zip of arrays and JSON, so nobody who
loads it executes anything. A server that does not answer costs the run, never the training.
"""

import time
from collections.abc import Callable

from dovetail.base import telemetry
from dovetail.wire import mlflow
from dovetail.wire.http import WireError
from dovetail.wire.label_learner import Settings, Version
from dovetail.wire.mlflow.client import proxy_path
from dovetail.wire.mlflow.entities import Metric

__all__ = ["FILE", "Tracker"]

FILE = "labeller.npz"
log = telemetry.logger("labels")


class Tracker:
    """Keeps runs.

    Args:
        connect: Opens a client.
    """

    def __init__(self, connect: Callable[[], mlflow.Client]) -> None:
        self._connect = connect

    def keep(self, room: str, title: str, settings: Settings, version: Version, body: bytes) -> str:
        """Keep a version and return the id of its run, "" where that did not work."""
        try:
            with self._connect() as client:
                return _keep(client, room, title, settings, version, body)
        except (WireError, OSError, ValueError) as error:
            log.warning("a labeller's run is not tracked", room=room, error=str(error))
            return ""


def _keep(
    client: mlflow.Client, room: str, title: str, settings: Settings, version: Version, body: bytes
) -> str:
    experiment = client.ensure_experiment(f"labels/{title} ({room})")
    run = client.create_run(
        experiment,
        name=version.name,
        tags={"dovetail.labels.room": room, "dovetail.labels.version": version.name},
    )
    number = run.info.run_id
    try:
        client.log_batch(
            number,
            metrics=_metrics(version),
            params={
                "strategy": settings.strategy,
                "fields": ", ".join(settings.fields) or "(shown)",
                "answers": str(version.answers),
                "questions": ", ".join(skill.control for skill in version.skills),
            },
        )
        folder = run.info.artifact_uri or ""
        if folder.startswith("mlflow-artifacts:"):
            client.put_artifact(f"{proxy_path(folder)}/model/{FILE}", body)
        client.update_run(number)
    except BaseException:
        client.update_run(number, status="FAILED")
        raise
    return number


def _metrics(version: Version) -> list[Metric]:
    now = int(time.time() * 1000)
    found = {"answers": float(version.answers), "train_cpu_seconds": version.seconds}
    for skill in version.skills:
        for name in ("accuracy", "lower", "upper", "calibration", "error"):
            value = getattr(skill, name)
            if value is not None:
                found[f"{skill.control}.{name}"] = float(value)
    if version.advice is not None and version.advice.gain is not None:
        found["expected_gain"] = version.advice.gain
    return [
        Metric(key=key, value=value, timestamp=now, step=version.answers)
        for key, value in found.items()
    ]
