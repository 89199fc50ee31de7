"""Does the alarm budget hold, and how soon is a change found?

Quiet years are 365 days on which nothing changes; the budget allows an alarm in 5 % of them. Each
line says in how many years of how many there was one, with the exact (Clopper-Pearson) 95 % upper
bound. The hard case is a small reference against large days, with ties and levels without end.
Beside ours stand two constructions without a proof: calibration by the rows that made the bins,
as references of earlier versions do, and one calibration pool for all rows of a day.

Where columns alone are watched, a day enters the statistic by its counts per bin, which are drawn
from their exact multinomial law; columns together, and the classifier, are given rows. Years are
kept in a file with --keep: a long run can be stopped, and goes on where it stood.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from benchmarks.harness import Figure
from benchmarks.monitoring.changes import CHANGES, delays
from benchmarks.monitoring.kept import Kept
from scipy import stats

from dovetail.monitoring import Reference
from dovetail.monitoring.columns import ColumnProfile, Values, profile, typed
from dovetail.monitoring.drift import Watch, watch_inputs
from dovetail.monitoring.evidence import YEAR, weigh

ALPHA = 0.05
FIRST = date(2013, 1, 1)
Counts = npt.NDArray[np.int64]
Day = Callable[[Watch, str], float]
"""Adds a day to a watch; the evidence after it, as a natural logarithm."""
Random = np.random.Generator
_TAIL = 0.02


def columns(r: Random, rows: int, count: int) -> dict[str, npt.NDArray[np.generic]]:
    """Of ten columns six are normal, two counts full of ties, two categories with a long tail."""
    return {f"{j}": _one(r, j, rows) for j in range(count)}


def _one(r: Random, j: int, rows: int) -> npt.NDArray[np.generic]:
    if j % 10 < 6:
        return r.standard_normal(rows)
    if j % 10 < 8:
        return r.poisson(1.0, rows).astype(np.float64)
    return r.geometric(_TAIL, rows).astype(np.str_).astype(np.object_)


def law(column: ColumnProfile) -> npt.NDArray[np.float64]:
    """The true probability of each bin of a column made by `columns`."""
    if column.kind == "category":
        known = stats.geom.pmf([int(level) for level in column.levels], _TAIL)
        return np.asarray(np.r_[known, max(0.0, 1 - known.sum()), 0.0])
    normal = int(column.name) % 10 < 6
    below = stats.norm.cdf(column.cuts) if normal else stats.poisson.cdf(column.cuts, 1.0)
    return np.asarray(np.r_[np.diff(np.r_[0.0, below, 1.0]), 0.0])


def independent(r: Random, count: int, reference: int, day: int, *, apart: bool) -> Iterator[float]:
    """Evidence after each day of a quiet year of independent columns.

    Args:
        r: Where chance comes from.
        count: How many columns.
        reference: Rows of the reference.
        day: Rows of a day.
        apart: Whether the rows that shape the bins do not calibrate; False is the old way.
    """
    sample = columns(r, reference, count)
    fitted = Reference.fit(sample).columns
    profiles = fitted if apart else [profile(name, x) for name, x in sample.items()]
    watch, laws = Watch.fresh(profiles), [law(p) for p in profiles]
    for number in range(YEAR):
        counts = [r.multinomial(day, p) for p in laws]
        yield watch.step(_day(number), counts, str(r.integers(2**62))).log_e


def shared_pool(r: Random, count: int, reference: int, day: int) -> Iterator[float]:
    """The same where all rows of a day are ranked among the rows before that day only."""
    fitted = Reference.fit(columns(r, reference, count)).columns
    laws = [law(p) for p in fitted]
    watch = Watch.fresh(fitted)
    for number in range(YEAR):
        before = [pool.copy() for pool in watch.pools]
        counts = [r.multinomial(day, p) for p in laws]
        watch.step(_day(number), counts, "")
        sums = watch.days[-1][1]
        for j, p in enumerate(fitted):
            u = _against(before[j][0], p.merged(counts[j]), r)
            z = stats.norm.ppf(u)
            sums.total[j], sums.squares[j] = z.sum(), (z * z).sum()
            sums.histogram[j] = np.histogram(u, bins=8, range=(0, 1))[0]
        yield weigh([s for _, s in watch.days], watch.weights).log_e


def _against(pool: Counts, counts: Counts, r: Random) -> npt.NDArray[np.float64]:
    bins = np.repeat(np.arange(len(pool)), counts)
    below = (np.cumsum(pool) - pool)[bins]
    u = (below + r.random(len(bins)) * (pool[bins] + 1)) / (pool.sum() + 1)
    return np.asarray(u.clip(1e-12, 1 - 1e-12))


Rows = Callable[[Random, int], dict[str, npt.NDArray[Any]]]


def _typed(rows: dict[str, npt.NDArray[Any]]) -> dict[str, Values]:
    return {name: typed(values) for name, values in rows.items()}


def alike(count: int) -> Rows:
    """Rows of columns that are one thing seen several times: correlation 0.95."""

    def rows(r: Random, size: int) -> dict[str, npt.NDArray[Any]]:
        common = r.standard_normal((size, 1)) * np.sqrt(0.95)
        table = common + r.standard_normal((size, count)) * np.sqrt(0.05)
        return {f"c{j}": table[:, j] for j in range(count)}

    return rows


def everything(r: Random, rows: Rows, reference: int, day: int) -> Iterator[float]:
    """Evidence of all streams: columns, pairs or projections, and the classifier."""
    watch = watch_inputs(Reference.fit(rows(r, reference)))
    for number in range(YEAR):
        seen = watch.tally(_typed(rows(r, day)), None)
        about = str(r.integers(2**62))
        yield watch.step(_day(number), seen.counts, about, seen.codes).log_e


def classifier(r: Random, rows: Rows, reference: int, day: int) -> Iterator[float]:
    """Evidence of the classifier, were the whole budget its own."""
    learner = watch_inputs(Reference.fit(rows(r, reference))).learner
    assert learner is not None
    for number in range(YEAR):
        codes = learner.learnt.coder.codes(_typed(rows(r, day)), day)
        yield learner.step(_day(number), codes, 0, number, int(r.integers(2**62))).log_e


def _day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


Year = Callable[[Random], Iterator[float]]
YEARS: dict[str, dict[str, Year]] = {
    "20 columns, reference 10,000, days of 1,000": {
        "dovetail": lambda r: independent(r, 20, 10_000, 1000, apart=True),
    },
    "20 columns, reference 300, days of 5,000": {
        "dovetail": lambda r: independent(r, 20, 300, 5000, apart=True),
        "bins calibrate": lambda r: independent(r, 20, 300, 5000, apart=False),
        "one pool a day": lambda r: shared_pool(r, 20, 300, 5000),
    },
    "classifier alone, 20 columns, reference 300, days of 5,000": {
        "dovetail": lambda r: classifier(r, partial(columns, count=20), 300, 5000),
    },
    "200 columns, projections, classifier, reference 1,000, days of 100": {
        "dovetail": lambda r: everything(r, partial(columns, count=200), 1000, 100),
    },
    "20 columns correlated 0.95, pairs, classifier, reference 1,000, days of 100": {
        "dovetail": lambda r: everything(r, alike(20), 1000, 100),
    },
}


def quiet(name: str, subject: str, year: Year, most: int, seconds: float, kept: Kept) -> None:
    """Run quiet years and print the share of those with an alarm.

    Args:
        name: Of the scenario.
        subject: Whose evidence it is.
        year: Gives the evidence after each day.
        most: How many years at most.
        seconds: CPU time after which no further year begins.
        kept: Years simulated before, and from now on.
    """
    end, alarms, years = time.process_time() + seconds, 0, 0
    while years < most:
        strongest = kept.get(name, subject, years)
        if strongest is None:
            if years and time.process_time() >= end:
                break
            strongest = max(year(np.random.default_rng([20130101, years])))
            kept.put(name, subject, years, strongest)
        alarms += strongest >= -np.log(ALPHA)
        years += 1
    bound = stats.beta.ppf(0.95, alarms + 1, years - alarms) if alarms < years else 1.0
    figure = f"quiet year, {name}"
    for kind, value in (
        ("years with an alarm", 100 * alarms / years),
        ("its upper 95 % bound", 100 * float(bound)),
        ("years simulated", years),
    ):
        unit = "" if kind == "years simulated" else "%"
        Figure("monitoring", f"{figure}: {kind}", subject, round(value, 2), unit).emit()


def power(most: int, seconds: float) -> None:
    """Print how many days pass until each change is found, in the median."""
    for change, words in CHANGES.items():
        found = delays(change, most, seconds)
        name = f"until found: {words}, of {len(found)} runs"
        Figure("monitoring", name, "dovetail", float(np.median(found)), "days, median").emit()


def run(
    only: Sequence[str] = (), years: int = 200, seconds: float = 60.0, keep: Path | None = None
) -> None:
    """Run all scenarios, or those whose name or subject holds one of the words."""
    kept = Kept(keep)

    def is_chosen(text: str) -> bool:
        return not only or any(word in text for word in only)

    for name, subjects in YEARS.items():
        for subject, year in subjects.items():
            if is_chosen(f"{name}: {subject}"):
                quiet(name, subject, year, years, seconds, kept)
    if is_chosen("power"):
        power(years, seconds / len(CHANGES))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="words of the scenarios to run; all if none")
    parser.add_argument("--years", type=int, default=200, help="most repetitions of each")
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU time of each")
    parser.add_argument("--keep", type=Path, help="file of the years, to go on where it stood")
    chosen = parser.parse_args()
    run(chosen.only, chosen.years, chosen.seconds, chosen.keep)


if __name__ == "__main__":
    main()
