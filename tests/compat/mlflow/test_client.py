"""The real, unmodified `mlflow` client against our server and against MLflow's own."""

import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def name() -> str:
    return f"n-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def experiment(mlflow: ModuleType, name: str) -> str:
    return str(mlflow.set_experiment(name).experiment_id)


def test_a_run_is_logged_and_read_back(mlflow: ModuleType, experiment: str) -> None:
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params({"lr": 0.1, "depth": 3})
        mlflow.log_metric("auc", 0.7, step=1)
        mlflow.log_metrics({"auc": 0.8, "loss": float("nan")}, step=2)
        mlflow.set_tags({"team": "x"})
    found = mlflow.get_run(run.info.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "first")
    assert found.data.params == {"lr": "0.1", "depth": "3"}
    assert found.data.metrics["auc"] == 0.8
    assert found.data.metrics["loss"] != found.data.metrics["loss"]
    assert found.data.tags["team"] == "x"
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "auc")
    assert [(m.step, m.value) for m in history] == [(1, 0.7), (2, 0.8)]


def test_nested_runs_and_many_metrics(mlflow: ModuleType, experiment: str) -> None:
    with mlflow.start_run() as parent, mlflow.start_run(nested=True) as child:
        mlflow.log_metrics({f"m{i}": i for i in range(1200)})
    found = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'", output_format="list"
    )
    assert [run.info.run_id for run in found] == [child.info.run_id]
    assert len(found[0].data.metrics) == 1200


def test_search_speaks_the_filter_language(mlflow: ModuleType, experiment: str) -> None:
    for i in range(5):
        with mlflow.start_run(run_name=f"r{i}"):
            mlflow.log_metric("auc", i / 10)
            mlflow.log_param("lr", "0.1" if i % 2 else "0.01")
    frame = mlflow.search_runs(
        filter_string="metrics.auc > 0.1 and params.lr = '0.1'", order_by=["metrics.auc DESC"]
    )
    assert list(frame["tags.mlflow.runName"]) == ["r3", "r1"][: len(frame)]
    assert list(frame["metrics.auc"]) == [0.3]
    client = mlflow.MlflowClient()
    first = client.search_runs([experiment], max_results=2, order_by=["metrics.auc"])
    rest = client.search_runs(
        [experiment], max_results=9, order_by=["metrics.auc"], page_token=first.token
    )
    assert [run.info.run_name for run in [*first, *rest]] == ["r0", "r1", "r2", "r3", "r4"]


def test_artifacts_go_both_ways(mlflow: ModuleType, experiment: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/ä b.txt").write_text("inner")
    with mlflow.start_run() as run:
        mlflow.log_text("hello", "notes/a.txt")
        mlflow.log_dict({"a": 1}, "b.json")
        mlflow.log_artifacts(str(tmp_path / "folder"), "folder")
    client = mlflow.MlflowClient()
    listed = client.list_artifacts(run.info.run_id)
    assert sorted((f.path, f.is_dir) for f in listed) == [
        ("b.json", False),
        ("folder", True),
        ("notes", True),
    ]
    uri = f"runs:/{run.info.run_id}"
    assert mlflow.artifacts.load_text(f"{uri}/notes/a.txt") == "hello"
    down = mlflow.artifacts.download_artifacts(
        artifact_uri=f"{uri}/folder", dst_path=str(tmp_path / "d")
    )
    assert (Path(down) / "ä b.txt").read_text() == "inner"


def test_datasets_are_inputs(mlflow: ModuleType, experiment: str) -> None:
    import pandas as pd

    with mlflow.start_run() as run:
        data = mlflow.data.from_pandas(pd.DataFrame({"a": [1]}), name="flights")
        mlflow.log_input(data, context="training")
    (found,) = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.tags[0].value) == ("flights", "training")


def test_a_model_goes_from_log_to_champion(mlflow: ModuleType, experiment: str, name: str) -> None:
    class Twice(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input * 2

    with mlflow.start_run() as run:
        info = mlflow.pyfunc.log_model(
            name="model", python_model=Twice(), pip_requirements=[], registered_model_name=name
        )
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(name, "champion", 1)
    logged = mlflow.get_logged_model(info.model_id)
    assert (str(logged.status), logged.source_run_id) == ("READY", run.info.run_id)
    outputs = mlflow.get_run(run.info.run_id).outputs.model_outputs
    assert [one.model_id for one in outputs] == [info.model_id]
    version = client.get_model_version_by_alias(name, "champion")
    assert (int(version.version), version.run_id) == (1, run.info.run_id)
    loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    assert loaded.predict(21) == 42
    assert mlflow.pyfunc.load_model(f"models:/{name}/1").predict(1) == 2
    copied = client.copy_model_version(f"models:/{name}/1", f"{name}-copy")
    assert mlflow.pyfunc.load_model(f"models:/{copied.name}/1").predict(3) == 6


def test_logged_models_are_tagged_measured_and_found(mlflow: ModuleType, experiment: str) -> None:
    model = mlflow.create_external_model(name="tree", params={"p": "1"})
    with mlflow.start_run():
        mlflow.log_metric("auc", 0.9, model_id=model.model_id)
    client = mlflow.MlflowClient()
    client.set_logged_model_tags(model.model_id, {"k": "v"})
    found = mlflow.search_logged_models(
        experiment_ids=[experiment],
        filter_string="metrics.auc > 0.5 AND tags.k = 'v'",
        output_format="list",
    )
    assert [one.model_id for one in found] == [model.model_id]
    assert [m.value for m in found[0].metrics] == [0.9]
    client.delete_logged_model_tag(model.model_id, "k")
    client.delete_logged_model(model.model_id)
    with pytest.raises(mlflow.MlflowException, match="not found"):
        client.get_logged_model(model.model_id)


def test_the_registry_is_administered(mlflow: ModuleType, name: str) -> None:
    client = mlflow.MlflowClient()
    client.create_registered_model(name, tags={"a": "1"}, description="d")
    with pytest.raises(mlflow.MlflowException) as taken:
        client.create_registered_model(name)
    assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"
    for _ in range(2):
        client.create_model_version(name, "s3://bucket/key")
    client.set_model_version_tag(name, "1", "ok", "yes")
    client.update_model_version(name, "1", description="first")
    client.transition_model_version_stage(name, "1", "Production")
    assert [v.version for v in client.get_latest_versions(name, ["Production"])] in ([1], ["1"])
    found = client.search_model_versions(f"name = '{name}' AND tags.ok = 'yes'")
    assert [str(v.version) for v in found] == ["1"]
    client.set_registered_model_alias(name, "champion", "2")
    assert client.get_registered_model(name).aliases in ({"champion": 2}, {"champion": "2"})
    client.rename_registered_model(name, f"{name}-new")
    client.delete_registered_model_alias(f"{name}-new", "champion")
    client.delete_model_version(f"{name}-new", "2")
    client.delete_registered_model(f"{name}-new")
    assert client.search_registered_models(f"name LIKE '{name}%'") == []


def test_deleting_and_restoring(mlflow: ModuleType, experiment: str) -> None:
    with mlflow.start_run() as run:
        pass
    client = mlflow.MlflowClient()
    client.delete_run(run.info.run_id)
    assert client.search_runs([experiment]) == []
    client.restore_run(run.info.run_id)
    client.delete_experiment(experiment)
    with pytest.raises(mlflow.MlflowException, match="must be in the 'active' state"):
        client.create_run(experiment)
    client.restore_experiment(experiment)
    assert len(client.search_runs([experiment])) == 1
