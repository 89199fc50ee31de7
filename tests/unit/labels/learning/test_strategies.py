"""Which items are labelled next."""

import time

import numpy as np
import pytest

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.labels.learning import strategies as module
from dovetail.labels.learning import strategy_names as names
from dovetail.labels.learning.strategies import DEFAULT, Pool, choose


def blobs(count: int, size: int = 16, kinds: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    centre = rng.normal(scale=4, size=(kinds, size))
    kind = rng.integers(0, kinds, count)
    return centre[kind] + rng.normal(size=(count, size)), kind


POINTS, KIND = blobs(300)
SURE = np.full((300, 3), 1 / 3)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("count", [1, 10, 300, 999])
@pytest.mark.parametrize("labelled", [0, 3])
def test_every_strategy_names_that_many_different_items(
    name: str, count: int, labelled: int
) -> None:
    for probabilities in (None, SURE):
        pool = Pool(probabilities, POINTS, POINTS[:labelled])
        found = choose(name, pool, count)
        assert len(np.unique(found)) == len(found) == min(count, 300)


@pytest.mark.parametrize("name", names())
def test_items_that_are_all_alike_do_no_harm(name: str) -> None:
    pool = Pool(None, np.ones((7, 2)), np.ones((2, 2)))
    assert sorted(choose(name, pool, 7).tolist()) == list(range(7))
    assert len(choose(name, Pool(None, np.zeros((0, 2)), np.zeros((0, 2))), 3)) == 0


@pytest.mark.parametrize("name", ["typiclust", DEFAULT])
def test_the_first_items_cover_what_there_is(name: str) -> None:
    found = choose(name, Pool(None, POINTS, np.zeros((0, 16))), 5)
    assert len(set(KIND[found].tolist())) == 5


def test_margin_takes_what_is_between_two_classes() -> None:
    told = np.array([[0.9, 0.1, 0.0], [0.5, 0.45, 0.05], [0.4, 0.3, 0.3], [0.6, 0.2, 0.2]])
    pool = Pool(told, np.zeros((4, 2)), np.zeros((1, 2)))
    assert choose("margin", pool, 2).tolist() == [1, 2]
    assert choose("entropy", pool, 1).tolist() == [2]


def test_the_default_takes_one_of_near_twins() -> None:
    rng = np.random.default_rng(0)
    points = np.vstack([np.zeros((50, 2)), np.full((50, 2), 9.0)]) + rng.normal(size=(100, 2)) * 0.1
    told = np.tile([[0.5, 0.5]], (100, 1))
    found = choose(DEFAULT, Pool(told, points, np.zeros((1, 2))), 2)
    assert sorted(found // 50) == [0, 1]
    assert len(set(choose("margin", Pool(told, points, np.zeros((1, 2))), 2) // 50)) == 1


def test_coreset_takes_what_is_far() -> None:
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    assert choose("coreset", Pool(None, points, np.array([[0.0]])), 1).tolist() == [3]


def test_choosing_among_1200_items_takes_under_a_tenth_of_a_second() -> None:
    points, _ = blobs(1200, size=64)
    told = np.random.default_rng(0).dirichlet(np.ones(10), 1200)
    pool = Pool(told, points, points[:100])
    spent = []
    for _ in range(3):
        begin = time.process_time()
        choose(DEFAULT, pool, 10)
        spent.append(time.process_time() - begin)
    assert min(spent) < 0.1


def test_an_unknown_strategy_names_those_that_are_there() -> None:
    with pytest.raises(NotFoundError, match="typiclust"):
        choose("guess", Pool(None, POINTS, POINTS[:1]), 1)


def test_a_plug_in_is_used_by_its_name_and_held_to_its_word(monkeypatch) -> None:
    class Point:
        name = "last"
        answer = staticmethod(lambda pool, count: np.arange(len(pool.points))[-count:])

        def load(self):
            return self.answer

    def found(group: str, name: str = "last") -> list[Point]:
        return [Point()] if (group, name) == (module.GROUP, "last") else []

    monkeypatch.setattr(module, "entry_points", found)
    pool = Pool(None, POINTS, POINTS[:0])
    assert choose("last", pool, 2).tolist() == [298, 299]
    assert "last" in module.strategy_names()
    Point.answer = staticmethod(lambda pool, count: np.array([5, 5]))
    with pytest.raises(InvalidInputError, match="different places"):
        choose("last", pool, 2)
