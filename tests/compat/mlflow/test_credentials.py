"""The real client against a server that asks for tokens: which role may do what, sent both ways."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.auth import Tokens
from dovetail.web.testing import run_piece

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]
VARIABLES = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
SignIn = Callable[..., Any]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    state = tmp_path_factory.mktemp("guarded")
    with run_piece(piece, state=state, auth=True) as running:
        tokens = Tokens(f"sqlite:///{state / 'web.db'}")
        made = {role: tokens.create(f"the-{role}", role) for role in ("viewer", "editor", "admin")}
        yield running.url, made
        tokens.close()


@pytest.fixture
def sign_in(
    guarded: tuple[str, dict[str, str]],
    imported_mlflow: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> SignIn:
    """Point the client at the server as somebody, with the variables that MLflow documents."""
    url, secrets = guarded
    monkeypatch.chdir(tmp_path)
    imported_mlflow.set_tracking_uri(url)
    imported_mlflow.set_registry_uri(url)

    def sign(role: str, way: str = "bearer") -> Any:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        secret = secrets.get(role, role)
        if secret and way == "bearer":
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", secret)
        elif secret:
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", way)
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", secret)
        return imported_mlflow.MlflowClient()

    return sign


@pytest.mark.parametrize("way", ["bearer", "the-editor", "anybody"])
def test_an_editor_logs_registers_and_uploads(
    sign_in: SignIn, imported_mlflow: ModuleType, way: str
) -> None:
    client = sign_in("editor", way)
    imported_mlflow.set_experiment(f"e-{way}")
    with imported_mlflow.start_run() as run:
        imported_mlflow.log_metric("auc", 0.7)
        imported_mlflow.log_text("kept", "a.txt")
    name = f"m-{way}"
    client.create_registered_model(name)
    client.create_model_version(name, f"{run.info.artifact_uri}/m", run_id=run.info.run_id)
    client.set_registered_model_alias(name, "champion", "1")
    assert client.get_model_version_by_alias(name, "champion").version in (1, "1")


@pytest.mark.parametrize("way", ["bearer", "the-viewer"])
def test_a_viewer_reads_searches_and_downloads_and_writes_nothing(
    sign_in: SignIn, imported_mlflow: ModuleType, way: str
) -> None:
    client = sign_in("editor")
    experiment = client.create_experiment(f"for-{way}")
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "kept", "a.txt")
    client = sign_in("viewer", way)
    assert [found.info.run_id for found in client.search_runs([experiment])] == [run.info.run_id]
    assert client.search_registered_models() is not None
    assert client.search_logged_models([experiment]) == []
    where = f"runs:/{run.info.run_id}/a.txt"
    path = imported_mlflow.artifacts.download_artifacts(artifact_uri=where)
    assert Path(path).read_text() == "kept"
    refused = imported_mlflow.exceptions.RestException
    for change in (
        lambda: client.log_metric(run.info.run_id, "auc", 1.0),
        lambda: client.create_run(experiment),
        lambda: client.delete_run(run.info.run_id),
        lambda: client.create_registered_model("mine"),
        lambda: client.create_webhook("w", "https://hooks.example", ["prompt.created"]),
        lambda: client.list_webhooks(),
    ):
        with pytest.raises(refused) as error:
            change()
        assert error.value.error_code == "PERMISSION_DENIED"
    with pytest.raises(OSError, match="the-viewer may not change anything"):
        client.log_text(run.info.run_id, "other", "a.txt")
    assert Path(path).read_text() == "kept"


@pytest.mark.parametrize(
    ("role", "way"), [("", "bearer"), ("dvt_wrong", "bearer"), ("dvt_wrong", "x")]
)
def test_without_a_right_token_the_client_is_told_what_to_send(
    sign_in: SignIn, imported_mlflow: ModuleType, role: str, way: str
) -> None:
    client = sign_in(role, way)
    with pytest.raises(imported_mlflow.MlflowException) as error:
        client.search_experiments()
    assert "needs an API token" in str(error.value)
    assert error.value.error_code == "UNAUTHENTICATED"


def test_webhooks_tell_whose_token_made_the_change(
    imported_mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, receiver
) -> None:
    settings = TrackingSettings(webhook_allow=("127.0.0.1",))
    with run_piece(piece, settings, state=tmp_path, auth=True) as running:
        tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
        client = imported_mlflow.MlflowClient(running.url, running.url)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", tokens.create("ada", "admin"))
        client.create_webhook("w", receiver.url, ["registered_model.created"])
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", tokens.create("trainer", "editor"))
        client.create_registered_model("flights")
        ((_, headers, body),) = receiver.wait(1)
        tokens.close()
    assert json.loads(body)["actor"] == "trainer"
    assert not any(name.lower() == "authorization" for name in headers)
