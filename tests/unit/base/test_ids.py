"""Identifiers sort by when they were made."""

import time

from dovetail.base.ids import new_id


def test_ids_sort_in_the_order_in_which_they_were_made():
    made = [new_id() for _ in range(5000)]
    assert made == sorted(set(made))
    assert {len(one) for one in made} == {32}


def test_ids_begin_with_the_milliseconds_of_now():
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert before <= int(made[:12], 16) <= time.time_ns() // 1_000_000 + 1


def test_ids_keep_their_order_when_the_clock_is_set_back(monkeypatch):
    first = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    second, third = new_id(), new_id()
    assert first < second < third
