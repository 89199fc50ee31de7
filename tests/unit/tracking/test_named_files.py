"""Files by run, model and version, on the paths that MLflow's own pages use."""

from pathlib import Path

import httpx
import pytest

from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.testing import run_piece

API = "/api/2.0/mlflow"
AJAX = "/ajax-api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def run(server: httpx.Client) -> str:
    answer = server.post(f"{API}/runs/create", json={"experiment_id": "0"})
    return str(answer.json()["run"]["info"]["run_id"])


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


def test_a_file_is_stored_with_a_run_and_read_back(server: httpx.Client, run: str) -> None:
    asked = {"run_uuid": run, "path": "notes/ä b.txt"}
    assert server.post(f"{AJAX}/upload-artifact", params=asked, content=b"hello").json() == {}
    found = server.get("/get-artifact", params=asked)
    assert found.text == "hello"
    assert found.headers["content-disposition"].startswith("attachment")
    assert found.headers["x-content-type-options"] == "nosniff"
    part = server.get("/get-artifact", params=asked, headers={"Range": "bytes=1-2"})
    assert (part.status_code, part.text) == (206, "el")
    assert server.get(f"{FILES}/0/{run}/artifacts/notes/ä b.txt").text == "hello"


@pytest.mark.parametrize(
    ("asked", "body", "message"),
    [
        ({}, b"x", "Request must specify run_uuid."),
        ({"run_uuid": "RUN"}, b"x", "Request must specify path."),
        ({"run_uuid": "RUN", "path": ""}, b"x", "Request must specify path."),
        ({"run_uuid": "RUN", "path": "../a"}, b"x", "Invalid path"),
        ({"run_uuid": "RUN", "path": "/etc/a"}, b"x", "Invalid path"),
        ({"run_uuid": "RUN", "path": "a%2f..%2f..%2fb"}, b"x", "Invalid path"),
        ({"run_uuid": "RUN", "path": "a"}, b"", "Request must specify data."),
        (
            {"run_uuid": "RUN", "path": "a"},
            b"x" * ((10 << 20) + 1),
            "Artifact size is too large. Max size is 10MB.",
        ),
    ],
)
def test_a_bad_upload_is_refused_and_leaves_nothing(
    server: httpx.Client, run: str, asked: dict[str, str], body: bytes, message: str
) -> None:
    given = {name: run if value == "RUN" else value for name, value in asked.items()}
    refused = server.post(f"{AJAX}/upload-artifact", params=given, content=body)
    assert error(refused) == (400, message)
    assert "files" not in server.get(f"{API}/artifacts/list", params={"run_id": run}).json()


def test_a_file_that_is_not_there_or_a_folder_is_said_so(server: httpx.Client, run: str) -> None:
    server.post(f"{AJAX}/upload-artifact", params={"run_uuid": run, "path": "d/f"}, content=b"x")
    get = "/get-artifact"
    absent = server.get(get, params={"run_id": run, "path": "nope"})
    assert error(absent) == (404, "No such artifact: 'nope'")
    folder = server.get(get, params={"run_id": run, "path": "d"})
    assert error(folder) == (400, "Artifact path refers to a directory, not a file: 'd'")
    assert error(server.get(get, params={"run_id": run, "path": "../x"})) == (400, "Invalid path")
    unknown = server.get(get, params={"run_id": "nope", "path": "x"})
    assert error(unknown) == (404, "Run with id=nope not found")
    nothing = server.get(get)
    assert nothing.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    version = server.get("/model-versions/get-artifact", params={"name": "m", "path": "../x"})
    assert error(version) == (400, "Invalid path")


def test_files_of_a_logged_model_and_of_its_version(server: httpx.Client) -> None:
    made = server.post(f"{API}/logged-models", json={"experiment_id": "0", "name": "m"}).json()
    model_id = made["model"]["info"]["model_id"]
    server.put(f"{FILES}/0/models/{model_id}/artifacts/MLmodel", content=b"flavors: {}")
    of_model = f"{AJAX}/logged-models/{model_id}/artifacts/files"
    assert server.get(of_model, params={"artifact_file_path": "MLmodel"}).text == "flavors: {}"
    server.post(f"{API}/registered-models/create", json={"name": "m"})
    version = {"name": "m", "source": f"models:/{model_id}", "model_id": model_id}
    server.post(f"{API}/model-versions/create", json=version)
    asked = {"name": "m", "version": "1", "path": "MLmodel"}
    assert server.get("/model-versions/get-artifact", params=asked).text == "flavors: {}"


def test_files_below_a_default_root_that_is_a_folder_are_listed_and_read(tmp_path: Path) -> None:
    root = tmp_path / "shared folder"
    settings = TrackingSettings(default_artifact_root=root.as_uri())
    with (
        run_piece(piece, settings, state=tmp_path / "state") as running,
        httpx.Client(base_url=running.url) as client,
    ):
        made = client.post(f"{API}/runs/create", json={"experiment_id": "0"}).json()
        run = made["run"]["info"]["run_id"]
        assert made["run"]["info"]["artifact_uri"].startswith(root.as_uri())
        (root / "0" / run / "artifacts/d").mkdir(parents=True)
        (root / "0" / run / "artifacts/d/f.txt").write_text("here")
        listed = client.get(f"{API}/artifacts/list", params={"run_id": run, "path": "d"}).json()
        assert listed["files"] == [{"path": "d/f.txt", "is_dir": False, "file_size": 4}]
        asked = {"run_id": run, "path": "d/f.txt"}
        assert client.get("/get-artifact", params=asked).text == "here"


def test_an_experiment_elsewhere_on_the_machine_is_not_read(
    server: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("s")
    given = {"name": "away", "artifact_location": tmp_path.as_uri()}
    number = server.post(f"{API}/experiments/create", json=given).json()["experiment_id"]
    made = server.post(f"{API}/runs/create", json={"experiment_id": number}).json()
    asked = {"run_id": made["run"]["info"]["run_id"], "path": "secret"}
    refused = server.get("/get-artifact", params=asked)
    assert refused.status_code == 400
    assert "are not behind this server" in refused.json()["message"]


def test_a_relative_location_is_made_absolute(server: httpx.Client) -> None:
    for location, found in (
        ("here", f"{Path.cwd().as_posix()}/here"),
        ("file:here", f"{Path.cwd().as_uri()}/here"),
        ("/srv/a", "/srv/a"),
        ("s3://bucket/a", "s3://bucket/a"),
    ):
        given = {"name": location, "artifact_location": location}
        number = server.post(f"{API}/experiments/create", json=given).json()["experiment_id"]
        answer = server.get(f"{API}/experiments/get", params={"experiment_id": number})
        assert answer.json()["experiment"]["artifact_location"] == found


def test_a_second_slash_leads_to_the_same_place(server: httpx.Client) -> None:
    given = {"name": "slashed"}
    base = str(server.base_url).rstrip("/")
    answer = server.post(f"{base}/{API}/experiments/create", json=given, follow_redirects=True)
    assert "experiment_id" in answer.json()
    away = server.get(f"{base}//evil.example/%5Cx?a=1")
    assert (away.status_code, away.headers["location"]) == (308, "/evil.example/%5Cx?a=1")
