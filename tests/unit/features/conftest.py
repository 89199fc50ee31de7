"""One small world of flights that the tests of the features room share."""

from pathlib import Path

import pytest

from dovetail.features import catalog

DEFINITIONS = """
from dovetail.features import (
    Count, DeltaSource, Entity, FeatureService, LatestView, Mean, Share, StaticView, Sum,
    WindowView,
)

origin, carrier, plane = Entity("origin"), Entity("carrier"), Entity("plane", ["tailnum"])
weather = DeltaSource("weather", path="weather", event_time="hour", known_at="published")
departures = DeltaSource(
    "departures", path="departures", event_time="left", known_at="reported", id="flight"
)
planes = DeltaSource("planes", path="planes", event_time="built")

sky = LatestView("sky", entities=[origin], source=weather, features=["temp", "visib"], ttl="3h")
traffic = WindowView(
    "traffic", entities=[origin], source=departures, tile="1h", windows=["1h", "3h", "24h"],
    aggregations=[Count(), Sum("delay"), Mean("delay"), Share("delay", above=15, name="late")],
)
airline = WindowView(
    "airline", entities=[origin, carrier], source=departures, tile="30m", windows=["1h", "7d"],
    aggregations=[Count("delay", name="left"), Mean("delay", name="airline_delay")],
)
field = WindowView(
    "field", entities=[], source=departures, tile="1h", windows=["2h"],
    aggregations=[Count(name="all")],
)
last = LatestView("last", entities=[plane], source=departures, features=["delay"], ttl="18h")
frame = StaticView("frame", entities=[plane], source=planes, features=["seats"])
flights = FeatureService("flights", [sky, traffic, airline, field, last[["delay"]], frame])
"""


@pytest.fixture
def definitions_file(tmp_path: Path) -> Path:
    path = tmp_path / "features.py"
    path.write_text(DEFINITIONS)
    return path


@pytest.fixture
def definitions(definitions_file: Path) -> catalog.Definitions:
    return catalog.load(definitions_file)
