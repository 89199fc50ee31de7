"""Updates in, findings out: whatever the order, the shard, or how often something is said."""

import random
from datetime import date, timedelta

import numpy as np
import pytest

from dovetail.monitoring import Performance

FIRST = date(2026, 3, 1)


def sample(r, n, wrong=0.0):
    x = r.normal(size=n)
    p = 1 / (1 + np.exp(-1.5 * x))
    came = 1 / (1 + np.exp(-1.5 * (1 - wrong) * x))
    return x, p, (r.random(n) < came).astype(int)


def fresh(**more):
    x, p, y = sample(np.random.default_rng(0), 2000)
    return Performance(p, y, {"x": x, "site": ["a", "b"] * 1000}, **more)


@pytest.fixture(scope="module")
def days():
    """Three days of predictions, and the updates that tell their labels."""
    r = np.random.default_rng(1)
    made, labels = [], []
    for k in range(3):
        x, p, y = sample(r, 200)
        ids = [f"{k}-{i}" for i in range(200)]
        made.append((p, {"x": x, "site": ["a", "b"] * 100}, ids))
        labels.append(dict(zip(ids, y.tolist(), strict=True)))
    return made, labels


def test_the_order_of_labels_does_not_matter(days):
    made, labels = days
    told = [(i, y) for part in labels for i, y in part.items()]
    found = []
    for seed in range(3):
        order = list(told)
        random.Random(seed).shuffle(order)
        watch = fresh()
        for k, (p, columns, ids) in enumerate(made):
            watch.update(p, columns, ids=ids, day=FIRST + timedelta(k))
        watch.update(labels=dict(order[:350]), day=FIRST + timedelta(5))
        watch.update(labels=dict(order[350:]), day=FIRST + timedelta(9))
        found.append(watch.quality(by="site"))
    assert found[0] == found[1] == found[2]
    assert found[0].arrival.share == 1.0


def test_labels_may_come_before_their_predictions(days):
    made, labels = days
    (p, columns, ids), told = made[0], labels[0]
    early, late = fresh(), fresh()
    early.update(labels=told, day=FIRST)
    early.update(p, columns, ids=ids, day=FIRST + timedelta(1))
    late.update(p, columns, ids=ids, day=FIRST + timedelta(1))
    late.update(labels=told, day=FIRST + timedelta(2))
    assert early.quality() == late.quality()


def test_what_is_said_twice_counts_once(days):
    made, labels = days
    (p, columns, ids), told = made[0], labels[0]
    once, twice = fresh(), fresh()
    for watch in (once, twice):
        watch.update(p, columns, ids=ids, labels=list(told.values()), day=FIRST)
    again = twice.update(p, columns, ids=ids, labels=told, day=FIRST + timedelta(1))
    assert again.loss is None
    assert once.quality() == twice.quality()


def test_a_later_correction_rules(days):
    made, labels = days
    (p, columns, ids), told = made[0], labels[0]
    watch = fresh()
    watch.update(p, columns, ids=ids, labels=told, day=FIRST)
    before = watch.quality()["positives"].value
    watch.update(labels=dict.fromkeys(ids[:50], 1), day=FIRST + timedelta(1))
    assert watch.quality()["positives"].value > before


def test_shards_merge_into_what_one_would_have_seen(days):
    made, labels = days
    whole, left, right = fresh(), fresh(), fresh()
    for k, ((p, columns, ids), told) in enumerate(zip(made, labels, strict=True)):
        day = FIRST + timedelta(k)
        whole.update(p, columns, ids=ids, labels=told, day=day)
        for shard, half in ((left, slice(0, 90)), (right, slice(90, 200))):
            part = {name: values[half] for name, values in columns.items()}
            shard.update(p[half], part, ids=ids[half], day=day)
    told = {i: y for part in labels for i, y in part.items()}
    # Labels reach whichever shard they reach.
    left.update(labels=dict(list(told.items())[::2]), day=FIRST + timedelta(5))
    right.update(labels=dict(list(told.items())[1::2]), day=FIRST + timedelta(5))
    left.merge(right)
    assert left.quality(by="x") == whole.quality(by="x")
    assert left.days() == whole.days()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_loss_that_rises_alarms_and_one_that_stays_does_not(task):
    r = np.random.default_rng(0)

    def rows(n, worse):
        if task == "regression":
            y = r.normal(size=n)
            return y + r.normal(size=n) * (1.4 if worse else 1), y
        if task == "binary":
            _, p, y = sample(r, n, 0.6 if worse else 0)
            return p, y
        p = r.dirichlet([1, 1, 1], n)
        q = (p + 1 / 3) / 2 if worse else p
        return p, (r.random((n, 1)) > np.cumsum(q, axis=1)[:, :-1]).sum(axis=1)

    classes = ["0", "1", "2"] if task == "multiclass" else ()
    watch = Performance(*rows(3000, False), task=task, classes=classes)
    quiet = [watch.update(p, labels=y).alarm for p, y in (rows(500, False) for _ in range(20))]
    assert not any(quiet)
    loud = [watch.update(p, labels=y).alarm for p, y in (rows(500, True) for _ in range(4))]
    assert loud[-1]


def test_findings_of_the_day_have_estimates_before_labels():
    watch = fresh()
    x, p, _ = sample(np.random.default_rng(3), 500)
    found = watch.update(p, {"x": x, "site": ["a"] * 500}, day=FIRST)
    assert found.loss is None
    assert found.quality.realised == []
    assert {m.name for m in found.quality.estimated.figures} >= {"auc", "log_loss", "f1"}
    assert "nothing is realised yet" in found.quality.arrival.note


def test_segments_and_business_figures():
    x, p, y = sample(np.random.default_rng(3), 400)
    watch = fresh(functions={"cost": lambda p, y: 3.0 * ((p > 0.5) & (y == 0))})
    watch.update(p, {"x": x, "site": ["a", "b", "b", None] * 100}, labels=y, day=FIRST)
    found = watch.quality(by="site")
    assert [(s.name, s.arrival.predictions) for s in found.segments] == [
        ("b", 200),
        ("a", 100),
        ("(missing)", 100),
    ]
    assert found["cost"].value == pytest.approx(3 * ((p > 0.5) & (y == 0)).mean())
    assert any(m.name == "cost" for m in found.segments[0].realised)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"answers": [0.1, 0.2], "ids": [1]}, "2 answers but 1 ids"),
        ({"answers": [0.1], "labels": [3]}, "0 or 1"),
        ({"answers": [0.1], "columns": {"x": [1, 2]}}, "1 answers but 2 rows"),
        ({"labels": {"a": "yes"}}, "not numbers"),
        ({"answers": [0.1], "day": FIRST}, "is not after"),
    ],
    ids=["ids", "label", "columns", "text", "day"],
)
def test_a_bad_update_is_refused_and_leaves_nothing(arguments, said):
    watch = fresh()
    watch.update([0.5], {"x": [0.0], "site": ["a"]}, ids=["one"], labels=[1], day=FIRST)
    before = watch.quality()
    with pytest.raises(ValueError, match=said):
        watch.update(**arguments)
    assert watch.quality() == before
    watch.update([0.5], {"x": [0.0], "site": ["a"]}, day=FIRST + timedelta(1))
