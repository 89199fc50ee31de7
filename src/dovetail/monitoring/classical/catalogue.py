"""The classical tests by name: what each is called, where it applies and what it computes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from dovetail.monitoring.classical import counts, ranks, tails
from dovetail.monitoring.classical.samples import Levels, Numbers, Sample
from dovetail.monitoring.numeric import Floats

_EXACT = 10_000
_DECILES = 10

Outcome = tuple[float, float | None]


@dataclass(frozen=True)
class Test:
    """One test or distance.

    Attributes:
        title: What a table calls it.
        numbers: Computes it for two columns of numbers; None where it does not apply.
        levels: The same for aligned counts of levels.
        joint: It looks at all columns together, see `joint`.
    """

    title: str
    numbers: Callable[["FittedColumn", Numbers], Outcome] | None = None
    levels: Callable[[Floats, Floats], Outcome] | None = None
    joint: bool = False

    __test__ = False  # pytest takes the name for its own


@dataclass(frozen=True)
class FittedColumn:
    """A reference column, ready to be compared with.

    Attributes:
        sample: Its sorted numbers or counted levels.
        cuts: Deciles of numbers.
        bins: Rows between them.
    """

    sample: Sample
    cuts: Floats
    bins: Floats


def fit_column(one: Sample) -> FittedColumn:
    """Prepare a reference column."""
    if isinstance(one, Levels) or not len(one.values):
        return FittedColumn(one, np.empty(0), np.empty(0))
    kept = one.thinned()
    cuts = one.cuts(_DECILES)
    return FittedColumn(kept, cuts, one.between(cuts))


def apply(test: Test, before: FittedColumn, now: Sample) -> Outcome | None:
    """Compute a test; None where it does not apply to this kind of column."""
    then = before.sample
    if isinstance(then, Levels) and isinstance(now, Levels):
        if test.levels is None or not then.counts or not now.counts:
            return None
        names = [*then.counts, *(level for level in now.counts if level not in then.counts)]
        a, b = (
            np.array([s.counts.get(n, 0) for n in names], dtype=np.float64) for s in (then, now)
        )
        return test.levels(a, b)
    if isinstance(then, Numbers) and isinstance(now, Numbers):
        if test.numbers is None or not len(then.values) or not len(now.values):
            return None
        return test.numbers(before, now)
    return None


def _kolmogorov(before: FittedColumn, now: Numbers) -> Outcome:
    then = _numbers(before)
    distance = ranks.kolmogorov_smirnov(then.values, now.values)
    n, m = then.size, now.size
    tail = tails.kolmogorov_exact if n * m <= _EXACT else tails.kolmogorov_asymptotic
    return distance, tail(distance, n, m)


def _pair(test: Callable[[Floats, Floats], Outcome]) -> Callable[[FittedColumn, Numbers], Outcome]:
    return lambda before, now: test(_numbers(before).values, now.values)


def _binned(title: str, distance: Callable[[Floats, Floats], float]) -> Test:
    return Test(
        title,
        numbers=lambda before, now: (distance(before.bins, now.between(before.cuts)), None),
        levels=lambda a, b: (distance(a, b), None),
    )


def _wasserstein(before: FittedColumn, now: Numbers) -> Outcome:
    then = _numbers(before)
    return ranks.wasserstein(then.values, now.values) / (then.deviation or 1.0), None


def _numbers(before: FittedColumn) -> Numbers:
    assert isinstance(before.sample, Numbers)
    return before.sample


TESTS: Mapping[str, Test] = MappingProxyType(
    {
        "ks": Test("Kolmogorov-Smirnov", numbers=_kolmogorov),
        "cvm": Test("Cramér-von Mises", numbers=_pair(ranks.cramer_von_mises)),
        "ad": Test("Anderson-Darling", numbers=_pair(ranks.anderson_darling)),
        "mannwhitney": Test("Mann-Whitney U", numbers=_pair(ranks.mann_whitney)),
        "t": Test("Welch's t", numbers=_pair(ranks.welch)),
        "chi2": Test(
            "Chi-squared", levels=lambda a, b: counts.chi_squared(*counts.pool_rare(a, b))
        ),
        "g": Test("G test", levels=lambda a, b: counts.likelihood_ratio(*counts.pool_rare(a, b))),
        "psi": _binned("PSI", counts.psi),
        "js": _binned("Jensen-Shannon distance", counts.jensen_shannon),
        "hellinger": _binned("Hellinger distance", counts.hellinger),
        "tvd": _binned("Total variation", counts.total_variation),
        "wasserstein": Test("Wasserstein distance (sd)", numbers=_wasserstein),
        "energy": Test(
            "Energy distance",
            numbers=lambda before, now: (ranks.energy(_numbers(before).values, now.values), None),
        ),
        "mmd": Test("Maximum mean discrepancy", joint=True),
        "classifier": Test("Classifier two-sample test (AUC)", joint=True),
        "pca": Test("PCA reconstruction error", joint=True),
    }
)
