"""Bandits learn from rewards, experiments report, and nothing counts twice or is forgotten."""

import random
import time

import numpy as np
import pytest

from dovetail.serving.routing.posterior import Totals, interval, posteriors, superior

THOMPSON = {"kind": "thompson", "arms": ["1", "2"]}
TRUE = {"1": 0.2, "2": 0.7}


def reward(late, id, value, status=200, **parts):
    return late.do("POST", "/feedback", {"id": id, "reward": value, **parts}, status)


def arms(late):
    return {arm["version"]: arm for arm in late.do("GET", "/routing/arms")["arms"]}


@pytest.mark.parametrize(
    "rule", [THOMPSON, {"kind": "epsilon-greedy", "arms": ["1", "2"], "epsilon": 0.2}],
    ids=["thompson", "epsilon-greedy"],
)  # fmt: skip
def test_a_bandit_comes_to_prefer_the_version_with_the_better_rewards(late, rule):
    random.seed(1)
    late.put(rule)
    met = []
    for i in range(250):
        met.append(late.ask(f"r{i}"))
        reward(late, f"r{i}", int(random.random() < TRUE[met[-1]]))
    assert set(met) == {"1", "2"}
    assert met[150:].count("2") > 75
    found = arms(late)
    assert found["1"]["requests"] + found["2"]["requests"] == 250
    assert found["2"]["low"] < 0.7 < found["2"]["high"]
    assert found["2"]["best"] > 0.95
    assert found["2"]["rewards"] == met.count("2")
    assert late.do("GET", "/traffic")["weights"]["2"] > 0.8


def test_a_reward_counts_once_and_may_come_late_and_survives_a_restart(run, at):
    with run() as server:
        late = at(server.url)
        late.load("1")
        late.load("2")
        late.put(THOMPSON)
        met = late.ask("early"), late.ask("late")
        assert reward(late, "early", 1) == {"version": met[0], "counted": True}
        assert reward(late, "early", 1) == {"version": met[0], "counted": False}
        assert reward(late, "early", 0)["counted"] is False
    with run() as server:
        late = at(server.url)
        assert sum(arm["rewards"] for arm in arms(late).values()) == 1
        assert sum(arm["requests"] for arm in arms(late).values()) == 2
        assert reward(late, "late", 0) == {"version": met[1], "counted": True}
        assert reward(late, "early", 1)["counted"] is False
        assert sum(arm["rewards"] for arm in arms(late).values()) == 2


def test_a_repeated_request_meets_the_same_version(late):
    late.put(THOMPSON)
    for i in range(10):
        assert len({late.ask(f"again{i}") for _ in range(5)}) == 1


def test_the_version_may_be_given_with_the_reward(late):
    late.put(THOMPSON)
    unknown = reward(late, "never-seen", 1, 404)
    assert "not known which version of 'late' answered the request 'never-seen'" in unknown["error"]
    assert reward(late, "never-seen", 1, version="2") == {"version": "2", "counted": True}
    assert reward(late, "never-seen", 1, version="2")["counted"] is False
    assert "takes no part" in reward(late, "x", 1, 400, version="7")["error"]


@pytest.mark.parametrize("value", [0.5, 2, -1])
def test_a_binary_rule_takes_zero_and_one_only(late, value):
    late.put(THOMPSON)
    late.ask("r")
    assert "the rule takes 0 or 1" in reward(late, "r", value, 400)["error"]


def test_real_rewards_of_any_scale_find_the_better_version(late):
    random.seed(2)
    late.put({**THOMPSON, "reward": "real", "name": "revenue"})
    met = []
    for i in range(120):
        met.append(late.ask(f"real{i}"))
        reward(late, f"real{i}", random.gauss(1000 if met[-1] == "1" else 1300, 100))
    assert met[60:].count("2") > 50
    found = arms(late)
    assert found["2"]["low"] < found["2"]["mean"] < found["2"]["high"]
    assert found["2"]["best"] > 0.99


def test_an_experiment_says_how_likely_one_beats_the_other(late):
    late.put(
        {"kind": "experiment", "weights": {"1": 1, "2": 1}, "sticky_by": "header:x-user",
         "name": "ab", "baseline": "1"}
    )  # fmt: skip
    for i in range(120):
        version = late.ask(f"e{i}", headers={"x-user": f"u{i}"})
        reward(late, f"e{i}", int(i % 10 < (3 if version == "1" else 7)))
    report = late.do("GET", "/routing/arms")
    assert (report["kind"], report["baseline"], report["name"]) == ("experiment", "1", "ab")
    one, two = report["arms"]
    assert one["beats_baseline"] is None
    assert two["beats_baseline"] > 0.99
    assert one["requests"] + two["requests"] == 120
    assert one["errors"] == two["errors"] == 0
    assert two["low"] < two["mean"] < two["high"]


def test_requests_of_the_caller_s_fault_are_not_the_version_s(late):
    late.put(THOMPSON)
    bad = {"id": "bad", "inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1]}]}
    assert late.client.post("/v2/models/late/infer", json=bad).status_code == 400
    time.sleep(0.1)
    assert sum(arm["requests"] for arm in arms(late).values()) == 0


def test_a_sticky_bandit_keeps_a_key_at_its_version(late):
    late.put({**THOMPSON, "sticky_by": "header:x-user", "name": "sticky"})
    for user in range(8):
        met = {late.ask(f"s{user}-{i}", headers={"x-user": str(user)}) for i in range(5)}
        assert len(met) == 1


def test_a_rule_that_learns_nothing_has_no_arms(late):
    error = late.do("GET", "/routing/arms", status=409)["error"]
    assert "is neither an experiment nor a bandit" in error


def test_the_interval_of_a_proportion_is_beta_s():
    one, _ = posteriors("binary", [Totals(10, 7, 7), Totals()])
    assert interval(one) == pytest.approx((0.3903, 0.8907), abs=0.005)  # Beta(8, 4)
    assert one.mean == pytest.approx(8 / 12)


def test_the_probability_to_be_better_is_exact_for_known_counts():
    found = posteriors("binary", [Totals(1, 0, 0), Totals(1, 1, 1)])
    assert superior(found)[1] == pytest.approx(5 / 6, abs=0.01)  # Beta(2, 1) over Beta(1, 2)


def test_the_posterior_of_real_rewards_covers_their_mean():
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        drawn = random.normal(5e4, 1e4, 30)
        totals = Totals(30, float(drawn.sum()), float((drawn**2).sum()))
        low, high = interval(posteriors("real", [totals])[0])
        inside += low < 5e4 < high
    assert 180 <= inside <= 199
