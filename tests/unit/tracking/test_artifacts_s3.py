"""The artifact proxy in front of a bucket."""

from pathlib import Path

import httpx
import pytest

from dovetail.base.artifacts import S3Store
from dovetail.base.errors import UnavailableError
from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import Client

FILES = "/api/2.0/mlflow-artifacts/artifacts"


def test_files_go_through_the_server_into_the_bucket(tmp_path: Path, s3_url: str) -> None:
    # Nothing is swept then: the bucket of the tests says that every upload began in 2010.
    settings = TrackingSettings(artifacts=s3_url, presigned_urls=False)
    body = bytes(range(256)) * 80_000
    with run_piece(piece, settings, state=tmp_path) as running:
        with httpx.Client(base_url=f"{running.url}{FILES}") as client:
            assert client.put("/1/r/artifacts/m/big.bin", content=body).json() == {}
            assert client.put("/1/r/artifacts/m/small", content=b"1").json() == {}
            assert client.get("/1/r/artifacts/m/big.bin").content == body
            part = client.get("/1/r/artifacts/m/big.bin", headers={"range": "bytes=-3"})
            assert (part.status_code, part.content) == (206, body[-3:])
            assert client.get(f"{running.url}{FILES}", params={"path": "1/r/artifacts/m"}).json()[
                "files"
            ] == [
                {"path": "big.bin", "is_dir": False, "file_size": len(body)},
                {"path": "small", "is_dir": False, "file_size": 1},
            ]
            assert client.get("/1/r/artifacts/none").json()["error_code"] == (
                "RESOURCE_DOES_NOT_EXIST"
            )
            assert client.delete("/1/r/artifacts/m").json() == {}
            assert client.get(f"{running.url}{FILES}", params={"path": "1"}).json() == {}
        with Client(running.url) as client:
            assert client.create_run("0").info.artifact_uri.startswith("mlflow-artifacts:/0/")
    assert not (tmp_path / "artifacts").exists()


def test_without_the_proxy_clients_get_the_bucket_itself(tmp_path: Path, s3_url: str) -> None:
    settings = TrackingSettings(artifacts=s3_url, serve_artifacts=False)
    with run_piece(piece, settings, state=tmp_path) as running, Client(running.url) as client:
        assert client.create_run("0").info.artifact_uri.startswith(f"{s3_url}/0/")


@pytest.mark.parametrize("given", ["artifacts", "default_artifact_root"])
def test_what_clients_put_into_the_bucket_is_listed_and_given(
    tmp_path: Path, s3_url: str, given: str
) -> None:
    settings = TrackingSettings(**{given: s3_url}, serve_artifacts=False)
    with run_piece(piece, settings, state=tmp_path) as running, Client(running.url) as client:
        info = client.create_run("0").info
        S3Store.at(info.artifact_uri).put("model/a.txt", [b"hello"])
        listed = client.list_run_artifacts(info.run_id, "model").files
        assert [(one.path, one.file_size) for one in listed] == [("model/a.txt", 5)]
        asked = {"run_id": info.run_id, "path": "model/a.txt"}
        assert httpx.get(f"{running.url}/get-artifact", params=asked).content == b"hello"
        elsewhere = client.create_experiment("other", artifact_location="s3://other/x")
        run = client.create_run(elsewhere).info.run_id
        asked = {"run_id": run, "path": "a"}
        refused = httpx.get(f"{running.url}/get-artifact", params=asked)
        assert (refused.status_code, refused.json()["error_code"]) == (
            400,
            "INVALID_PARAMETER_VALUE",
        )


def test_a_bucket_that_cannot_be_used_stops_the_start(tmp_path: Path, s3_url: str) -> None:
    settings = TrackingSettings(artifacts="s3://no-such-bucket")
    with (
        pytest.raises(UnavailableError, match=r"'no-such-bucket' at .* does not exist"),
        run_piece(piece, settings, state=tmp_path),
    ):
        pass
