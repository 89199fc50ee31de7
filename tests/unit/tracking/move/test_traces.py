"""Traces are moved with labels, links, spans and files; what cannot be kept is named."""

import json
import sqlite3
from pathlib import Path

import pytest

from dovetail.tracking.move.moves import bring, preview
from dovetail.tracking.move.report import totals

SPAN = {
    "trace_id": "k/RxNwoWQu+g1QoSAn3Jag==",
    "span_id": "GIlKvd2VOJc=",
    "parent_span_id": None,
    "name": "answer",
    "start_time_unix_nano": 1_000_000_000,
    "end_time_unix_nano": 3_000_000_000,
    "events": [],
    "status": {"code": "STATUS_CODE_OK", "message": ""},
    "attributes": {"mlflow.spanType": '"CHAIN"', "n": "[1, 2.5, null]"},
    "links": [{"trace_id": "tr-" + "1" * 32, "span_id": "2" * 16, "attributes": {"why": "x"}}],
}
TABLES = """
PRAGMA synchronous = OFF;
CREATE TABLE experiments (
    experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT, lifecycle_stage TEXT);
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, experiment_id INTEGER);
CREATE TABLE metrics (run_uuid TEXT);
CREATE TABLE trace_info (
    request_id TEXT PRIMARY KEY, experiment_id INTEGER, timestamp_ms BIGINT,
    execution_time_ms BIGINT, status TEXT);
CREATE TABLE trace_tags (request_id TEXT, key TEXT, value TEXT);
CREATE TABLE trace_request_metadata (request_id TEXT, key TEXT, value TEXT);
CREATE TABLE spans (trace_id TEXT, span_id TEXT, content TEXT);
INSERT INTO experiments VALUES (1, 'old', './mlruns/1', 'active');
INSERT INTO trace_info VALUES
    ('tr-a', 1, 1000, 2000, 'OK'), ('tr-b', 1, 5, NULL, 'UNSPECIFIED'), ('../c', 1, 5, 6, 'OK'),
    ('tr-d', 1, 5, 6, 'OK'), ('tr-e', 1, 5, 6, 'OK');
INSERT INTO trace_tags VALUES
    ('tr-a', 'mlflow.traceName', 'answer'),
    ('tr-a', 'mlflow.trace.spansLocation', 'TRACKING_STORE'),
    ('tr-b', 'mlflow.artifactLocation', './mlruns/1/traces/tr-b/artifacts'),
    ('tr-d', 'mlflow.trace.spansLocation', 'ARCHIVE_REPO');
INSERT INTO trace_request_metadata VALUES ('tr-a', 'mlflow.sourceRun', 'r1');
INSERT INTO spans VALUES ('tr-e', 's', 'no JSON');
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(TABLES)
        row = ("tr-a", "18894abddd953897", json.dumps(SPAN))
        connection.execute("INSERT INTO spans VALUES (?, ?, ?)", row)
    connection.close()
    files = tmp_path / "mlruns/1/traces/tr-b/artifacts"
    files.mkdir(parents=True)
    (files / "traces.json").write_text('{"spans": []}')
    return path


def test_traces_come_with_spans_and_files(source: Path, tmp_path: Path, database_url: str) -> None:
    options = {
        "state": str(tmp_path / "state"),
        "db": database_url,
        "roots": [str(tmp_path / "mlruns")],
    }
    address = f"sqlite:///{source}"
    first = bring(address, **options)
    counts = totals(part.found for part in first.parts)
    assert (counts["traces"], counts["spans"], counts["trace links"]) == (2, 1, 1)
    assert counts["artifacts"] == 1
    assert first.differences == ()
    assert [text.split(":")[0] for text in first.skipped] == [
        "trace ../c", "trace tr-d", "trace tr-e",
    ]  # fmt: skip
    again = bring(address, **options)
    assert [part.found for part in again.parts] == [part.found for part in first.parts]


def test_a_preview_counts_them(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preview(f"sqlite:///{source}", [], token=None, with_files=False, as_json=True)
    told = json.loads(capsys.readouterr().out)["would_move"]
    assert told["spans"] == 1
