"""A training table that cannot be lost: appended, checked, held by a snapshot, verified.

The table is an ordinary Delta Lake table, which Spark or DuckDB read without us.
"""

import tempfile

import polars as pl

from dovetail.data import Lake
from dovetail.data.errors import RejectedError


def flights(first: int, delay: float) -> pl.DataFrame:
    """A hundred flights."""
    numbers = list(range(first, first + 100))
    return pl.DataFrame({"flight": numbers, "origin": ["JFK", "EWR"] * 50, "delay": [delay] * 100})


with tempfile.TemporaryDirectory() as folder:
    lake = Lake(folder)
    table = lake.table("flights")
    table.append(flights(0, delay=4.0), batch="2013-01")
    again = table.append(flights(0, delay=4.0), batch="2013-01")
    print("sent twice, written once:", again.repeated, table.read().height)

    lake.declare("flights", lake.infer("flights", keys=[["flight"]]))
    try:
        table.append(pl.concat([flights(100, delay=5.0)] * 2), batch="2013-02")
        raise AssertionError("every flight is in it twice")
    except RejectedError as refused:
        print("refused:", refused)
    table.append(flights(100, delay=5.0), batch="2013-02")

    trained_on = lake.snapshot("flights", purpose="run 4f2a")
    table.overwrite(flights(0, delay=0.0))
    rows = lake.read_snapshot(trained_on)
    print(
        "overwritten, but the run's rows are there:", rows.height, lake.verify(trained_on).is_intact
    )
    assert rows.height == 200
    assert rows["delay"].sum() == 900
