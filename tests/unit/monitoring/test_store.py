import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.base.sql import Database
from dovetail.monitoring import intake, tables
from dovetail.monitoring.errors import EventInvalidError
from dovetail.monitoring.store import Store

NOW = 1_700_000_000_000


def open_store(url) -> tuple[Store, Database]:
    database = Database(str(url), tables.metadata, name="monitoring")
    return Store(database), database


def story(log):
    """Two live requests over two days, one shadow, outcomes with a later correction."""
    return [
        log.request("a", [[1.0, 2.0], [3.0, 4.0]], columns=["x", "y"], at="2013-04-01T06:00:00Z"),
        log.response("a", [0.1, 0.9], at="2013-04-02T06:00:00Z"),
        log.request("b", [[5.0, 6.0]], columns=["x", "y"], at="2013-04-02T07:00:00Z"),
        log.response("b", [0.5], version="2", at="2013-04-02T07:00:00Z"),
        log.response("s", [0.3], role="shadow", at="2013-04-01T09:00:00Z"),
        log.outcomes("o1", {("a", 0): 0, ("a", 1): 0, ("b", 0): 1}, at="2013-04-03T00:00:00Z"),
        log.outcomes("o2", {("a", 1): 1, ("s", 0): 0}, at="2013-04-20T00:00:00Z"),
        log.outcomes("o3", {("nobody", 7): 1}),
    ]


def picture(store):
    """All that the store would tell about the story."""
    days = store.revisions("flights", "2013-01-01", "2013-12-31")
    slices = [
        (
            day,
            part.role,
            part.version,
            part.scores.tolist(),
            np.nan_to_num(part.labels, nan=-1).tolist(),
        )
        for day in days
        for part in store.day("flights", day)
    ]
    features = [
        {name: list(values) for name, values in columns.items()}
        for day, version in itertools.product(days, ("1", "2"))
        for columns in store.features("flights", version, day)
    ]
    return slices, features


EXPECTED = (
    [
        ("2013-04-01", "live", "1", [0.1, 0.9], [0.0, 1.0]),
        ("2013-04-01", "shadow", "1", [0.3], [0.0]),
        ("2013-04-02", "live", "2", [0.5], [1.0]),
    ],
    [{"x": [1.0, 3.0], "y": [2.0, 4.0]}, {"x": [5.0], "y": [6.0]}],
)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_order_any_grouping_and_repeats_give_the_same_picture(log, data):
    events = data.draw(st.permutations(story(log)))
    again = data.draw(st.lists(st.sampled_from(events), max_size=4))
    stream = list(itertools.chain(events, again))
    size = data.draw(st.integers(1, len(stream)))
    with TemporaryDirectory() as folder:
        store, database = open_store(f"sqlite:///{Path(folder) / 'm.db'}")
        accepted = 0
        for i in range(0, len(stream), size):
            accepted += store.add(intake.read(stream[i : i + size], NOW), NOW).accepted
        assert accepted == len(events)
        assert picture(store) == EXPECTED
        database.close()


def test_both_databases_tell_the_same(log, database_url):
    store, database = open_store(database_url)
    items = intake.read(story(log), NOW)
    assert store.add(items, NOW).accepted == 8
    assert store.add(items, NOW) == type(store.add([], NOW))(0, 8)
    assert picture(store) == EXPECTED
    database.close()


def test_a_side_of_an_inference_counts_once_whoever_sends_it(log, database_url):
    store, database = open_store(database_url)
    sent = [log.request("a", [[1.0]]), log.response("a", [0.1])]
    again = [
        log.response("a", [0.9], source="/another", version="2"),
        log.request("a", [[7.0]], source="/another", at="2013-04-05T06:00:00Z"),
    ]
    assert store.add(intake.read([*sent, *again], NOW), NOW).accepted == 2
    assert store.add(intake.read(again, NOW), NOW).accepted == 0
    slices, features = picture(store)
    assert slices == [("2013-04-01", "live", "1", [0.1], [-1.0])]
    assert features == [{"f0": [1.0]}]
    database.close()


def test_a_large_group_is_stored_as_many_small_ones_are(log, database_url):
    names = [f"r{number}" for number in range(131)]
    store, database = open_store(database_url)
    items = intake.read([log.request(name, [[float(k)]]) for k, name in enumerate(names)], NOW)
    assert store.add(items, NOW).accepted == 131
    answers = intake.read([log.response(name, [0.5]) for name in names], NOW)
    for one in answers[:7]:
        store.add([one], NOW)
    assert store.add(answers, NOW).accepted == 124
    assert [len(part.scores) for part in store.day("flights", "2013-04-01")] == [131]
    kept = store.features("flights", "1", "2013-04-01")
    assert sorted(columns["f0"][0] for columns in kept) == list(range(131))
    database.close()


def test_servers_that_take_both_sides_at_once_complete_one_row(log, database_url):
    """Two replicas over one database, each with one side of the same inferences."""
    names = [f"r{number}" for number in range(200)]
    stores = [open_store(database_url) for _ in range(2)]
    sides = [
        [log.request(name, [[1.0]], at="2013-04-01T23:59:59Z") for name in names],
        [log.response(name, [0.5], at="2013-04-02T00:00:01Z") for name in names],
    ]

    def send(k):
        items = intake.read(sides[k], NOW)
        return sum(stores[k][0].add(items[i : i + 5], NOW).accepted for i in range(0, 200, 5))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(send, range(2))) == [200, 200]
    store = stores[0][0]
    assert [len(part.scores) for part in store.day("flights", "2013-04-01")] == [200]
    assert store.day("flights", "2013-04-02") == []
    assert len(store.features("flights", "1", "2013-04-01")) == 200
    for _, database in stores:
        database.close()


def test_a_new_outcome_raises_the_revision_of_its_day_only(log, tmp_path):
    store, database = open_store(f"sqlite:///{tmp_path / 'm.db'}")
    store.add(intake.read(story(log)[:5], NOW), NOW)
    before = store.revisions("flights", "2013-01-01", "2013-12-31")
    store.add(intake.read([log.outcomes("o", {("b", 0): 1})], NOW), NOW)
    after = store.revisions("flights", "2013-01-01", "2013-12-31")
    assert {day for day in before if before[day] != after[day]} == {"2013-04-02"}
    database.close()


def test_outcomes_of_another_model_do_not_join(log, tmp_path):
    store, database = open_store(f"sqlite:///{tmp_path / 'm.db'}")
    other = type(log)("other")
    store.add(intake.read([*story(log)[:5], other.outcomes("o", {("b", 0): 1})], NOW), NOW)
    assert np.isnan(store.day("flights", "2013-04-02")[0].labels).all()
    database.close()


def test_features_of_shadow_requests_are_kept_only_if_wanted(log, tmp_path):
    url = f"sqlite:///{tmp_path / 'm.db'}"
    for wanted in (False, True):
        _, database = open_store(url)
        store = Store(database, shadow_features=wanted)
        request = log.request(f"s{wanted}", [[1.0]], role="shadow")
        store.add(intake.read([request], NOW), NOW)
        query = tables.inferences.select().where(tables.inferences.c.request_id == f"s{wanted}")
        row = database.read(lambda c, q=query: c.execute(q).mappings().one())
        assert (row["features"] is not None) is wanted
        database.close()


@pytest.mark.parametrize("name", ["a b/c?", "ü" * 200, "'; DROP TABLE events; --"])
def test_names_are_only_names(log, tmp_path, name):
    store, database = open_store(f"sqlite:///{tmp_path / 'm.db'}")
    odd = type(log)(name)
    store.add(intake.read([odd.response(name, [0.5])], NOW), NOW)
    assert [row["model"] for row in store.models()] == [name]
    database.close()


def test_a_nul_in_a_name_is_refused(log):
    with pytest.raises(EventInvalidError, match="a name holds a NUL character"):
        intake.read([log.response("a\0b", [0.5])], NOW)
