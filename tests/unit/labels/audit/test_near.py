"""Near-duplicates are found without comparing all pairs, and nothing else is."""

import time

import numpy as np
import polars as pl

from dovetail.labels.audit.alike import group
from dovetail.labels.audit.encoding import kinds_of
from dovetail.labels.audit.near import components, near_texts, near_vectors


def groups(texts: list[str | None]) -> list[int]:
    return components(len(texts), *near_texts(pl.Series(texts, dtype=pl.String))).tolist()


def test_texts_that_differ_in_a_word_of_many_are_the_same() -> None:
    long = "the quick brown fox jumps over the lazy dog while seven cats look on from a wall nearby"
    texts = ["Hello there!", long, "hello   THERE", long + " today", None, "", "something else"]
    assert groups(texts) == [0, 1, 0, 1, 4, 5, 6]


def test_texts_of_one_template_are_not() -> None:
    assert groups([f"see you at dinner number {n}" for n in range(300)]) == list(range(300))


def test_rows_are_the_same_by_categories_and_nearly_equal_numbers() -> None:
    rng = np.random.default_rng(0)
    values, kind = rng.normal(0, 1, (3000, 6)), rng.integers(0, 3, 3000)
    values[2000:2050] = values[:50] + rng.normal(0, 1e-4, (50, 6))
    kind[2000:2040] = kind[:40]
    kind[2040:2050] = kind[40:50] + 3
    found = components(3000, *near_vectors(values, kind))
    assert (found[2000:2040] == np.arange(40)).all()
    assert (
        np.delete(found, range(2000, 2040)) == np.delete(np.arange(3000), range(2000, 2040))
    ).all()


def test_neighbours_in_a_dense_table_are_not_the_same() -> None:
    table = pl.DataFrame({"age": np.arange(500) % 90, "sex": ["f", "m"] * 250, "id": range(500)})
    table = table.with_columns(x=pl.col("id") * 1.5)
    assert (group(table, kinds_of(table)) == np.arange(500)).all()


def test_vectors_of_many_columns_are_compared_too() -> None:
    rng = np.random.default_rng(0)
    images = rng.random((1000, 64))
    images[500] = images[3] + rng.normal(0, 1e-3, 64)
    table = pl.DataFrame({"pixels": images.tolist()})
    found = group(table, kinds_of(table))
    assert found[500] == 3
    assert (found != np.arange(1000)).sum() == 1


def test_a_hundred_thousand_texts_take_seconds() -> None:
    rng = np.random.default_rng(0)
    words = np.array([f"w{n}" for n in range(5000)])
    texts = [" ".join(words[rng.integers(0, 5000, 12)]) for _ in range(100_000)]
    begun = time.process_time()
    near_texts(pl.Series(texts))
    assert time.process_time() - begun < 5
