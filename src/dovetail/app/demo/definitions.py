"""The demo's features: defined once, computed for training and looked up at scoring time.

Everything is known at the moment of asking, which is the start of the hour in which the flight is
scheduled. What is derived of the question itself (the hour, the wait at the gate) is in
`vectors.py`, one function for both sides.
"""

from dovetail.features import (
    Count,
    DeltaSource,
    Entity,
    FeatureService,
    LatestView,
    Mean,
    Share,
    Sum,
    WindowView,
)

city = Entity("city")
origin = Entity("origin")
carrier = Entity("carrier")
dest = Entity("dest")
number = Entity("number")
aircraft = Entity("aircraft", join_keys=["tailnum"])

departures = DeltaSource("departures", path="departures", event_time="reported", id="flight_id")
arrivals = DeltaSource("arrivals", path="arrivals", event_time="landed", id="flight_id")
weather = DeltaSource("weather", path="weather", event_time="observed", id=["origin", "observed"])

sky = LatestView(
    "sky",
    entities=[origin],
    source=weather,
    features=["visib", "wind_speed", "wind_dir"],
    ttl="4h",
)
rain = WindowView(
    "rain", entities=[city], source=weather, windows=["3h"], aggregations=[Sum("precip", 2)]
)
inbound = LatestView(
    "inbound",
    entities=[aircraft],
    source=arrivals,
    features=["delay", "landed_minute"],
    ttl="18h",
)
outbound = LatestView(
    "outbound", entities=[aircraft], source=departures, features=["left_minute"], ttl="18h"
)


def _late(name: str, of: list[Entity], window: str) -> WindowView:
    late = Share("departure_delay", above=15, name="late")
    return WindowView(name, entities=of, source=departures, windows=[window], aggregations=[late])


def _delay(name: str, of: list[Entity], window: str) -> WindowView:
    mean = Mean("delay", 0, name="delay")
    return WindowView(name, entities=of, source=arrivals, windows=[window], aggregations=[mean])


left_origin = WindowView(
    "left_origin", entities=[origin], source=departures, windows=["6h"], aggregations=[Count()]
)
late_origin = _late("late_origin", [origin], "2h")
late_city = _late("late_city", [city], "1h")
late_carrier = _late("late_carrier", [carrier], "3h")
delay_route = _delay("delay_route", [carrier, dest], "24h")
delay_dest = _delay("delay_dest", [dest], "3h")
delay_carrier = _delay("delay_carrier", [origin, carrier], "3h")
delay_flight = _delay("delay_flight", [carrier, number, origin], "28d")

flights = FeatureService(
    "flights",
    [
        sky,
        rain,
        inbound,
        outbound,
        left_origin,
        late_origin,
        late_city,
        late_carrier,
        delay_route,
        delay_dest,
        delay_carrier,
        delay_flight,
    ],
)
