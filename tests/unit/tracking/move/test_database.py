"""Databases of MLflow, old ones too, are read as far as they go and never written."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from dovetail.base.errors import DovetailError
from dovetail.tracking.move.moves import bring, give
from dovetail.tracking.move.report import totals
from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

RUN = "a" * 32
OLD = f"""
PRAGMA synchronous = OFF;
CREATE TABLE experiments (
    experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT, lifecycle_stage TEXT);
CREATE TABLE runs (
    run_uuid TEXT PRIMARY KEY, source_type TEXT, user_id TEXT, status TEXT, start_time BIGINT,
    end_time BIGINT, lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE metrics (
    key TEXT, value FLOAT, timestamp BIGINT, step BIGINT, is_nan BOOLEAN, run_uuid TEXT);
CREATE TABLE registered_models (name TEXT, creation_time BIGINT, last_updated_time BIGINT);
CREATE TABLE model_versions (
    name TEXT, version INTEGER, creation_time BIGINT, current_stage TEXT, source TEXT,
    run_id TEXT, status TEXT);
CREATE TABLE scorers (scorer_id TEXT);
INSERT INTO experiments VALUES (1, 'old', './mlruns/1', 'active');
INSERT INTO runs VALUES ('{RUN}', 'LOCAL', 'ada', 'FINISHED', 5, 6, 'active',
    './mlruns/1/{RUN}/artifacts', 1);
INSERT INTO tags VALUES ('mlflow.runName', 'named by a tag', '{RUN}');
INSERT INTO params VALUES ('depth', '6', '{RUN}');
INSERT INTO metrics VALUES ('auc', 0.5, 7, 0, 0, '{RUN}'), ('auc', 0, 8, 1, 1, '{RUN}');
INSERT INTO registered_models VALUES ('m', 5, NULL);
INSERT INTO model_versions VALUES ('m', 2, 5, 'Production', './mlruns/1/{RUN}/artifacts/model',
    '{RUN}', 'READY');
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database with few of the tables and columns of today, and its artifacts."""
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD)
    connection.close()
    files = tmp_path / "mlruns" / "1" / RUN / "artifacts" / "model"
    files.mkdir(parents=True)
    (files / "MLmodel").write_text("x")
    return path


def test_an_old_revision_comes_over_and_is_not_touched(old: Path, tmp_path: Path) -> None:
    before = hashlib.sha256(old.read_bytes()).hexdigest()
    files = sorted(tmp_path.iterdir())
    report = bring(
        f"sqlite:///{old}", state=str(tmp_path / "state"), roots=[str(tmp_path / "mlruns")]
    )
    assert report.differences == report.skipped == ()
    counts = totals(part.found for part in report.parts)
    assert (counts["metrics"], counts["versions"], counts["artifacts"]) == (2, 1, 1)
    assert hashlib.sha256(old.read_bytes()).hexdigest() == before
    assert sorted(tmp_path.iterdir()) == sorted([*files, tmp_path / "state"])
    with run_piece(piece, state=tmp_path / "state") as server:
        import httpx

        found = httpx.get(f"{server.url}/api/2.0/mlflow/model-versions/get?name=m&version=2").json()
        run = httpx.get(f"{server.url}/api/2.0/mlflow/runs/get?run_id={RUN}").json()
    assert found["model_version"]["source"] == f"mlflow-artifacts:/1/{RUN}/artifacts/model"
    assert run["run"]["info"]["run_name"] == "named by a tag"


def test_what_is_not_brought_over_is_named(old: Path, tmp_path: Path) -> None:
    with sqlite3.connect(old) as connection:
        connection.execute("INSERT INTO scorers VALUES ('t1')")
    connection.close()
    report = bring(f"sqlite:///{old}", state=str(tmp_path / "state"), no_artifacts=True)
    assert report.skipped == ("scorers: 1 in the source; they are not brought over",)
    assert not report.equal


def test_artifacts_that_no_root_covers_are_told(old: Path, tmp_path: Path) -> None:
    report = bring(f"sqlite:///{old}", state=str(tmp_path / "state"))
    (told,) = report.skipped
    assert f"run {RUN}: artifacts: ./mlruns/1/{RUN}/artifacts is not inside a folder" in told
    assert "--source-artifacts" in told


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("sqlite:///nowhere.db", "there is no database"),
        ("mysql://u:secret@h/d", "a database of the kind 'mysql' cannot be read"),
        ("sqlite:///{own}", "is not a database of MLflow"),
        ("sqlite:///{text}", "cannot be read"),
    ],
)
def test_what_is_no_database_of_mlflow_is_refused(address: str, why: str, tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path / "own"):
        pass
    (tmp_path / "text").write_text("no database, but long enough to be read as one" * 9)
    places = {"own": tmp_path / "own" / "tracking.db", "text": tmp_path / "text"}
    with pytest.raises(DovetailError, match=why) as caught:
        bring(address.format(**places), state=str(tmp_path / "state"))
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "state").exists()


def test_an_export_to_no_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DovetailError, match="is not an address to export to"):
        give(str(tmp_path / "mlruns"), state=str(tmp_path / "state"))
