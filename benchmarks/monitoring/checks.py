"""The check of a fitted reference: the classical tests, beside numpy told exactly what to do.

The floor sorts the current numbers, searches both sides in each other (Kolmogorov-Smirnov), counts
the levels with pandas and takes chi-squared with SciPy. All figures are CPU time of one process,
reference fitted before; memory is the peak above the data.

    python -m benchmarks.monitoring.checks
    python -m benchmarks.monitoring.checks --large     1 million rows x 200 columns, 4 GB, a minute
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from benchmarks.harness import Figure

from dovetail.monitoring.classical import ClassicalTests

Frame = dict[str, npt.NDArray[Any]]


def table(rows: int, columns: int, seed: int) -> Frame:
    """Numbers of five shapes, and 30 % categories of 3 to 40 levels."""
    r = np.random.default_rng(seed)
    categories = round(columns * 0.3)
    made: Frame = {}
    for j in range(columns - categories):
        shapes: list[Callable[[], npt.NDArray[Any]]] = [
            lambda: r.standard_normal(rows),
            lambda: r.lognormal(0, 0.5, rows),
            lambda: r.random(rows),
            lambda: r.poisson(20, rows).astype(float),
            lambda: r.standard_t(4, rows),
        ]
        made[f"n{j}"] = shapes[j % 5]()
    for j in range(categories):
        levels = np.array([f"c{j}_{i}" for i in range(3 + j * 7 % 38)], dtype=object)
        shares = 1 / np.arange(1, len(levels) + 1)
        bounds = (shares / shares.sum()).cumsum()
        at = np.searchsorted(bounds, r.random(rows)).clip(0, len(levels) - 1)
        made[f"k{j}"] = levels[at]
    return made


def floor(reference: Frame) -> Callable[[Frame], object]:
    """What numpy, pandas and SciPy need for KS and chi-squared."""
    import pandas as pd
    from scipy.stats import chi2_contingency

    kept: dict[str, Any] = {
        name: np.sort(x) if name[0] == "n" else pd.Series(x).value_counts()
        for name, x in reference.items()
    }

    def distance(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
        here = np.searchsorted(b, a, side="right") / len(b)
        before = np.searchsorted(b, a, side="left") / len(b)
        at = np.arange(1, len(a) + 1) / len(a)
        return max(float(np.abs(at - here).max()), float(np.abs(at - 1 / len(a) - before).max()))

    def check(current: Frame) -> object:
        found = []
        for name, x in current.items():
            if name[0] == "n":
                found.append(distance(kept[name], np.sort(x)))
                continue
            now = pd.Series(x).value_counts()
            names = kept[name].index.union(now.index)
            both = [c.reindex(names, fill_value=0) for c in (kept[name], now)]
            found.append(chi2_contingency(np.array(both))[1])
        return found

    return check


def ours(reference: Frame) -> Callable[[Frame], object]:
    """KS and chi-squared with p-values, corrected over columns."""
    return ClassicalTests(reference).compare


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def peak_mb() -> float:
    """The largest memory that this process has held since the mark was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def side_by_side(rows: int, columns: int, repeats: int) -> None:
    """Print both, measured in turn."""
    reference, current = table(rows, columns, 1), table(rows, columns, 2)
    checks = {"numpy floor": floor(reference), "dovetail": ours(reference)}
    times: dict[str, list[float]] = {name: [] for name in checks}
    for check in checks.values():
        check(current)
    for _ in range(repeats):
        for name, check in checks.items():
            times[name].append(cpu(partial(check, current)))
    for name, several in times.items():
        title = f"check of a fitted reference, {rows:,} rows x {columns} columns"
        Figure("monitoring", title, name, median(several) * 1000, "ms of CPU").emit()


def large(rows: int = 1_000_000, columns: int = 200) -> None:
    """Print ours alone at a size at which the floor would need the reference in memory."""
    reference = table(rows, columns, 1)
    check = ours(reference)
    del reference
    current = table(rows, columns, 2)
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_mb()
    spent = cpu(lambda: check(current))
    title = f"check of a fitted reference, {rows:,} rows x {columns} columns"
    Figure("monitoring", title, "dovetail", spent, "s of CPU").emit()
    Figure("monitoring", title, "dovetail", peak_mb() - before, "MB above the data").emit()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    if parser.parse_args().large:
        large()
    else:
        side_by_side(100_000, 20, 9)


if __name__ == "__main__":
    main()
