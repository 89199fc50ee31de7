"""The commands of the features piece against real files and a real server."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.base.clock import ManualClock
from dovetail.features.cli import commands
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import run_piece

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
WEATHER = pl.DataFrame(
    {"origin": ["JFK"], "hour": [NOON], "published": [NOON], "temp": [40.5], "visib": [9]}
)


def test_check_says_which_table_does_not_fit(definitions_file: Path) -> None:
    folder = definitions_file.parent
    WEATHER.drop("visib").write_delta(folder / "weather")
    done = CliRunner().invoke(commands, ["check", str(definitions_file), "--json"])
    assert done.exit_code == 1
    problems = {line["source"]: line["problem"] for line in json.loads(done.output)}
    assert "lacks the columns ['visib']" in problems["weather"]
    assert "cannot be read" in problems["departures"]


def test_list_names_views_and_services(definitions_file: Path) -> None:
    done = CliRunner().invoke(commands, ["list", str(definitions_file), "--json"])
    found = json.loads(done.output)
    assert [v["name"] for v in found["views"]] == [
        "sky", "traffic", "airline", "field", "last", "frame",
    ]  # fmt: skip
    assert len(found["services"][0]["features"]) == 21


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_put_and_get_reach_the_server(definitions_file: Path, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"weather.{suffix}"
    if suffix == "csv":
        WEATHER.write_csv(file)
    else:
        WEATHER.write_parquet(file)
    settings = FeatureSettings(definitions=str(definitions_file))
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOON)) as server:
        put = ["put", "weather", str(file), "--url", server.url]
        assert CliRunner().invoke(commands, put).exit_code == 0
        get = ["get", "sky:temp", "origin=JFK", "--url", server.url, "--json"]
        done = CliRunner().invoke(commands, get)
        assert json.loads(done.output) == {"origin": "JFK", "temp": 40.5}
