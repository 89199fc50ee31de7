"""Checks find each kind of corruption and leave a clean second draw alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from dovetail.data import check, infer
from dovetail.data.schema import from_json, to_json

ROWS = 5_000


def draw(seed: int) -> pl.DataFrame:
    r = np.random.default_rng(seed)
    start = datetime(2013, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        {
            "id": np.arange(ROWS) + seed * ROWS,
            "origin": r.choice(["JFK", "EWR", "LGA"], ROWS),
            "temp": pl.Series(
                np.where(r.random(ROWS) < 0.02, np.nan, r.normal(50, 10, ROWS).round(1)),
                nan_to_null=True,
            ),
            "delay": r.exponential(15, ROWS).round(),
            "distance": r.integers(80, 2500, ROWS),
            "tail": [f"N{i}" for i in r.integers(0, 800, ROWS)],
            "late": r.random(ROWS) < 0.2,
            "hour": [start + timedelta(hours=int(h)) for h in r.integers(0, 8000, ROWS)],
        }
    )


SCHEMA = infer(draw(1), keys=[["id"]])
C = pl.col
HALF = pl.int_range(pl.len()) % 2 == 0
CORRUPTIONS: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "more nulls": (lambda d: d.with_columns(pl.when(HALF).then("temp")), "null"),
    "a new value": (
        lambda d: d.with_columns(
            origin=pl.when(pl.int_range(pl.len()) < 50).then(pl.lit("XXX")).otherwise("origin")
        ),
        "domain",
    ),
    "numbers as text": (lambda d: d.with_columns(C("distance").cast(pl.String)), "type"),
    "another unit": (
        lambda d: d.with_columns(delay=pl.when(HALF).then(C("delay") * 60).otherwise("delay")),
        "range",
    ),
    "repeated rows": (lambda d: pl.concat([d, d.head(10)]), "unique"),
    "swapped columns": (
        lambda d: d.rename({"delay": "temp", "temp": "delay"}),
        "drift",
    ),
    "cut texts": (lambda d: d.with_columns(C("origin").str.head(2)), "length"),
    "a constant column": (lambda d: d.with_columns(distance=pl.lit(500)), "constant"),
    "impossible values": (
        lambda d: d.with_columns(
            distance=pl.when(pl.int_range(pl.len()) < 5).then(-9999).otherwise("distance")
        ),
        "range",
    ),
    "times of another century": (
        lambda d: d.with_columns(hour=C("hour").dt.offset_by("-100y")),
        "range",
    ),
    "values nobody knows": (
        lambda d: d.with_columns(tail=pl.lit("X") + C("tail")),
        "domain",
    ),
    "a column more": (lambda d: d.with_columns(leak=C("late")), "columns"),
    "a column less": (lambda d: d.drop("late"), "columns"),
}


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corruption_is_found(kind: str) -> None:
    spoil, rule = CORRUPTIONS[kind]
    found = check(spoil(draw(2)), SCHEMA)
    assert rule in {f.rule for f in found}


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_clean_rows_are_left_alone(seed: int) -> None:
    assert [f.text for f in check(draw(seed), SCHEMA) if f.refuses] == []
    assert len(check(draw(seed), SCHEMA)) <= 1


def test_a_small_batch_does_not_cry_wolf() -> None:
    for size in (0, 1, 20, 150):
        assert check(draw(5).head(size), SCHEMA) == []


def test_a_schema_survives_its_file() -> None:
    assert from_json(to_json(SCHEMA)) == SCHEMA
