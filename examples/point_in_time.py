"""A training set that knows nothing of the future, from features that are defined once.

Two rows of weather: one known before the question, one published an hour after it. A plain join on
the newest row would leak the second into training, and the model would miss it in production.
"""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from dovetail.features import (
    Count,
    Entity,
    FeatureService,
    LatestView,
    Mean,
    ParquetSource,
    WindowView,
    collect,
    training_set,
)

NOON, HOUR = datetime(2013, 4, 1, 12, tzinfo=UTC), timedelta(hours=1)

origin = Entity("origin")
weather = ParquetSource("weather", path="weather.parquet", event_time="hour", known_at="published")
takeoffs = ParquetSource(
    "takeoffs", path="takeoffs.parquet", event_time="left", known_at="reported", id="flight"
)
sky = LatestView("sky", entities=[origin], source=weather, features=["wind"], ttl="3h")
traffic = WindowView(
    "traffic", entities=[origin], source=takeoffs, tile="1h", windows=["3h"],
    aggregations=[Count(), Mean("delay")],
)  # fmt: skip
flights = FeatureService("flights", [sky, traffic])

with tempfile.TemporaryDirectory() as folder:
    pl.DataFrame({
        "origin": ["JFK", "JFK"], "wind": [8.0, 35.0],
        "hour": [NOON - HOUR, NOON], "published": [NOON - HOUR, NOON + HOUR],
    }).write_parquet(Path(folder) / "weather.parquet")  # fmt: skip
    pl.DataFrame({
        "flight": ["UA1", "UA2", "UA3"], "origin": ["JFK"] * 3, "delay": [20, 10, 90],
        "left": [NOON - HOUR, NOON - HOUR, NOON], "reported": [NOON - HOUR, NOON - HOUR, NOON],
    }).write_parquet(Path(folder) / "takeoffs.parquet")  # fmt: skip

    questions = pl.DataFrame({"origin": ["JFK", "LGA"], "asked_at": [NOON, NOON], "late": [1, 0]})
    rows = training_set(questions, "flights", collect([flights], root=folder))
    print(rows)
    assert rows["wind"].to_list() == [8.0, None]  # the storm was published an hour too late
    assert rows["delay_mean_3h"].to_list() == [15.0, None]  # the takeoff at noon was not known yet
    assert rows.height == questions.height  # and no row is lost
