"""Two files compared once: which columns differ, by how much, and does the model still hold.

This is the one-shot look of a notebook or a nightly job. A single comparison may use ordinary
tests, so each column gets a p-value, adjusted over all columns so that the verdict errs with
probability alpha at most. A comparison that repeats every day needs the evidence of `drift.py`.
"""

from collections.abc import Mapping

import msgspec
import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring import distances
from dovetail.monitoring.calibration import Calibration
from dovetail.monitoring.columns import Bins, ColumnProfile, Values, profile
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.performance import measure
from dovetail.monitoring.store import Slice
from dovetail.wire.monitoring import Figures

_RARE = 5


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How one column differs between two files.

    Attributes:
        column: Its name.
        kind: "numeric" or "category".
        drift: Whether it differs, after adjustment over all columns.
        p: The adjusted p-value.
        test: Which test found the smallest p-value: "ks", "chi2" or "missing".
        statistic: Its statistic.
        psi: Population stability index over about ten groups.
        jensen_shannon: Jensen-Shannon distance over the same groups.
        wasserstein: In standard deviations of the reference; None for categories.
        shift: Difference of the means in the same unit.
        missing: Shares of missing values in the reference and now.
        unseen: Share of values that the reference never had.
        reference: Shares of the groups in the reference, the last one missing values.
        current: The same now.
        labels: What the groups hold.
    """

    column: str
    kind: str
    drift: bool
    p: float
    test: str
    statistic: float
    psi: float
    jensen_shannon: float
    wasserstein: float | None
    shift: float | None
    missing: tuple[float, float]
    unseen: float
    reference: list[float]
    current: list[float]
    labels: list[str]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison of two tables.

    Attributes:
        verdict: "drift" or "no drift".
        alpha: The chance that the verdict is "drift" though nothing changed.
        rows: Rows of the reference and now.
        columns: The columns that both have, smallest p-value first.
        absent: Columns of the reference that are no longer there; they count as drift.
        added: Columns that the reference did not have.
        performance: Figures on the reference and now, where scores were named.
    """

    verdict: str
    alpha: float
    rows: tuple[int, int]
    columns: list[Comparison]
    absent: list[str] = []
    added: list[str] = []
    performance: tuple[Figures, Figures] | None = None


def compare(
    reference: Mapping[str, Values],
    current: Mapping[str, Values],
    *,
    alpha: float = 0.05,
    score: str = "",
    label: str = "",
) -> Report:
    """Compare two tables.

    Args:
        reference: Columns of the reference.
        current: Columns now.
        alpha: The chance of a false verdict.
        score: The column of scores, if any; it is compared too.
        label: The column of outcomes, if any; it is not compared.

    Raises:
        InvalidInputError: A named column is not in the reference, or no column is in both.
    """
    for name in filter(None, (score, label)):
        if name not in reference:
            raise InvalidInputError(f"the reference has no column '{name}'")
    shared = [name for name in reference if name in current and name != label]
    if not shared:
        raise InvalidInputError("the two files have no column in common")
    found = [_compare(profile(n, reference[n]), reference[n], current[n]) for n in shared]
    tests = [(i, test) for i, (_, several) in enumerate(found) for test in several]
    adjusted = distances.holm(np.array([p for _, (_, _, p) in tests]))
    columns = []
    for i, (made, _) in enumerate(found):
        mine = [(p, test) for (j, test), p in zip(tests, adjusted.tolist(), strict=True) if i == j]
        p, (name, statistic, _) = min(mine, key=lambda pair: pair[0])
        columns.append(
            msgspec.structs.replace(made, p=p, test=name, statistic=statistic, drift=p < alpha)
        )
    absent = [name for name in reference if name not in current and name != label]
    return Report(
        verdict="drift" if absent or any(c.drift for c in columns) else "no drift",
        alpha=alpha,
        rows=(_size(reference), _size(current)),
        columns=sorted(columns, key=lambda c: (c.p, -c.psi)),
        absent=absent,
        added=[name for name in current if name not in reference],
        performance=_performance(reference, current, score, label) if score else None,
    )


def _size(columns: Mapping[str, Values]) -> int:
    return len(next(iter(columns.values())))


Test = tuple[str, float, float]


def _compare(column: ColumnProfile, before: Values, now: Values) -> tuple[Comparison, list[Test]]:
    """A column's distances and its tests, as (name, statistic, p-value)."""
    a, b = (np.bincount(column.bins(v), minlength=len(column.counts)) for v in (before, now))
    tests = []
    wide = shift = None
    if column.kind == "numeric" and isinstance(now, np.ndarray) and isinstance(before, np.ndarray):
        x, y = before[np.isfinite(before)], now[np.isfinite(now)]
        if len(x) and len(y):
            tests.append(("ks", *distances.kolmogorov_smirnov(x, y)))
            if column.deviation:
                wide = distances.wasserstein(x, y) / column.deviation
                shift = float(y.mean() - x.mean()) / column.deviation
    else:
        tests.append(("chi2", *distances.chi_squared(*_merge_rare(a[:-1], b[:-1]))))
    missing = np.array([[a[-1], a[:-1].sum()], [b[-1], b[:-1].sum()]])
    if missing[:, 0].any() or not tests:
        tests.append(("missing", *distances.chi_squared(*_merge_rare(*missing))))
    groups, labels = _groups(column)
    p, q = (np.bincount(groups, weights=c, minlength=len(labels)).astype(np.int64) for c in (a, b))
    said = column.describe(b.astype(np.int64))
    made = Comparison(
        column=column.name,
        kind=column.kind,
        drift=False,
        p=1.0,
        test="",
        statistic=0.0,
        psi=said["psi"],
        jensen_shannon=distances.jensen_shannon(p, q),
        wasserstein=wide,
        shift=shift,
        missing=(float(a[-1] / a.sum()), float(b[-1] / b.sum())),
        unseen=said["unseen"],
        reference=_shares(p),
        current=_shares(q),
        labels=labels,
    )
    return made, tests


def _shares(counts: Bins) -> list[float]:
    return [round(float(share), 5) for share in counts / counts.sum()]


def _merge_rare(a: Bins, b: Bins) -> tuple[Bins, Bins]:
    """Put levels together whose expected count is under five in either sample."""
    both = a + b
    least = min(a.sum(), b.sum()) / max(1, both.sum())
    rare = both * least < _RARE
    if rare.sum() < 2:
        return a, b
    merged = [np.append(c[~rare], c[rare].sum()) for c in (a, b)]
    return merged[0], merged[1]


def _groups(column: ColumnProfile) -> tuple[Bins, list[str]]:
    """The group of every bin, and what each group holds."""
    groups = column.groups()
    labels = []
    for group in range(int(groups.max())):
        held = np.flatnonzero(groups == group)
        if column.kind == "category":
            names = [*column.levels, "other"]
            shown = names[held[0]]
            labels.append(shown if len(held) == 1 else f"{shown} and {len(held) - 1} more")
        else:
            end = column.cuts[held[-1]] if held[-1] < len(column.cuts) else None
            labels.append(f"up to {end:.6g}" if end is not None else "above")
    return groups, [*labels, "missing"]


def _performance(
    reference: Mapping[str, Values], current: Mapping[str, Values], score: str, label: str
) -> tuple[Figures, Figures] | None:
    if score not in current:
        return None
    before = Slice("live", "", _number(reference, score), _labels(reference, label))
    now = Slice("live", "", _number(current, score), _labels(current, label))
    known = np.isfinite(before.scores) & np.isfinite(before.labels)
    calibrations = {}
    if known.any():
        calibrations[""] = Calibration.fit(before.scores[known], before.labels[known])
    return measure([before], calibrations), measure([now], calibrations)


def _number(columns: Mapping[str, Values], name: str) -> Floats:
    values = columns[name]
    if isinstance(values, list):
        raise InvalidInputError(f"column '{name}' does not hold numbers")
    return values


def _labels(columns: Mapping[str, Values], label: str) -> Floats:
    if label and label in columns:
        return _number(columns, label)
    return np.full(_size(columns), np.nan)
