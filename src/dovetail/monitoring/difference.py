"""How one column differs between two tables: distances, tests, a picture, and words for it."""

from collections.abc import Sequence

import msgspec
import numpy as np

from dovetail.monitoring.classical import counts, ranks, tails
from dovetail.monitoring.classical.catalogue import FittedColumn
from dovetail.monitoring.classical.fitted import is_changed
from dovetail.monitoring.classical.samples import Levels, Numbers, Sample
from dovetail.monitoring.numeric import Floats

_BARS = 20
_LEVELS = 8
_NAMED = 5
_LONG = 60
_EXACT = 10_000

Test = tuple[str, float, float]
"""Name, statistic and p-value."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How one column differs between two tables.

    Attributes:
        column: Its name.
        kind: "numeric" or "category", as in the reference.
        drift: Whether it differs, after adjustment over all columns.
        p: The adjusted p-value.
        test: Which test found the smallest p-value: "ks", "chi2" or "missing"; "type" where the
            column held numbers and now texts, or the other way round.
        statistic: Its statistic.
        what: What changed, in words; empty where nothing to speak of did.
        types: What the column held and holds, where the two tables differ in it.
        psi: Population stability index between the deciles, or over the levels.
        jensen_shannon: Jensen-Shannon distance over the same groups.
        wasserstein: In standard deviations of the reference; None for categories.
        shift: Difference of the means in the same unit.
        missing: Shares of missing values in the reference and now.
        unseen: Share of values that the reference never had: new levels, or numbers beyond its
            smallest and largest.
        new: The most frequent of the new levels, at most five.
        gone: The most frequent levels that are no longer there, at most five.
        reference: Shares of the bars of the picture in the reference, the last one missing values.
        current: The same now.
        labels: What the bars hold.
    """

    column: str
    kind: str
    drift: bool = False
    p: float = 1.0
    test: str = ""
    statistic: float = 0.0
    what: str = ""
    types: tuple[str, str] | None = None
    psi: float = 0.0
    jensen_shannon: float = 0.0
    wasserstein: float | None = None
    shift: float | None = None
    missing: tuple[float, float] = (0.0, 0.0)
    unseen: float = 0.0
    new: list[str] = []
    gone: list[str] = []
    reference: list[float] = []
    current: list[float] = []
    labels: list[str] = []


def difference(
    name: str, before: FittedColumn, now: Sample, types: tuple[str, str] | None = None
) -> tuple[Comparison, list[Test]]:
    """Compare a column with the reference's; the verdict is left to whoever sees all columns.

    Args:
        name: The column.
        before: The reference's.
        now: The other one.
        types: What the two tables say that it holds.
    """
    then = before.sample
    made = Comparison(
        column=name,
        kind="category" if isinstance(then, Levels) else "numeric",
        types=types if types and types[0] != types[1] else None,
        missing=(then.missing / max(1, then.rows), now.missing / max(1, now.rows)),
    )
    if is_changed(then, now):
        held = ("numbers", "texts")
        said = held if isinstance(then, Numbers) else held[::-1]
        what = f"held {said[0]} and now {said[1]}"
        return msgspec.structs.replace(made, drift=True, p=0.0, test="type", what=what), []
    tests = _missing(then, now)
    if isinstance(then, Levels) and isinstance(now, Levels):
        made, found = _levels(made, then, now)
        tests = found + tests
    elif isinstance(then, Numbers) and isinstance(now, Numbers):
        made, found = _numbers(made, before, then, now)
        tests = found + tests
    return msgspec.structs.replace(made, what=_words(made, now)), tests


def _missing(then: Sample, now: Sample) -> list[Test]:
    table = np.array([[s.missing, s.rows - s.missing] for s in (then, now)], dtype=np.float64)
    if not table[:, 0].any():
        return []
    return [("missing", *counts.chi_squared(*counts.pool_rare(table[0], table[1])))]


def _numbers(
    made: Comparison, before: FittedColumn, then: Numbers, now: Numbers
) -> tuple[Comparison, list[Test]]:
    x, y = then.values, now.values
    if not len(x) or not len(y):
        return made, []
    distance = ranks.kolmogorov_smirnov(x, y)
    small = then.size * now.size <= _EXACT
    tail = tails.kolmogorov_exact if small else tails.kolmogorov_asymptotic
    bins = now.between(before.cuts)
    deviation = then.deviation or None
    outside = np.searchsorted(y, x[0]) + len(y) - np.searchsorted(y, x[-1], side="right")
    cuts, labels = _bars(then)
    described = msgspec.structs.replace(
        made,
        psi=counts.psi(before.bins, bins),
        jensen_shannon=counts.jensen_shannon(before.bins, bins),
        wasserstein=ranks.wasserstein(x, y) / deviation if deviation else None,
        shift=(now.mean - then.mean) / deviation if deviation else None,
        unseen=float(outside) / now.rows,
        reference=_shares(then.between(cuts), then),
        current=_shares(now.between(cuts), now),
        labels=[*labels, "missing"],
    )
    return described, [("ks", distance, tail(distance, then.size, now.size))]


def _bars(then: Numbers) -> tuple[Floats, list[str]]:
    """Edges of the picture: a bar for each of few values, else twenty of one width."""
    values = then.values
    some = np.unique(values[:: max(1, len(values) // 5000)])
    if len(some) <= _BARS:
        distinct = np.unique(values)
        if len(distinct) <= _BARS:
            return distinct[:-1], [f"{value:.6g}" for value in distinct]
    low, high = np.quantile(values, [0.005, 0.995])
    if not low < high:
        low, high = values[0], values[-1]
    cuts = np.linspace(low, high, _BARS + 1)[1:-1]
    return cuts, [*(f"up to {cut:.4g}" for cut in cuts), f"above {cuts[-1]:.4g}"]


def _levels(made: Comparison, then: Levels, now: Levels) -> tuple[Comparison, list[Test]]:
    new = _frequent(now, then)
    names = [*then.counts, *(level for level in now.counts if level not in then.counts)]
    if not names:
        return made, []
    a, b = (np.array([s.counts.get(n, 0) for n in names], dtype=np.float64) for s in (then, now))
    tests: list[Test] = []
    if a.any() and b.any():
        tests = [("chi2", *counts.chi_squared(*counts.pool_rare(a, b)))]
    shown = _telling(a / max(1, a.sum()), b / max(1, b.sum()))
    top, rest = shown[:_LEVELS], shown[_LEVELS:]
    bars = [np.append(c[top], [c[rest].sum()] if rest else []) for c in (a, b)]
    labels = [shorten(names[i]) for i in top] + ([f"{len(rest):,} more"] if rest else [])
    described = msgspec.structs.replace(
        made,
        psi=counts.psi(a, b),
        jensen_shannon=counts.jensen_shannon(a, b) if a.any() and b.any() else 0.0,
        unseen=float(b[len(then.counts) :].sum()) / max(1, now.rows),
        new=new[:_NAMED],
        gone=_frequent(then, now)[:_NAMED],
        reference=_shares(bars[0], then),
        current=_shares(bars[1], now),
        labels=[*labels, "missing"],
    )
    return described, tests


def _telling(a: Floats, b: Floats) -> list[int]:
    """The levels in the order in which a picture should show them: large or moved ones first."""
    weight = np.maximum(a, b) + 3 * np.abs(a - b)
    return [int(i) for i in np.argsort(-weight, kind="stable")]


def _frequent(here: Levels, other: Levels) -> list[str]:
    """The levels that only one side has, most frequent first."""
    only = [(level, count) for level, count in here.counts.items() if level not in other.counts]
    return [level for level, _ in sorted(only, key=lambda pair: (-pair[1], pair[0]))]


def _shares(bars: Floats, one: Sample) -> list[float]:
    return [round(float(c) / max(1, one.rows), 5) for c in [*bars, one.missing]]


def _words(made: Comparison, now: Sample) -> str:
    """What changed, the most telling first."""
    said: list[str] = []
    before, after = made.missing
    if abs(after - before) >= 0.005:
        said.append(f"missing in {after:.1%} of rows, {before:.1%} before")
    if made.new and isinstance(now, Levels):
        said.append(f"new: {quoted(made.new)} in {made.unseen:.1%} of rows")
    elif made.kind == "numeric" and made.unseen >= 0.005:
        said.append(f"{made.unseen:.1%} of rows beyond all earlier values")
    if made.gone:
        said.append(f"gone: {quoted(made.gone)}")
    if made.shift is not None and abs(made.shift) >= 0.05:
        way = "up" if made.shift > 0 else "down"
        said.append(f"mean {way} by {abs(made.shift):.2f} standard deviations")
    elif made.wasserstein is not None and made.wasserstein >= 0.05:
        said.append("the shape is another, the mean is not")
    if made.kind == "category" and made.reference and not said:
        moves = [b - a for a, b in zip(made.reference, made.current, strict=True)]
        most = max(range(len(moves)), key=lambda i: abs(moves[i]))
        if abs(moves[most]) >= 0.005:
            a, b = made.reference[most], made.current[most]
            said.append(f"'{made.labels[most]}' in {b:.1%} of rows, {a:.1%} before")
    if made.types:
        said.append(f"type {made.types[0]} and now {made.types[1]}")
    return "; ".join(said)


def quoted(names: Sequence[str]) -> str:
    """Names as people read them."""
    return ", ".join(f"'{shorten(name)}'" for name in names)


def shorten(text: str) -> str:
    """A text cut to what a line holds."""
    text = " ".join(text.split())
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"
