"""Snapshot records: no act on a table loses a held version, and every tampering is found."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dovetail.data import Lake, Snapshot
from dovetail.data.errors import SnapshotDamagedError, SnapshotNotFoundError

OLD = pl.DataFrame({"n": range(100), "v": [i / 7 for i in range(100)]})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path)
    lake.table("flights").append(OLD)
    return lake


@pytest.fixture
def record(lake: Lake) -> Snapshot:
    return lake.snapshot("flights", query="all, sorted by n", purpose="run 1")


def data_file(lake: Lake) -> Path:
    return lake.root / "flights" / lake.table("flights").files(0)[0][0]


def overwrite(lake: Lake) -> None:
    lake.table("flights").overwrite(OLD.head(3))


def vacuum(lake: Lake) -> None:
    overwrite(lake)
    path = str(lake.root / "flights")
    import deltalake

    deltalake.DeltaTable(path).vacuum(0, dry_run=False, enforce_retention_duration=False)


def delete_file(lake: Lake) -> None:
    data_file(lake).unlink()


def rewrite_file(lake: Lake) -> None:
    OLD.with_columns(pl.col("v") + 1).write_parquet(data_file(lake))


def drop_log(lake: Lake) -> None:
    shutil.rmtree(lake.root / "flights" / "_delta_log")


def drop_table(lake: Lake) -> None:
    shutil.rmtree(lake.root / "flights")


@pytest.mark.parametrize(
    ("act", "is_seen"),
    [
        (overwrite, False),
        (vacuum, True),
        (delete_file, True),
        (rewrite_file, True),
        (drop_log, False),
        (drop_table, True),
    ],
)
def test_no_act_on_the_table_loses_a_held_version(
    lake: Lake, record: Snapshot, act: Callable[[Lake], None], is_seen: bool
) -> None:
    act(lake)
    verdict = lake.verify(record)
    assert verdict.is_intact
    assert bool(verdict.damages) == is_seen
    assert lake.read_snapshot(record.id).sort("n").equals(OLD)


def test_our_own_vacuum_spares_what_is_held(lake: Lake, record: Snapshot) -> None:
    table = lake.table("flights")
    overwrite(lake)
    table.append(OLD.head(1))
    table.overwrite(OLD.head(2))
    assert len(table.vacuum()) == 2
    assert lake.verify(record).damages == ()
    assert table.read(version=0).sort("n").equals(OLD)
    lake.snapshots.release(record, reason="model retired")
    assert len(table.vacuum()) == 1
    assert not lake.verify(record).is_intact


def test_a_file_lost_in_both_places_is_told(lake: Lake, record: Snapshot) -> None:
    delete_file(lake)
    (copy,) = (lake.root / "_dovetail" / "held-files").iterdir()
    copy.write_bytes(b"something else")
    verdict = lake.verify(record)
    assert not verdict.is_intact
    assert {(d.where, d.text) for d in verdict.damages} == {
        ("table", "the file is gone"),
        ("copy", "the bytes were changed"),
    }
    with pytest.raises(SnapshotDamagedError, match="is lost"):
        lake.read_snapshot(record)


def test_a_changed_record_is_told(lake: Lake, record: Snapshot) -> None:
    path = lake.root / "_dovetail" / "snapshots" / f"{record.id}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"purpose": "another run"}))
    verdict = lake.verify(record.id)
    assert [(d.where, d.text) for d in verdict.damages] == [("record", "the record was changed")]
    assert not verdict.is_intact


def test_an_unknown_snapshot_is_told(lake: Lake) -> None:
    with pytest.raises(SnapshotNotFoundError, match="There is no snapshot 'abc'"):
        lake.verify("abc")
