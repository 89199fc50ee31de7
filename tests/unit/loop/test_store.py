"""The loop's state, on both databases."""

from datetime import date

import pytest

from dovetail.loop import Event, LoopStore

DAY = date(2024, 1, 1)


def event(kind: str, day: date = DAY) -> Event:
    return Event(day=str(day), kind=kind, version=None, text=kind, facts={"share": 0.5})


@pytest.fixture
def store(database_url):
    made = LoopStore(database_url, "m" * 256)
    yield made
    made.close()


def test_a_cycle_goes_its_way_with_events_and_values(store):
    assert (store.open_cycle(), store.history(), store.get("champion")) == (None, [], None)
    cycle = store.begin(DAY, "1", event("training"), {"looked": str(DAY)})
    assert store.open_cycle() == cycle
    moved = store.advance(cycle, "comparing", event("trained"), challenger="2", facts={"a": 1})
    assert (moved.state, moved.challenger, moved.facts) == ("comparing", "2", {"a": 1})
    assert store.open_cycle() == moved
    done = store.advance(moved, "promoted", event("promoted"), values={"champion": "2"})
    assert done.facts == {"a": 1}
    assert store.open_cycle() is None
    assert store.cycles() == [done]
    assert (store.get("champion"), store.get("looked")) == ("2", "2024-01-01")
    assert [e.kind for e in store.history()] == ["training", "trained", "promoted"]
    assert {e.cycle for e in store.history()} == {cycle.id}


def test_events_of_a_day(store):
    for day in (1, 2, 2, 3):
        store.note(event("looked", date(2024, 1, day)))
    assert len(store.history(date(2024, 1, 2))) == 2


def test_models_are_apart(store, database_url):
    other = LoopStore(database_url, "other")
    store.set(champion="1")
    store.begin(DAY, None, event("training"))
    assert (other.get("champion", "none"), other.open_cycle(), other.history()) == (
        "none",
        None,
        [],
    )
    other.close()


def test_values_are_replaced(store):
    store.set(weights={"1": 80.0, "2": 20.0}, previous="1")
    store.set(weights={"2": 100.0}, previous=None)
    assert (store.get("weights"), store.get("previous", "x")) == ({"2": 100.0}, None)
