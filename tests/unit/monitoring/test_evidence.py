import json
from pathlib import Path

import numpy as np
import pytest

from dovetail.monitoring import evidence
from dovetail.monitoring.columns import profile
from dovetail.monitoring.evidence import DaySums

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())["eprocess"]


def run(days, *, streams=4, rows=150, seed=0, shift=0.0, since=0, upward=False):
    """Log e-value after each day; the first stream moves by `shift` from the day `since` on."""
    r = np.random.default_rng(seed)
    profiles = [profile(str(j), r.standard_normal(1000)) for j in range(streams)]
    pools = [np.array(p.counts) for p in profiles]
    weights = np.full(streams, 1 / streams)
    sums, found = [], []
    for day in range(days):
        x = r.standard_normal((rows, streams))
        x[:, 0] += shift * (day >= since)
        counts = [p.count(x[:, j]) for j, p in enumerate(profiles)]
        sums.append(evidence.sum_day(counts, pools, day))
        found.append(evidence.weigh(sums, weights, upward=upward))
    return found


def test_quiet_weeks_stay_far_from_the_budget():
    peaks = [max(e.log_e for e in run(25, seed=seed, rows=60)) for seed in range(12)]
    assert max(peaks) < np.log(1 / 0.05)


def test_a_small_shift_in_one_column_is_found_within_days_named_and_dated():
    found = run(30, shift=0.4, since=12)
    assert max(e.log_e for e in found[:12]) < 1
    first = next(day for day, e in enumerate(found) if e.log_e >= np.log(1 / 0.05))
    assert 12 <= first <= 16
    last = found[-1]
    assert int(np.argmax(last.streams)) == 0
    assert abs(int(last.since[0]) - 12) <= 1


def test_upward_bets_are_blind_to_a_fall_and_see_a_rise():
    assert run(20, shift=-0.5, since=5, upward=True)[-1].log_e < np.log(1 / 0.05)
    assert run(20, shift=0.5, since=5, upward=True)[-1].log_e > np.log(1 / 0.05)


def test_spread_and_new_values_are_found_without_a_shift_of_the_mean():
    r = np.random.default_rng(5)
    column = profile("x", r.standard_normal(2000))
    for values in (1.4 * r.standard_normal(2000), np.where(r.random(2000) < 0.05, 99, 0.0)):
        sums = evidence.sum_day([column.count(values)], [np.array(column.counts)], 0)
        assert evidence.weigh([sums], np.ones(1)).log_e > np.log(1 / 0.05)


def test_location_bet_agrees_with_the_golden_martingale():
    z = np.random.RandomState(3).randn(200) + 0.3
    shifts = np.array([-0.4, -0.2, -0.1, 0.1, 0.2, 0.4])
    for count, expected in zip((50, 100, 200), GOLDEN["log_e"], strict=True):
        found = evidence._location(shifts, np.array([[count]]), np.array([[z[:count].sum()]]))
        assert found[0, 0] == pytest.approx(expected, abs=1e-9)


def test_sums_survive_packing():
    sums = DaySums(np.ones(2), np.array([0.5, -1]), np.ones(2), np.arange(16.0).reshape(2, 8))
    again = DaySums.unpack(sums.pack())
    for name in ("rows", "total", "squares", "histogram"):
        assert getattr(again, name).tolist() == getattr(sums, name).tolist()


def test_a_stream_that_was_not_seen_says_nothing():
    pools = [np.array([5, 5]), np.array([5, 5])]
    sums = evidence.sum_day([None, np.array([3, 0])], pools, 1)
    assert sums.rows.tolist() == [0, 3]
    assert pools[0].tolist() == [5, 5]
    assert evidence.weigh([], np.ones(1)).log_e == 0.0


def test_the_evidence_of_all_streams_is_the_strongest_less_its_share_of_the_budget():
    found = run(8, shift=0.6)[-1]
    assert found.log_e == pytest.approx(found.streams[0] - np.log(4))


@pytest.mark.parametrize(
    ("move", "bet"),
    [
        (lambda x: x + 0.4, "up"),
        (lambda x: x - 0.4, "down"),
        (lambda x: x * 1.3, "wider"),
        (lambda x: x * 0.75, "narrower"),
        (lambda x: np.sign(x) * np.abs(x).clip(0.9, 1.1), "shape"),
    ],
    ids=["up", "down", "wider", "narrower", "shape"],
)
def test_the_bet_that_wins_says_what_happened(move, bet):
    r = np.random.default_rng(3)
    column = profile("x", r.standard_normal(4000))
    sums = evidence.sum_day(
        [column.count(move(r.standard_normal(1500)))], [np.array(column.counts)], 0
    )
    found = evidence.weigh([sums], np.ones(1))
    assert evidence.BETS[found.bets[0]] == bet
