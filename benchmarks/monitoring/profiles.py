"""What merging reference profiles costs: false alarms in quiet years, and delay until a change.

The reference is made whole, or of four parts that were profiled alone and merged. The hard case for
the guarantee is again 300 reference rows against days of 5,000; power is that of the 10,000 rows of
the other benchmark, whole and as four profiles.
"""

import argparse
from collections.abc import Iterator
from functools import partial

import numpy as np
from benchmarks.harness import Figure
from benchmarks.monitoring.changes import CHANGED, DAY, QUIET, REFERENCE, rows
from benchmarks.monitoring.kept import Kept
from benchmarks.monitoring.quality import Random, columns, law, quiet

from dovetail.monitoring import Monitor, Reference, merge_profiles
from dovetail.monitoring.drift import Watch
from dovetail.monitoring.evidence import YEAR

PARTS = 4
_WORDS = {"mean": "1 of 20 means moves 0.1 sd", "level": "a new category at 5 %"}


def merged_year(r: Random, count: int, reference: int, day: int) -> Iterator[float]:
    """Evidence after each day of a quiet year against a merged reference."""
    parts = [columns(r, reference // PARTS, count) for _ in range(PARTS)]
    merged = merge_profiles(*(Reference.fit(part) for part in parts))
    ordered = sorted(merged.columns, key=lambda column: int(column.name))
    watch, laws = Watch.fresh(ordered), [law(p) for p in ordered]
    for number in range(YEAR):
        counts = [r.multinomial(day, p) for p in laws]
        date = str(np.datetime64("2013-01-01") + number)
        yield watch.step(date, counts, str(r.integers(2**62))).log_e


def delay(r: Random, change: str, *, merged: bool) -> float:
    """Days from a change to its alarm; infinite where 30 did not suffice, or it came before."""
    table, _, _ = rows(r, REFERENCE)
    size = REFERENCE // PARTS
    if merged:
        slices = [slice(i * size, (i + 1) * size) for i in range(PARTS)]
        parts = [Reference.fit({name: x[s] for name, x in table.items()}) for s in slices]
        monitor = Monitor(merge_profiles(*parts))
    else:
        monitor = Monitor(Reference.fit(table))
    if any(monitor.update(rows(r, DAY)[0]).alarm for _ in range(QUIET)):
        return np.inf
    for day in range(1, CHANGED + 1):
        if monitor.update(rows(r, DAY, change)[0]).alarm:
            return float(day)
    return np.inf


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=50, help="most quiet years")
    parser.add_argument("--runs", type=int, default=10, help="runs of each change")
    parser.add_argument("--seconds", type=float, default=120.0, help="CPU time of quiet years")
    chosen = parser.parse_args()
    name = "20 columns, reference 300 as 4 merged profiles, days of 5,000"
    year = partial(merged_year, count=20, reference=300, day=5000)
    quiet(name, "dovetail", year, chosen.years, chosen.seconds, Kept())
    for change, words in _WORDS.items():
        for kind, merged in (("one profile", False), ("4 merged profiles", True)):
            found = [
                delay(np.random.default_rng([42, i]), change, merged=merged)
                for i in range(chosen.runs)
            ]
            label = f"until found: {words}, reference as {kind}, of {len(found)} runs"
            Figure("monitoring", label, "dovetail", float(np.median(found)), "days, median").emit()


if __name__ == "__main__":
    main()
