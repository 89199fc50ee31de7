"""From what is known of a flight to what the model takes: one function for training and serving.

The feature store answers with the columns of the service `flights`; the schedule tells the rest.
The model's nineteen inputs are made of both, here and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["COLUMNS", "KEYS", "KNOWN", "vectors"]

KEYS = ("city", "origin", "carrier", "dest", "number", "tailnum")
KNOWN = ("minute_of_day", "weekday", "distance", "due_hour", "due_6h", "asked_minute")
_LOOKED_UP = {
    "visib": "sky__visib",
    "wind_speed": "sky__wind_speed",
    "wind_dir": "sky__wind_dir",
    "rain_3h": "rain__precip_sum_3h",
    "inbound_delay": "inbound__delay",
    "late_origin_2h": "late_origin__late_2h",
    "late_city_1h": "late_city__late_1h",
    "late_carrier_3h": "late_carrier__late_3h",
    "delay_route_24h": "delay_route__delay_24h",
    "delay_dest_3h": "delay_dest__delay_3h",
    "delay_carrier_3h": "delay_carrier__delay_3h",
    "delay_flight_28d": "delay_flight__delay_28d",
}
COLUMNS = (
    "minute_of_day",
    "weekday",
    "distance",
    "due_hour",
    "since_landing",
    "since_departure",
    "waiting",
    *_LOOKED_UP,
)


def vectors(
    known: Mapping[str, Any], looked_up: Mapping[str, Sequence[Any]]
) -> npt.NDArray[np.float32]:
    """Return the model's inputs, float32, shape [rows, 19]; NaN is missing.

    Args:
        known: the columns `KNOWN`: minutes since local midnight, weekday (Monday is 1), miles,
            flights due from the origin in the same hour and in the six hours before, and the
            moment of asking in minutes since 1970.
        looked_up: the feature store's columns under their full names.
    """
    asked = _floats(known["asked_minute"])
    given = {name: _floats(looked_up[full]) for name, full in _LOOKED_UP.items()}
    derived = {
        "minute_of_day": _floats(known["minute_of_day"]),
        "weekday": _floats(known["weekday"]),
        "distance": _floats(known["distance"]),
        "due_hour": _floats(known["due_hour"]),
        "since_landing": asked - _floats(looked_up["inbound__landed_minute"]),
        "since_departure": asked - _floats(looked_up["outbound__left_minute"]),
        "waiting": _floats(known["due_6h"]) - _floats(looked_up["left_origin__count_6h"]),
        **given,
    }
    return np.stack([derived[name] for name in COLUMNS], axis=1).astype(np.float32)


def _floats(values: Any) -> npt.NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)
