"""Versioned tables: whole or not at all, once a batch, no silent change of columns."""

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.data import Column, Lake, Schema
from dovetail.data.errors import (
    RejectedError,
    SchemaChangeError,
    TableNameError,
    TableNotFoundError,
)

ROWS = pl.DataFrame({"n": [1, 2], "origin": ["JFK", None]})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_every_version_stays_readable(lake: Lake) -> None:
    table = lake.table("flights")
    table.append(ROWS, batch="a")
    between = datetime.now(UTC)
    time.sleep(0.01)
    table.overwrite(ROWS.head(1))
    assert table.read().height == 1
    assert table.read(version=0).sort("n").equals(ROWS)
    assert table.read(at=between).sort("n").equals(ROWS)
    assert [(v.version, v.rows, v.batch) for v in table.versions()] == [
        (1, 1, None),
        (0, 2, "batch/a"),
    ]


@pytest.mark.parametrize("batch", ["2013-04-01", ("replay", 91)], ids=["named", "numbered"])
def test_a_batch_counts_once(lake: Lake, batch: str | tuple[str, int]) -> None:
    table = lake.table("flights")
    first = table.append(ROWS, batch=batch)
    again = Lake(lake.root).table("flights").append(ROWS, batch=batch)
    assert (first.rows, first.repeated, again.rows, again.repeated) == (2, False, 0, True)
    assert table.read().height == 2


def test_a_numbered_stream_only_goes_forward(lake: Lake) -> None:
    table = lake.table("flights")
    numbers = [table.append(ROWS, batch=("replay", n)).repeated for n in (0, 0, 3, 2, 3, 4)]
    assert numbers == [False, True, False, True, True, False]


def test_columns_do_not_change_unless_asked(lake: Lake) -> None:
    table = lake.table("flights")
    table.append(ROWS)
    with pytest.raises(SchemaChangeError, match=r"have new columns \['dest'\]"):
        table.append(ROWS.with_columns(dest=pl.lit("LAX")))
    with pytest.raises(SchemaChangeError, match=r"lack the columns \['origin'\]"):
        table.append(ROWS.drop("origin"))
    with pytest.raises(SchemaChangeError, match="'n' of table 'flights' holds Int64"):
        table.append(ROWS.with_columns(pl.col("n").cast(pl.String)))
    with pytest.raises(SchemaChangeError, match=r"lack the columns \['origin'\]"):
        table.overwrite(ROWS.drop("origin"))
    assert table.version == 0
    table.append(ROWS.with_columns(dest=pl.lit("LAX")), evolve=True)
    assert table.read()["dest"].null_count() == 2
    table.overwrite(ROWS.drop("origin"), evolve=True)
    assert table.read().columns == ["n"]


def test_types_that_lose_nothing_fit(lake: Lake) -> None:
    table = lake.table("flights")
    table.append(pa.table({"n": [1, 2], "origin": ["JFK", None]}))
    table.append(pl.DataFrame({"origin": [None], "n": [3]}).with_columns(pl.col("n").cast(pl.Int8)))
    assert table.read().sort("n").rows() == [(1, "JFK"), (2, None), (3, None)]


def test_a_batch_that_fails_is_held_and_nothing_is_written(lake: Lake) -> None:
    origin = Column(name="origin", kind="text", null_share=0.0)
    schema = Schema(columns=(Column(name="n", kind="integer"), origin))
    lake.declare("flights", schema)
    with pytest.raises(RejectedError, match="'origin' has 1 nulls in 2 rows") as caught:
        lake.table("flights").append(ROWS, batch="bad/one")
    assert not lake.table("flights").exists
    (held,) = lake.records.held_batches("flights")
    assert held.held == caught.value.held
    assert pl.read_parquet(Path(held.held) / "rows.parquet").equals(ROWS)
    assert lake.table("flights").append(ROWS.drop_nulls(), batch="bad/one").version == 0
    last = lake.records.last_check("flights")
    assert last is not None
    assert not last.is_refused


def test_what_is_not_there_says_so(lake: Lake) -> None:
    with pytest.raises(TableNotFoundError, match="There is no table 'flights'"):
        lake.table("flights").read()
    lake.table("flights").append(ROWS)
    with pytest.raises(TableNotFoundError, match="'flights' has no version 7"):
        lake.table("flights").read(version=7)
    for name in ("../x", "", "_dovetail", "a/b", ".hidden"):
        with pytest.raises(TableNameError):
            lake.table(name)


WRITER = """
import sys
import polars as pl
from dovetail.data import Lake
table = Lake(sys.argv[1]).table("flights")
for number in range(40):
    table.append(pl.DataFrame({"n": [number] * 50}), batch=("replay", number))
    print(number, flush=True)
"""


def test_killed_at_any_moment_no_batch_is_lost_or_doubled(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", WRITER, str(tmp_path)]
    told = -1
    for stop_at in (3, 11):
        writer = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for line in writer.stdout:
            told = int(line)
            if told == stop_at:
                break
        writer.kill()
        writer.wait()
        writer.stdout.close()
        assert told == stop_at
        counts = dict(Lake(tmp_path).table("flights").read().group_by("n").len().iter_rows())
        assert set(range(told + 1)) <= set(counts)
        assert set(counts.values()) == {50}


def test_an_upsert_replaces_by_key(lake: Lake) -> None:
    table = lake.table("flights")
    table.upsert(ROWS, ["n"])
    done = table.upsert(pl.DataFrame({"n": [2, 3], "origin": ["EWR", "LGA"]}), ["n"], batch="b")
    assert table.read().sort("n").rows() == [(1, "JFK"), (2, "EWR"), (3, "LGA")]
    again = table.upsert(pl.DataFrame({"n": [2], "origin": ["JFK"]}), ["n"], batch="b")
    assert (done.version, again.version, again.repeated) == (1, 1, True)
    with pytest.raises(InvalidInputError, match="have a key twice"):
        table.upsert(pl.concat([ROWS, ROWS]), ["n"])
    with pytest.raises(InvalidInputError, match="have a null"):
        table.upsert(ROWS, ["origin"])


def test_concurrent_writers_lose_nothing(lake: Lake) -> None:
    lake.table("flights").append(pl.DataFrame({"n": range(4), "v": [0] * 4}))
    repeats = []

    def write(writer: int) -> None:
        table = Lake(lake.root).table("flights")
        for round_ in range(4):
            table.upsert(pl.DataFrame({"n": [writer], "v": [round_]}), ["n"])
            row = pl.DataFrame({"n": [100 + round_], "v": [0]})
            repeats.append(table.append(row, batch=f"round {round_}").repeated)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = sorted(lake.table("flights").read().iter_rows())
    assert rows == [(0, 3), (1, 3), (2, 3), (3, 0), (100, 0), (101, 0), (102, 0), (103, 0)]
    assert repeats.count(False) == 4


def test_a_table_tells_the_last_batch_of_a_stream(tmp_path):
    table = Lake(tmp_path).table("planes")
    rows = pl.DataFrame({"tailnum": ["N1"]})
    table.append(rows, batch=("register", 7))
    assert (table.last("register"), table.last("other")) == (7, None)
