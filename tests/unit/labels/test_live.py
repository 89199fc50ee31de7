"""Answers that come one by one."""

import time

import numpy as np
import pytest
from tests.unit.labels.worlds import crowd, functions

from dovetail.base.errors import InvalidInputError
from dovetail.labels import Combined, Live, combine


def combined_of(said: object, rows: slice, classes: list[int]) -> Combined:
    part = np.asarray(said)[rows]
    item, source = np.nonzero(part >= 0)
    label = part[item, source].tolist()
    return combine((item + (rows.start or 0)).tolist(), source.tolist(), label, classes=classes)


@pytest.mark.parametrize("world", ["crowd", "functions"])
def test_later_answers_end_where_all_at_once_do(world: str) -> None:
    said, truth = crowd(1500, [0.9, 0.7, 0.6, 0.6, 0.55]) if world == "crowd" else functions(1500)
    live = Live(combined_of(said, slice(0, 500), [0, 1]))
    guessed = np.full(1500, -1)
    for item in range(500, 1500):
        for source in np.flatnonzero(said[item] >= 0).tolist():
            guessed[item] = live.add(item, source, int(said[item, source])).argmax()
    told = guessed >= 0
    whole = combined_of(said, slice(0, 1500), [0, 1])
    codes = {item: label for item, label in zip(whole.items, whole.labels, strict=True)}
    batch = np.array([codes[i] for i in np.flatnonzero(told)])
    late = (guessed[told] == truth[told]).mean()
    assert late > (batch == truth[told]).mean() - 0.02


def test_an_answer_takes_less_than_a_millisecond() -> None:
    said, _ = crowd(2000, [0.8] * 10)
    live = Live(combined_of(said, slice(0, 2000), [0, 1]))
    begun = time.process_time()
    for item in range(300):
        live.add(item, "late", 1)
    assert (time.process_time() - begun) / 300 < 0.001


def test_a_repeated_answer_replaces_the_first() -> None:
    said, _ = crowd(200, [0.8, 0.8, 0.8])
    live = Live(combined_of(said, slice(0, 200), [0, 1]))
    once = live.add("new", 0, 1)
    live.add("new", 0, 0)
    assert live.add("new", 0, 1) == pytest.approx(once, abs=1e-6)
    assert live.posterior("new") == pytest.approx(once, abs=1e-6)


def test_what_is_unknown_is_said() -> None:
    live = Live(combine([1, 1], ["a", "b"], ["x", "y"]))
    with pytest.raises(InvalidInputError, match="no answer about 7 is known"):
        live.posterior(7)
    with pytest.raises(InvalidInputError, match="the label 'z' is not among the classes"):
        live.add(1, "a", "z")
