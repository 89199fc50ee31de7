"""A project's routing, answer by answer."""

import time

import numpy as np
import pytest

from dovetail.labels.routing import Target, need
from dovetail.labels.routing.forecast import forecast
from dovetail.labels.routing.offers import Offer
from dovetail.labels.routing.router import Router

PEOPLE = [f"person:{number}" for number in range(20)]


def labelled(items: int = 400, quality: float = 0.9, seed: int = 0) -> tuple[Router, list[str]]:
    """A project that people labelled until the router had enough."""
    rng = np.random.default_rng(seed)
    truth = [("yes", "no")[code] for code in rng.integers(0, 2, items)]
    skill = rng.beta(12, 3, len(PEOPLE))
    router = Router(["yes", "no"], Target(quality=quality))
    router.expect(range(items))
    for _ in range(items * 20):
        who = int(rng.integers(len(PEOPLE)))
        item = router.next_item(PEOPLE[who])
        if item is None:
            break
        wrong = "no" if truth[item] == "yes" else "yes"
        router.add(item, PEOPLE[who], truth[item] if rng.random() < skill[who] else wrong)
        if router.stale:
            router.refit()
    return router, truth


def test_people_are_handed_what_gains_most_until_all_is_sure_enough() -> None:
    router, truth = labelled()
    items, posterior = router.posteriors()
    labels = [("yes", "no")[code] for code in posterior.argmax(1)]
    right = np.mean([truth[item] == label for item, label in zip(items, labels, strict=True)])
    assert router.counts()[1] >= 395
    assert right > 0.9
    assert router.standing().per_item < 5
    assert len(router.open_items()) <= 5


def test_one_answer_takes_less_than_a_millisecond() -> None:
    router, _ = labelled(200)
    router.expect(range(200, 50_000))
    started = time.process_time()
    for item in range(1000, 2000):
        router.add(item, PEOPLE[item % 20], "yes")
    assert (time.process_time() - started) / 1000 < 1e-3


def test_nobody_is_asked_twice_about_one_item() -> None:
    router = Router(["a", "b"], Target())
    router.expect([1, 2])
    router.add(1, "person:1", "a")
    assert router.next_item("person:1") == 2
    assert router.next_item("person:1", without=[2]) is None
    assert router.next_item("person:2") == 1


def test_an_answer_that_is_taken_back_leaves_no_trace() -> None:
    router, _ = labelled(100)
    before = router.state(5)
    seen = next(q for q in router.quality() if q.source == "person:3")
    router.add(5, "newcomer", "yes")
    router.drop(5, "newcomer")
    after = router.state(5)
    assert after.answers == before.answers
    assert after.posterior == pytest.approx(before.posterior, abs=0.02)
    assert next(q for q in router.quality() if q.source == "person:3").answers == seen.answers


def test_the_router_agrees_with_the_same_policy_on_all_answers_at_once() -> None:
    router, _ = labelled()
    router.refit()
    votes = router._votes()
    assert router.counts()[1] == int((~need(votes, router.target).wanted).sum())


def test_the_next_source_is_worth_most_for_its_cost() -> None:
    router, truth = labelled()
    for item in range(100):  # a model that is always right, and a coin
        router.add(item, "model", truth[item])
        router.add(item, "coin", "yes" if item % 2 else "no")
    router.refit()
    router.expect(["new"])
    model, coin = Offer("model", 0.01, 0.1, "http"), Offer("coin", 0.01, 0.1, "http")
    people = Offer("people", 1.0, 30.0, "people")
    chosen = router.next_source("new", [people, coin, model])
    assert chosen == model
    assert router.next_source("new", [people, coin], left=0.5) == coin
    assert router.next_source("new", [people], left=0.5) is None
    dear = Offer("model", 1000.0, 0.1, "http")
    assert router.next_source("new", [people, dear]) == people


def test_who_comes_after_the_deadline_is_not_asked() -> None:
    router = Router(["a", "b"], Target(deadline=1000.0))
    router.expect(["item"])
    slow, fast = Offer("slow", 0.1, 600.0, "http"), Offer("fast", 5.0, 1.0, "http")
    assert router.next_source("item", [slow, fast], now=500.0) == fast
    assert router.next_source("item", [slow, fast], now=999.5) is None


def test_a_forecast_costs_more_where_more_is_wanted() -> None:
    lax, strict = (forecast(1000, 3, Target(quality=q), cost=0.1) for q in (0.8, 0.97))
    assert lax.answers < strict.answers
    assert lax.cost == pytest.approx(lax.answers * 0.1)
    assert strict.answers_least <= strict.answers <= strict.answers_most
    assert strict.quality_least <= strict.quality
