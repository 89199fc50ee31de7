"""The unmodified MLflow client against our tracking piece.

The server is what `dovetail tracking run` starts. Runs, metrics, models and aliases go through
MLflow's own REST protocol, so a team changes one line: the tracking URI.
"""

import os
import tempfile
from pathlib import Path

import mlflow

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"

with tempfile.TemporaryDirectory() as folder, run_piece(piece, state=Path(folder)) as server:
    mlflow.set_tracking_uri(server.url)
    mlflow.set_experiment("flights")
    for rate in (0.05, 0.1):
        with mlflow.start_run(run_name=f"rate {rate}"):
            mlflow.log_param("learning_rate", rate)
            for step in range(3):
                mlflow.log_metric("auc", 0.7 + rate * step, step=step)
            mlflow.log_text("trained on January to March", "notes.txt")

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("flights")
    best = client.search_runs(
        [experiment.experiment_id],
        filter_string="metrics.auc > 0.75",
        order_by=["metrics.auc DESC"],
    )[0]
    print("best run:", best.info.run_name, f"auc {best.data.metrics['auc']:.2f}")
    print("its notes:", mlflow.artifacts.load_text(f"runs:/{best.info.run_id}/notes.txt"))

    client.create_registered_model("flights")
    version = client.create_model_version(
        "flights", f"runs:/{best.info.run_id}/model", best.info.run_id
    )
    client.set_registered_model_alias("flights", "champion", version.version)
    champion = client.get_model_version_by_alias("flights", "champion")
    print("champion: version", champion.version)
    assert champion.run_id == best.info.run_id
