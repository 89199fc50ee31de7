"""The pages of the data piece and their JSON twins."""

from pathlib import Path

import httpx
import polars as pl
import pytest

from dovetail.data import Lake
from dovetail.data.errors import RejectedError
from dovetail.data.piece import piece
from dovetail.data.schema import Column, Schema
from dovetail.data.settings import DataSettings
from dovetail.web.testing import run_piece


def test_pages_tell_tables_checks_and_snapshots(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.declare("flights", Schema(columns=(Column(name="n", kind="integer", null_share=0.0),)))
    lake.table("flights").append(pl.DataFrame({"n": [1, 2]}), batch="good")
    with pytest.raises(RejectedError):
        lake.table("flights").append(pl.DataFrame({"n": [None, 2]}), batch="bad")
    record = lake.snapshot("flights", purpose="run 1")
    settings = DataSettings(root=str(lake.root))
    with run_piece(piece, settings, state=tmp_path / "state") as server:
        overview = httpx.get(server.url + "/data.json").json()
        assert [(t["name"], t["rows"], t["verdict"]) for t in overview["tables"]] == [
            ("flights", 2, "refused")
        ]
        table = httpx.get(server.url + "/data/tables/flights.json").json()
        assert [f["text"] for f in table["last_check"]["findings"]] == [
            "column 'n' has 1 nulls in 2 rows (50%), at most 0% allowed"
        ]
        assert [b["batch"] for b in table["held_batches"]] == ["bad"]
        assert [s["id"] for s in table["snapshots"]] == [record.id]
        verdict = httpx.post(f"{server.url}/data/snapshots/{record.id}/verify").json()
        assert verdict == {"snapshot": record.id, "is_intact": True, "damages": []}
        for path in ("/data", "/data/tables/flights"):
            page = httpx.get(server.url + path)
            assert page.status_code == 200
            assert "flights" in page.text
        assert httpx.get(server.url + "/data/tables/absent").status_code == 404
        assert httpx.get(server.url + "/data/tables/..%2Fx").status_code in (400, 404)


def test_an_empty_lake_says_how_to_fill_it(tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path) as server:
        assert "dovetail data put" in httpx.get(server.url + "/data").text
