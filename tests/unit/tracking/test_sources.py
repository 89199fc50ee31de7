"""Where a version's files may lie, and to whom they must belong."""

import pytest

from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.wire.mlflow import (
    CreateExperiment,
    CreateLoggedModel,
    CreateModelVersion,
    CreateRegisteredModel,
    CreateRun,
    GetLoggedModel,
    GetModelVersion,
    SetAlias,
)
from dovetail.wire.mlflow import endpoints as e


@pytest.fixture
def run(ask):
    return ask(e.CREATE_RUN, CreateRun()).run.info


@pytest.fixture
def logged(ask, run):
    request = CreateLoggedModel(experiment_id="0", name="m", source_run_id=run.run_id)
    return ask(e.CREATE_LOGGED_MODEL, request).model.info


@pytest.fixture
def register(ask):
    ask(e.CREATE_REGISTERED_MODEL, CreateRegisteredModel(name="flights"))

    def create(source, **given):
        request = CreateModelVersion(name="flights", source=source, **given)
        return ask(e.CREATE_MODEL_VERSION, request).model_version

    return create


def uri(ask, number):
    return ask(e.GET_DOWNLOAD_URI, GetModelVersion("flights", number)).artifact_uri


def test_a_logged_model_becomes_the_place_of_its_files(ask, run, logged, register) -> None:
    made = register(f"models:/{logged.model_id}", model_id=logged.model_id)
    assert (made.run_id, made.model_id) == (run.run_id, logged.model_id)
    assert uri(ask, "1") == logged.artifact_uri
    found = ask(e.GET_LOGGED_MODEL, GetLoggedModel(logged.model_id)).model.info
    assert [(t.key, t.value) for t in found.tags] == [
        ("mlflow.modelVersions", '[{"name": "flights", "version": 1}]')
    ]


def test_files_of_the_named_run_are_allowed(ask, run, register) -> None:
    source = f"{run.artifact_uri}/model"
    assert register(source, run_id=run.run_id).source == source
    assert register(f"runs:/{run.run_id}/model", run_id=run.run_id).version == "2"


def test_a_local_source_must_end_inside_the_folder_of_its_run(ask, register, tmp_path) -> None:
    location = (tmp_path / "shared folder").as_uri()
    number = ask(
        e.CREATE_EXPERIMENT, CreateExperiment(name="local", artifact_location=location)
    ).experiment_id
    run = ask(e.CREATE_RUN, CreateRun(experiment_id=number)).run.info
    inside = tmp_path / "shared folder" / run.run_id / "artifacts"
    for source in (run.artifact_uri, str(inside), f"{run.artifact_uri}/model/..", f"{inside}/."):
        assert register(source, run_id=run.run_id).source == source
    inside.mkdir(parents=True)
    (inside / "out").symlink_to(tmp_path)
    for source in (f"{run.artifact_uri}/../..", f"{inside}/out", "/", str(tmp_path)):
        with pytest.raises(InvalidParameterError, match="To use a local path as a model version"):
            register(source, run_id=run.run_id)


def test_another_version_may_be_the_source(ask, register) -> None:
    register("s3://b/k", run_id="r1")
    ask(e.SET_ALIAS, SetAlias("flights", "champion", "1"))
    for number, source in enumerate(("flights/1", "flights@champion", "flights/latest"), 2):
        made = register(f"models:/{source}")
        assert (made.version, made.run_id) == (str(number), "r1")
        assert uri(ask, str(number)) == "s3://b/k"
    assert register("models:/flights@champion").source == "models:/flights/1"


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "mlflow-artifacts:/0/other/artifacts/model",
        "mlflow-artifacts:/0/../0/x",
        "runs:/another/model",
        "models:/m-unknown",
        "models://elsewhere/flights/1",
        "models:/",
        "http://h/api/2.0/mlflow-artifacts/artifacts/0/other/artifacts",
        "s3://b/%2e%2e/k",
    ],
)
def test_files_of_somebody_else_are_refused(ask, run, register, source) -> None:
    for given in ({}, {"run_id": run.run_id}):
        with pytest.raises(InvalidParameterError, match="Invalid model version source"):
            register(source, **given)


def test_a_source_must_exist_in_the_registry(register) -> None:
    register("s3://b/k", run_id="r1")
    with pytest.raises(MissingResourceError, match="version=9"):
        register("models:/flights/9")
    with pytest.raises(InvalidParameterError, match="must match the referenced model version"):
        register("models:/flights/1", run_id="another")
