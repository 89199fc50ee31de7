"""Reference profiles in a registry, ours and MLflow's own, beside the real client."""

from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from dovetail.monitoring import Reference, fetch_profile, log_profile
from dovetail.monitoring.errors import ProfileUnknownError, ReferenceInvalidError
from dovetail.monitoring.piece import piece
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.web.testing import run_piece
from dovetail.wire.monitoring import REQUEST, RESPONSE, Client

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]


def made(seed: int = 0, **more: str) -> Reference:
    r = np.random.default_rng(seed)
    return Reference.fit({"x": r.standard_normal(800)}, scores=r.random(800), **more)


def registered(mlflow: ModuleType, name: str) -> tuple[str, str]:
    """A run and the version that is registered from it, by the real client."""
    with mlflow.start_run() as run:
        mlflow.log_param("depth", 6)
    client = mlflow.MlflowClient()
    client.create_registered_model(name)
    source = f"{run.info.artifact_uri}/model"
    version = client.create_model_version(name, source, run.info.run_id)
    return run.info.run_id, str(version.version)


def test_mlflow_reads_what_we_logged(mlflow: ModuleType, tracking_uri: str, tmp_path: Path) -> None:
    run, version = registered(mlflow, "ours")
    place = log_profile(made(), tracking_uri, model="ours", version=version)
    assert place.startswith(f"runs:/{run}/monitoring/profile-1-")
    client = mlflow.MlflowClient()
    tags = client.get_model_version("ours", version).tags
    assert tags["dovetail.monitoring.profile"] == place
    file = mlflow.artifacts.download_artifacts(artifact_uri=place, dst_path=str(tmp_path))
    read = Reference.from_profile(Path(file).read_bytes())
    assert (read.model, read.version, read.rows) == ("ours", "1", 800)
    client.set_registered_model_alias("ours", "champion", version)
    for uri in ("models:/ours@champion", "models:/ours/1", place):
        assert fetch_profile(uri, tracking_uri) == read


def test_we_read_what_mlflow_logged(mlflow: ModuleType, tracking_uri: str, tmp_path: Path) -> None:
    run, version = registered(mlflow, "theirs")
    (tmp_path / "profile.json").write_bytes(made(1).profile())
    mlflow.MlflowClient().log_artifact(run, str(tmp_path / "profile.json"), "monitoring")
    found = fetch_profile(f"models:/theirs/{version}", tracking_uri)
    assert (found.model, found.version) == ("theirs", version)
    assert found.columns == made(1).columns
    assert fetch_profile(f"runs:/{run}", tracking_uri) == made(1)


def test_a_profile_logged_while_training_goes_with_the_version(
    mlflow: ModuleType, tracking_uri: str
) -> None:
    with mlflow.start_run() as run:
        assert log_profile(made(2), tracking_uri, run_id=run.info.run_id).endswith(
            "/monitoring/profile.json"
        )
    client = mlflow.MlflowClient()
    client.create_registered_model("trained")
    client.create_model_version("trained", f"{run.info.artifact_uri}/model", run.info.run_id)
    assert fetch_profile("models:/trained/1", tracking_uri).columns == made(2).columns


def test_a_version_without_a_run_keeps_one_too(mlflow: ModuleType, tracking_uri: str) -> None:
    client = mlflow.MlflowClient()
    client.create_registered_model("bare")
    client.create_model_version("bare", "s3://bucket/model")
    first = log_profile(made(4), tracking_uri, model="bare", version="1")
    second = log_profile(made(3), tracking_uri, model="bare", version="1")
    assert first.split("/")[1] == second.split("/")[1]  # the run that it got serves again
    assert first != second
    assert fetch_profile("models:/bare/1", tracking_uri).columns == made(3).columns


def test_what_is_not_there_is_said(mlflow: ModuleType, tracking_uri: str) -> None:
    registered(mlflow, "empty")
    for uri in ("models:/empty/1", "models:/empty/9", "models:/nobody/1", "models:/empty@none"):
        with pytest.raises(ProfileUnknownError) as caught:
            fetch_profile(uri, tracking_uri)
        assert f"no monitoring profile is kept with {uri}" in str(caught.value)
    with pytest.raises(ReferenceInvalidError) as wrong:
        log_profile(made(version="7"), tracking_uri, model="empty", version="1")
    assert "the profile is of the version '7', not '1'" in str(wrong.value)
    with pytest.raises(ReferenceInvalidError):
        fetch_profile("https://elsewhere/x", tracking_uri)


def test_a_tag_leads_nowhere_but_to_runs(mlflow: ModuleType, tracking_uri: str) -> None:
    registered(mlflow, "tagged")
    client = mlflow.MlflowClient()
    for value in ("http://127.0.0.1:1/x", "file:///etc/passwd", "runs:/../../etc/passwd"):
        client.set_model_version_tag("tagged", "1", "dovetail.monitoring.profile", value)
        with pytest.raises(ProfileUnknownError):
            fetch_profile("models:/tagged/1", tracking_uri)


def test_monitoring_fetches_the_profile_of_a_version_that_answers(
    mlflow: ModuleType, tracking_uri: str, tmp_path: Path
) -> None:
    registered(mlflow, "live")
    log_profile(made(), tracking_uri, model="live", version="1")
    settings = MonitoringSettings(tick_seconds=0)
    joints = {"tracking": tracking_uri}
    with (
        run_piece(piece, settings, state=tmp_path / "state", joints=joints) as running,
        Client(running.url) as client,
    ):
        for day, mean in (("2013-04-01", 0.0), ("2013-04-02", 3.0)):
            client.send_events(events(day, mean))
        assert client.models()[0].references == ()
        raised = client.close_day("live", date(2013, 4, 2))
        assert [alert.kind for alert in raised] == ["drift"]
        assert client.models()[0].references == ("1",)
        kept = Reference.from_profile(client.profile("live"))
        assert kept == fetch_profile("models:/live/1", tracking_uri)


def events(day: str, mean: float) -> list:
    from dovetail.wire.cloudevents import Event

    x = np.random.default_rng(int(mean)).normal(mean, 1, 400).tolist()
    asked = {
        "inputs": [{"name": "x", "shape": [400, 1], "datatype": "FP64", "data": x}],
        "parameters": {"columns": ["x"], "event_time": f"{day}T12:00:00Z"},
    }
    scores = {"name": "p", "shape": [400], "datatype": "FP64", "data": [0.5] * 400}
    told = {"model_name": "live", "model_version": "1", "outputs": [scores]}
    about = {"inferenceservicename": "live"}
    return [
        Event(id=day, source="test", type=kind, data=data, extensions=about)
        for kind, data in ((REQUEST, asked), (RESPONSE, told))
    ]
