import math

import numpy as np
import pytest

from dovetail.loop.compare import auc, compare, log_loss, t_quantile


@pytest.mark.parametrize(
    ("p", "freedom", "expected"),
    [
        (0.95, 1, 6.313751515), (0.975, 1, 12.70620474), (0.95, 2, 2.91998558),
        (0.95, 3, 2.353363435), (0.975, 3, 3.182446305), (0.95, 4, 2.131846786),
        (0.99, 4, 3.746947388), (0.95, 5, 2.015048373), (0.975, 9, 2.262157163),
        (0.95, 10, 1.812461123), (0.9995, 6, 5.958816179), (0.975, 30, 2.042272456),
        (0.95, 120, 1.657650899), (0.995, 13, 3.012275839),
    ],
)  # fmt: skip
def test_t_quantiles_are_those_of_the_tables(p, freedom, expected):
    assert t_quantile(p, freedom) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 29, 364])
@pytest.mark.parametrize("p", [0.7501, 0.9, 0.95, 0.999, 0.99999])
def test_t_quantiles_agree_with_scipy(p, freedom):
    stats = pytest.importorskip("scipy.stats")
    assert t_quantile(p, freedom) == pytest.approx(stats.t.ppf(p, freedom), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_auc_counts_every_pair_and_half_of_the_ties(seed):
    random = np.random.default_rng(seed)
    scores, labels = random.integers(0, 8, 60) / 8, random.integers(0, 2, 60).astype(np.int8)
    pairs = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    assert auc(scores, labels) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


@pytest.mark.parametrize("labels", [[], [1], [0, 0]])
def test_auc_of_one_class_is_unknown(labels):
    assert auc(np.zeros(len(labels)), np.array(labels, np.int8)) is None


def test_log_loss_is_the_textbooks_and_finite_at_the_ends():
    scores, labels = np.array([0.25, 0.25, 0.0, 1.0]), np.array([1, 0, 1, 1], np.int8)
    expected = [-math.log(0.25), -math.log(0.75), -math.log(1e-7), -math.log(1 - 1e-7)]
    assert log_loss(scores, labels) == pytest.approx(expected)


def clustered(random: np.random.Generator, days: int) -> tuple[np.ndarray, ...]:
    """Days of many sizes whose rows share a mood."""
    sizes = random.integers(20, 120, days)
    day = np.repeat(np.arange(days), sizes)
    logit = random.normal(size=len(day)) + random.normal(0, 0.8, days)[day]
    labels = (random.random(len(day)) < 1 / (1 + np.exp(-logit))).astype(np.int8)
    challenger = 1 / (1 + np.exp(-logit - 0.3))
    champion = 1 / (1 + np.exp(-0.6 * logit))
    return champion, challenger, labels, day


def test_the_interval_is_that_of_a_bootstrap_of_days():
    random = np.random.default_rng(3)
    champion, challenger, labels, day = clustered(random, 60)
    found = compare(champion, challenger, labels, day, 0.9)
    gains = log_loss(champion, labels) - log_loss(challenger, labels)
    sums, sizes = np.bincount(day, gains), np.bincount(day)
    drawn = random.integers(0, 60, (20_000, 60))
    low, high = np.quantile(sums[drawn].sum(1) / sizes[drawn].sum(1), [0.05, 0.95])
    assert found.gain == pytest.approx(gains.mean())
    assert (found.rows, found.days) == (len(day), 60)
    assert found.high - found.low == pytest.approx(high - low, rel=0.06)
    naive = 2 * 1.645 * gains.std() / math.sqrt(len(gains))
    assert found.high - found.low > 1.15 * naive  # rows of a day are not independent


@pytest.mark.parametrize("days", [3, 10])
def test_the_interval_covers_as_often_as_it_says(days):
    random, covered, lives = np.random.default_rng(days), 0, 600
    for _ in range(lives):
        mood = random.normal(0, 0.05, days)
        day = np.repeat(np.arange(days), 40)
        shift = 0.02 + mood[day] + random.normal(0, 0.1, len(day))
        champion = np.full(len(day), 0.5)
        labels = np.ones(len(day), np.int8)
        challenger = np.exp(np.log(0.5) + shift)  # its log-loss is less by exactly `shift`
        found = compare(champion, challenger, labels, day, 0.9)
        covered += found.low <= 0.02 <= found.high
    assert covered / lives == pytest.approx(0.9, abs=0.035)


@pytest.mark.parametrize("days", [[], [1, 1, 1]], ids=["no rows", "one day"])
def test_nothing_is_sure_below_two_days(days):
    rows = len(days)
    scores, labels = np.full(rows, 0.3), np.zeros(rows, np.int8)
    found = compare(scores, scores / 2, labels, np.array(days, np.int64), 0.9)
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert found.days == len(set(days))


def test_equal_models_are_not_better():
    scores, labels = np.linspace(0.1, 0.9, 40), np.tile([0, 1], 20).astype(np.int8)
    found = compare(scores, scores, labels, np.repeat(np.arange(4), 10), 0.9)
    assert (found.gain, found.low, found.high) == (0.0, 0.0, 0.0)
