"""What was served is kept and held against training; a difference is found and shown."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.base.clock import ManualClock
from dovetail.features import catalog
from dovetail.features.cli import commands
from dovetail.features.errors import RowsError
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.features.skew.compare import compare
from dovetail.features.skew.log import read_log
from dovetail.web.testing import run_piece

NOW = datetime(2013, 4, 1, 12, 30, tzinfo=UTC)
ROWS = {
    "origin": ["JFK", "EWR"],
    "hour": ["2013-04-01T12:00:00Z", "2013-04-01T11:00:00Z"],
    "published": ["2013-04-01T12:05:00Z", "2013-04-01T11:05:00Z"],
    "temp": [40.5, 41.0],
    "visib": [None, 10.0],
}


def serve(tmp_path: Path, definitions: Path, share: float = 1.0) -> Path:
    """Push the weather, ask about it, and return where the answers are kept."""
    settings = FeatureSettings(definitions=str(definitions), served_share=share)
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOW)) as running:
        body = {"push_source_name": "weather", "df": ROWS, "to": "online"}
        assert httpx.post(running.url + "/push", json=body).status_code == 200
        question = {
            "features": ["sky:temp", "sky:visib"],
            "entities": {"origin": ["JFK", "EWR", "LGA"]},
            "full_feature_names": True,
        }
        for _ in range(3):
            answer = httpx.post(running.url + "/get-online-features", json=question)
            assert answer.status_code == 200
    return next((tmp_path / "s").rglob("served"), tmp_path / "nothing")


def weather(tmp_path: Path, **changes: list[float | None]) -> None:
    """Write the table of the source as training reads it."""
    pl.DataFrame({**ROWS, **changes}).write_delta(tmp_path / "weather", mode="overwrite")


def test_the_same_rows_give_no_skew(tmp_path: Path, definitions_file: Path) -> None:
    folder = serve(tmp_path, definitions_file)
    weather(tmp_path)
    done = CliRunner().invoke(commands, ["skew", str(definitions_file), str(folder)])
    assert done.exit_code == 0, done.output
    found = compare(read_log(folder), catalog.load(definitions_file))
    assert {(d.feature, d.rows, d.differing) for d in found.differences} == {
        ("sky__temp", 9, 0),
        ("sky__visib", 9, 0),
    }


def test_a_changed_table_is_told_with_examples(tmp_path: Path, definitions_file: Path) -> None:
    folder = serve(tmp_path, definitions_file)
    weather(tmp_path, temp=[40.5, 51.0], visib=[3.0, 10.0])
    found = compare(read_log(folder), catalog.load(definitions_file))
    temp, visib = sorted(found.differences, key=lambda d: d.feature)
    assert (temp.differing, temp.mean_absolute) == (3, 10.0)
    assert (visib.differing, visib.missing_served) == (3, 3)
    assert temp.examples[0]["origin"] == "EWR"
    assert (temp.examples[0]["served"], temp.examples[0]["trained"]) == (41.0, 51.0)
    done = CliRunner().invoke(commands, ["skew", str(definitions_file), str(folder)])
    assert done.exit_code == 1
    assert "origin=EWR" in done.output
    fine = CliRunner().invoke(
        commands, ["skew", str(definitions_file), str(folder), "--most", "0.5"]
    )
    assert fine.exit_code == 0


def test_questions_about_what_is_gone_are_counted(tmp_path: Path, definitions_file: Path) -> None:
    folder = serve(tmp_path, definitions_file)
    text = definitions_file.read_text().replace('"visib"]', '"visib", "temp"]')
    definitions_file.write_text(text.replace('["temp", "visib", "temp"]', '["visib"]'))
    weather(tmp_path)
    found = compare(read_log(folder), catalog.load(definitions_file))
    assert (found.questions, found.passed_over) == (0, 9)


def test_nothing_is_kept_unless_it_is_asked_for(tmp_path: Path, definitions_file: Path) -> None:
    folder = serve(tmp_path, definitions_file, share=0.0)
    assert not folder.exists()
    with pytest.raises(RowsError, match="served_share"):
        list(read_log(folder))


def test_a_line_that_is_no_answer_is_named(tmp_path: Path, definitions_file: Path) -> None:
    folder = serve(tmp_path, definitions_file)
    (day,) = folder.glob("*.jsonl")
    day.write_bytes(b"{}\n" + day.read_bytes() + b'{"asked": "20')
    with pytest.raises(RowsError, match="Line 1"):
        list(read_log(day))
    day.write_bytes(day.read_bytes().removeprefix(b"{}\n"))
    assert len(list(read_log(day))) == 3  # the last line is still being written
