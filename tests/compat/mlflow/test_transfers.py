"""The real client moves large files in parts, to a folder and to a bucket; and MLflow's own server.

The sizes at which it does so are lowered, so that a file of 13 MiB is large.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.testing import run_piece

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]

MiB = 1 << 20
BODY = os.urandom(MiB) * 13


@pytest.fixture(params=["folder", "bucket", "bucket that clients cannot reach", "memory"])
def tracking_uri(
    request: pytest.FixtureRequest, tmp_path: Path, s3_url: str, fresh_s3_uploads: None
) -> Iterator[tuple[str, str]]:
    settings = {
        "folder": TrackingSettings(),
        "bucket": TrackingSettings(artifacts=s3_url),
        "bucket that clients cannot reach": TrackingSettings(
            artifacts=s3_url, presigned_urls=False
        ),
        "memory": TrackingSettings(artifacts="memory:"),
    }[request.param]
    with run_piece(piece, settings, state=tmp_path / "state") as running:
        yield running.url


@pytest.fixture(params=["told to", "as the server says"])
def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "told to":
        monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
        monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(6 * MiB))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 * MiB))
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(4 * MiB))
    return str(request.param)


def test_a_large_file_goes_up_and_down(
    asked: str,
    mlflow: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

    used = []
    for name in ("_upload_part", "_multipart_download"):
        original = getattr(HttpArtifactRepository, name)

        def seen(*args, _name=name, _original=original, **given):  # the client's own way, watched
            used.append(_name)
            return _original(*args, **given)

        kept = staticmethod(seen) if name == "_upload_part" else seen
        monkeypatch.setattr(HttpArtifactRepository, name, kept)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "big one.bin").write_bytes(BODY)
    (tmp_path / "model" / "small.txt").write_text("small")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(tmp_path / "model"), "model")
    client = mlflow.MlflowClient()
    found = [(one.path, one.file_size) for one in client.list_artifacts(run.info.run_id, "model")]
    assert found == [("model/big one.bin", len(BODY)), ("model/small.txt", 5)]
    local = Path(client.download_artifacts(run.info.run_id, "model", str(tmp_path)))
    assert (local / "big one.bin").read_bytes() == BODY
    assert (local / "small.txt").read_text() == "small"
    case = request.node.callspec.params["tracking_uri"]
    in_parts = case == "bucket" or (case == "folder" and asked == "told to")
    assert used.count("_upload_part") == (3 if in_parts else 0)
    assert used.count("_multipart_download") == (2 if in_parts else 0)
