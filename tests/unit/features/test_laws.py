"""Online equals offline, for histories with late, repeated, corrected and future rows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dovetail.base.clock import ManualClock
from dovetail.features.catalog import Definitions, load
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.testing.features import check_engines_agree, check_feature_store
from dovetail.web.testing import run_piece

START = datetime(2013, 4, 1, tzinfo=UTC)
STAMP = pl.Datetime("us", "UTC")
minutes = st.integers(0, 3 * 24 * 60)
lateness = st.sampled_from([0, 0, 0, 1, 59, 60, 400, 2000])
origins = st.sampled_from(["JFK", "EWR", None])
tails = st.sampled_from(["N1", "N2"])
delays = st.one_of(st.none(), st.integers(-30, 600), st.sampled_from([0.1, 0.2, 1e5 + 0.3]))


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@st.composite
def departures(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    for number in range(draw(st.integers(0, 12))):
        left = draw(minutes)
        rows.append(
            (
                number,
                draw(origins),
                draw(st.sampled_from(["UA", "AA"])),
                draw(tails),
                at(left),
                at(left + draw(lateness)),
                draw(delays),
            )
        )
    rows += draw(st.lists(st.sampled_from(rows), max_size=3)) if rows else []
    schema = {
        "flight": pl.Int64, "origin": pl.String, "carrier": pl.String, "tailnum": pl.String,
        "left": STAMP, "reported": STAMP, "delay": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


@st.composite
def weather(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    for _ in range(draw(st.integers(0, 8))):
        hour = draw(st.integers(0, 6)) * 60
        published = at(hour + draw(lateness))
        temp = draw(st.sampled_from([None, 40.1, 50.0]))
        rows.append((draw(origins), at(hour), published, temp, draw(st.integers(0, 10))))
    schema = {
        "origin": pl.String, "hour": STAMP, "published": STAMP,
        "temp": pl.Float64, "visib": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


planes = st.lists(st.tuples(tails, minutes.map(at), st.integers(2, 400)), max_size=3).map(
    lambda rows: pl.DataFrame(
        rows, schema={"tailnum": pl.String, "built": STAMP, "seats": pl.Int64}, orient="row"
    )
)
questions = st.lists(
    st.tuples(origins, st.sampled_from(["UA", "ZZ"]), tails, minutes.map(at)), max_size=6
).map(
    lambda rows: pl.DataFrame(
        rows,
        schema={
            "origin": pl.String,
            "carrier": pl.String,
            "tailnum": pl.String,
            "asked_at": STAMP,
        },
        orient="row",
    )
)


WIDE = """
from datetime import datetime
from dovetail.features import (
    Count, CountDistinct, DeltaSource, Entity, FeatureService, First, Last, LatestView, Max, Mean,
    Min, OnDemandView, Ratio, Std, StaticView, Sum, WindowView,
)

origin, carrier, plane = Entity("origin"), Entity("carrier"), Entity("plane", ["tailnum"])
weather = DeltaSource(
    "weather", path="weather", event_time="hour", known_at="told",
    derive={"told": "greatest(hour, published) + interval '1 minute'"}, where="visib > 2",
)
departures = DeltaSource(
    "departures", path="departures", event_time="left", known_at="reported", id="flight",
    derive={"late": "delay > 15", "hours": "round(delay / 60, 2)"},
)
planes = DeltaSource("planes", path="planes", event_time="")

sky = LatestView(
    "sky", entities=[origin], source=weather, features=["warm", "visib", "hour"], ttl="3h",
    derive={"warm": "temp > 45"},
)
spread = WindowView(
    "spread", entities=[origin], source=departures, tile="1h", windows=["3h", "24h", "last 2"],
    where="tailnum <> 'N9'",
    aggregations=[
        Std("delay"), Min("delay", where="carrier = 'UA'"), Max("delay"), First("delay"),
        Last("carrier"), Last("hours", where="late"), CountDistinct("carrier"),
        Ratio(Sum("hours"), Count()), Count(where="late", name="late"), Mean("delay", where="late"),
    ],
)
days = WindowView(
    "days", entities=[carrier], source=departures, tile="12h", windows=["1d", "7d"],
    kind="tumbling",
    aggregations=[
        Count(name="flights"), CountDistinct("origin", limit=1), CountDistinct("tailnum"),
        Min("hours", name="least"),
    ],
)
last = LatestView(
    "last", entities=[plane], source=departures, features=["delay"], where="late and hours < 5"
)
frame = StaticView("frame", entities=[plane], source=planes, features=["seats"])
def words(row):
    slow = (row["delay_max_3h"] or 0) > 60
    return {"word": f"{row['carrier']} {'slow' if slow else 'fine'}", "seen": row["hour"]}

trip = OnDemandView(
    "trip", inputs=[sky, spread[["delay_max_3h", "late_24h"]], last],
    request={"carrier": str, "asked_at": datetime},
    features={
        "age": "(epoch(asked_at) - epoch(hour)) / 60", "asked_hour": "hour(asked_at)",
        "share": "late_24h / nullif(delay_max_3h, 0)", "ours": "carrier = 'UA' and warm",
        "catch_up": "coalesce(last__delay, -1) > 15",
    },
)
said = OnDemandView(
    "said", inputs=[sky, spread[["delay_max_3h"]]], request={"carrier": str},
    features=["word", "seen"], compute=words,
)
wide = FeatureService("wide", [trip[["age", "ours"]], sky, spread, days, last, frame, said, trip[
    ["share", "asked_hour", "catch_up"]]])
"""


@given(departures(), weather(), planes, questions)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_engines_agree(
    tmp_path: Path,
    left: pl.DataFrame,
    sky: pl.DataFrame,
    frames: pl.DataFrame,
    asked: pl.DataFrame,
) -> None:
    file = tmp_path / "wide.py"
    file.write_text(WIDE)
    sources = {"departures": left, "weather": sky, "planes": frames}
    check_engines_agree(load(file), "wide", sources, asked)


@given(departures(), weather(), planes, questions, st.integers(0, 9))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_figure_is_the_same_online(
    tmp_path: Path,
    left: pl.DataFrame,
    sky: pl.DataFrame,
    frames: pl.DataFrame,
    asked: pl.DataFrame,
    seed: int,
) -> None:
    file = tmp_path / "wide.py"
    file.write_text(WIDE)
    wanted = FeatureSettings(definitions=str(file), keep="90d")
    clock = ManualClock(START + timedelta(days=9))
    with (
        TemporaryDirectory() as state,
        run_piece(piece, wanted, state=Path(state), clock=clock) as server,
    ):
        sources = {"departures": left, "weather": sky, "planes": frames}
        check_feature_store(server.url, load(file), "wide", sources, asked, seed=seed)


@given(departures(), weather(), planes, questions, st.integers(0, 9))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_online_equals_offline(
    definitions: Definitions,
    definitions_file: Path,
    left: pl.DataFrame,
    sky: pl.DataFrame,
    frames: pl.DataFrame,
    asked: pl.DataFrame,
    seed: int,
) -> None:
    wanted = FeatureSettings(definitions=str(definitions_file), keep="90d")
    with (
        TemporaryDirectory() as state,
        run_piece(
            piece, wanted, state=Path(state), clock=ManualClock(START + timedelta(days=9))
        ) as server,
    ):
        check_feature_store(
            server.url,
            definitions,
            "flights",
            {"departures": left, "weather": sky, "planes": frames},
            asked,
            seed=seed,
        )
