"""The light client on our server and on MLflow's own; what it logged is read with MLflow's."""

from pathlib import Path
from types import ModuleType

import pytest

from dovetail import tracking

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]


def test_the_mlflow_client_reads_what_the_light_one_logged(
    mlflow: ModuleType, tracking_uri: str, tmp_path: Path
) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    with tracking.start_run(
        "light", "first", params={"depth": 6}, uri=tracking_uri, spool=tmp_path / "spool"
    ) as run:
        for step in range(1500):
            run.log_metrics({"auc": step / 1500, "loss": float("nan")}, step)
        run.log_artifact(tmp_path / "MLmodel", "model")
        run.register_model("light", alias="champion")
    found = mlflow.get_run(run.id)
    assert (found.info.run_name, found.info.status) == ("first", "FINISHED")
    assert found.data.params == {"depth": "6"}
    assert found.data.metrics["auc"] == 1499 / 1500
    assert found.data.tags["dovetail.key"] == run.key
    client = mlflow.MlflowClient()
    assert len(client.get_metric_history(run.id, "auc")) == 1500
    assert [f.path for f in client.list_artifacts(run.id, "model")] == ["model/MLmodel"]
    champion = client.get_model_version_by_alias("light", "champion")
    assert (str(champion.version), champion.run_id) == ("1", run.id)
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_batch_that_is_sent_twice_counts_once(
    mlflow: ModuleType, tracking_uri: str, tmp_path: Path
) -> None:
    from dovetail.tracking.client.delivery import Delivery
    from dovetail.tracking.client.journal import Journal, Progress

    run = tracking.start_run("light", uri=tracking_uri, spool=tmp_path, params={"a": 1})
    for step in range(100):
        run.log_metric("auc", 0.5, step, timestamp=1)
    assert run.flush()
    journal = Journal(tmp_path / run.key)
    kept = journal.progress()
    journal.save(Progress(uri=kept.uri, asked=True))  # as if no answer had ever come
    again = Delivery(journal)
    while again.step():
        pass
    again.close()
    assert again.run_id == run.id
    assert len(mlflow.MlflowClient().get_metric_history(run.id, "auc")) == 100
    run.close()
