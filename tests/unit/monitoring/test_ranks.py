"""The ranks are uniform and independent while nothing changes: by counting, and by simulation."""

import itertools

import numpy as np
import pytest

from dovetail.monitoring import Reference
from dovetail.monitoring.drift import watch_inputs
from dovetail.monitoring.numeric import kolmogorov_survival
from dovetail.monitoring.ranks import conformal, day_ranks


@pytest.mark.parametrize("size", [1, 2, 5, 66, 258])
def test_ranks_are_those_of_counting_one_by_one(size):
    r = np.random.default_rng(size)
    bins, theta = r.integers(0, size, 3000).astype(np.uint16), r.random(3000)
    pool = r.integers(0, 9, size)
    found = conformal([bins], [pool], theta)
    for i in (0, 1, 77, 2047, 2048, 2999):
        seen = pool + np.bincount(bins[:i], minlength=size)
        below, equal = seen[: bins[i]].sum(), seen[bins[i]]
        assert found[i] == pytest.approx((below + theta[i] * (equal + 1)) / (seen.sum() + 1))


def test_over_all_orders_of_few_rows_with_ties_every_rank_is_equally_likely():
    rows = [0, 0, 1, 2, 2, 2]
    lower, upper = np.zeros((2, 720))
    none = np.zeros(3, dtype=np.int64)
    for number, order in enumerate(itertools.permutations(rows)):
        bins = np.array(order, dtype=np.uint16)
        lower[number] = conformal([bins], [none], np.zeros(6))[-1]
        upper[number] = conformal([bins], [none], np.ones(6))[-1]
    # Between its ends the last rank is uniform; over all orders the pieces must tile [0, 1].
    for at in np.linspace(0, 1, 61):
        share = np.clip((at - lower) / (upper - lower), 0, 1).mean()
        assert share == pytest.approx(at, abs=1e-12)


def test_streams_ranked_together_are_ranked_apart():
    r = np.random.default_rng(0)
    sizes = [(3, 50), (66, 1), (258, 400), (1, 9)]
    streams = [r.integers(0, size, rows).astype(np.uint16) for size, rows in sizes]
    pools = [r.integers(0, 9, size) for size, _ in sizes]
    theta = r.random(460)
    apart, start = [], 0
    for bins, pool in zip(streams, pools, strict=True):
        apart.append(conformal([bins], [pool], theta[start : start + len(bins)]))
        start += len(bins)
    assert conformal(streams, pools, theta).tolist() == np.concatenate(apart).tolist()


def test_a_day_moves_the_pool_by_its_counts_and_depends_on_nothing_else():
    counts, first, second = np.array([3, 0, 4]), np.array([2, 2, 2]), np.array([2, 2, 2])
    once = day_ranks([counts], [first], np.random.default_rng(1))
    again = day_ranks([counts], [second], np.random.default_rng(1))
    assert once.tolist() == again.tolist()
    assert first.tolist() == second.tolist() == [5, 2, 6]


def columns(r, rows):
    """What spoils approximate ranks: few rows, ties, levels without end, missing values."""
    x = r.standard_normal(rows)
    return {
        "plain": x,
        "ties": r.poisson(1.0, rows).astype(float),
        "holes": np.where(r.random(rows) < 0.3, np.nan, x**3),
        "levels": [f"u{i}" for i in r.geometric(0.02, rows)],
        "unique": [f"{i}" for i in r.integers(0, 10**9, rows)],
    }


def test_sums_of_a_quiet_day_are_normal_whatever_the_column_and_the_reference():
    """With 60 rows of reference against days of 600, shared calibration would be off by far."""
    totals, squares = [], []
    for seed in range(150):
        r = np.random.default_rng(seed)
        watch = watch_inputs(Reference.fit(columns(r, 60)))
        for day in ("2013-04-01", "2013-04-02"):
            kept = columns(r, 600)
            counts = [p.count(_typed(kept[p.name])) for p in watch.profiles[:5]]
            rest = [None] * (len(watch.profiles) - 5)
            watch.step(day, [*counts, *rest], str(seed))
            sums = watch.days[-1][1]
            totals.append(sums.total[:5] / np.sqrt(600))
            squares.append((sums.squares[:5] - 600) / np.sqrt(2 * 600))
    normal = np.sort(np.random.default_rng(0).standard_normal(200_000))
    for found in (np.array(totals), np.array(squares)):
        for stream in range(5):
            x = np.sort(found[:, stream])
            level = np.searchsorted(normal, x) / len(normal)
            distance = np.abs(level - (np.arange(len(x)) + 0.5) / len(x)).max()
            # Ten tests: 1e-4 each is one false failure in a thousand seeds; the seed is fixed.
            assert kolmogorov_survival(distance, len(x)) > 1e-4
        pairs = found.reshape(150, 2, 5)
        between = (pairs[:, 0] * pairs[:, 1]).mean(axis=0) * np.sqrt(150)
        assert np.abs(between).max() < 4


def _typed(values):
    return values if isinstance(values, np.ndarray) else list(values)
