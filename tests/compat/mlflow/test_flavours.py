"""Models of common libraries through the real client: logged, registered, loaded, evaluated."""

import uuid
from types import ModuleType

import pytest

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]

REQUIREMENTS = ["scikit-learn"]  # given, because finding them starts processes that take a while


@pytest.fixture
def name(mlflow: ModuleType) -> str:
    name = f"n-{uuid.uuid4().hex[:12]}"
    mlflow.set_experiment(name)
    return name


def test_sklearn_goes_from_a_run_to_the_champion_and_is_evaluated(
    mlflow: ModuleType, name: str
) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: requirements/all.txt")
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    x, y = load_iris(return_X_y=True, as_frame=True)
    with mlflow.start_run():
        model = LogisticRegression(max_iter=300).fit(x, y)
        info = mlflow.sklearn.log_model(
            model, name="model", input_example=x[:2], pip_requirements=REQUIREMENTS
        )
    version = mlflow.register_model(info.model_uri, name)
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", version.version)
    loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    assert list(loaded.predict(x[:3])) == list(model.predict(x[:3]))
    assert mlflow.sklearn.load_model(f"models:/{name}/1").score(x, y) > 0.9
    with mlflow.start_run() as run:
        result = mlflow.models.evaluate(
            f"models:/{name}/1",
            x.assign(target=y),
            targets="target",
            model_type="classifier",
            evaluator_config={"log_explainer": False},
        )
    assert result.metrics["accuracy_score"] > 0.9
    kept = mlflow.get_run(run.info.run_id)
    assert kept.data.metrics["accuracy_score"] == result.metrics["accuracy_score"]
    assert kept.inputs.dataset_inputs


def test_autolog_records_a_fit(mlflow: ModuleType, name: str) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: requirements/all.txt")
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    x, y = load_iris(return_X_y=True, as_frame=True)
    mlflow.sklearn.autolog(log_models=False, log_datasets=True)
    try:
        with mlflow.start_run() as run:
            LogisticRegression(max_iter=300).fit(x, y)
    finally:
        mlflow.sklearn.autolog(disable=True)
    found = mlflow.get_run(run.info.run_id)
    assert found.data.params["max_iter"] == "300"
    assert found.data.metrics["training_accuracy_score"] > 0.9
    assert [one.tags[0].value for one in found.inputs.dataset_inputs] == ["train"]


def test_lightgbm_is_logged_and_loaded_by_stage(mlflow: ModuleType, name: str) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm is not installed")
    import numpy as np

    x = np.arange(200, dtype=float).reshape(-1, 1)
    data = lightgbm.Dataset(x, label=(x[:, 0] > 100).astype(float))
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, data, num_boost_round=5)
    with mlflow.start_run():
        mlflow.lightgbm.log_model(
            booster, name="trees", pip_requirements=["lightgbm"], registered_model_name=name
        )
    client = mlflow.MlflowClient()
    client.transition_model_version_stage(name, "1", "Production")
    loaded = mlflow.pyfunc.load_model(f"models:/{name}/Production")
    assert np.allclose(loaded.predict(x[:5]), booster.predict(x[:5]))
