"""The commands of the data piece, on real folders."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from dovetail.data.cli import commands

ROWS = pl.DataFrame({"flight": range(200), "origin": ["JFK", "EWR"] * 100})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    ROWS.write_parquet("april.parquet")
    ROWS.with_columns(origin=None).cast({"origin": pl.String}).write_parquet("bad.parquet")

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(commands, [*arguments, "--root", "lake"])

    return call


def test_rows_go_in_once_and_come_out_again(run: Any) -> None:
    put = ("put", "april.parquet", "--table", "flights", "--batch", "2013-04")
    assert run(*put).output == "flights: version 0, 200 rows written\n"
    assert run(*put).output == "flights: version 0, was there already\n"
    assert run("get", "flights", "--out", "out.csv").exit_code == 0
    assert pl.read_csv("out.csv").sort("flight").equals(ROWS)
    (line,) = json.loads(run("list", "--json").output)["tables"]
    assert (line["name"], line["rows"], line["verdict"]) == ("flights", 200, "no schema")


def test_a_schema_is_inferred_and_then_refuses(run: Any) -> None:
    run("put", "april.parquet", "--table", "flights")
    assert run("check", "flights", "--infer", "--key", "flight").exit_code == 0
    bad = run("check", "flights", "--file", "bad.parquet", "--json")
    assert bad.exit_code == 1
    assert [f["rule"] for f in json.loads(bad.output)] == ["null"]
    refused = run("put", "bad.parquet", "--table", "flights")
    assert "The batch for table 'flights' failed its checks" in str(refused.exception)


def test_a_snapshot_is_verified(run: Any) -> None:
    run("put", "april.parquet", "--table", "flights")
    record = json.loads(run("snapshot", "flights", "--purpose", "run 1", "--json").output)
    assert run("verify").exit_code == 0
    for path in Path("lake").rglob("*.parquet"):
        path.unlink()
    gone = run("verify", record["id"][:12], "--json")
    assert gone.exit_code == 1
    assert [d["where"] for d in json.loads(gone.output)[0]["damages"]] == ["table", "copy"]
