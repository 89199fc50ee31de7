"""The linear models against scikit-learn, and the coordinates that they are fitted in."""

import numpy as np
import pytest

from dovetail.labels.learning.learner import learn
from dovetail.labels.learning.linear import activated, fit
from dovetail.labels.learning.rows import Rows, stacked
from dovetail.labels.learning.space import Space
from dovetail.labels.learning.texts import WIDTH, grams, rarities, weighed


def world(count: int = 200, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(count, 8))
    truth = (points @ rng.normal(size=(8, classes)) + rng.normal(size=(count, classes))).argmax(1)
    return points, truth


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_is_that_of_scikit_learn(classes: int) -> None:
    from sklearn.linear_model import LogisticRegression

    points, truth = world(classes=classes)
    found = fit(Rows.of_dense(points), np.eye(classes)[truth], np.ones(200), "softmax", 1.0)
    strength = 2.0 if classes == 2 else 1.0  # theirs has one column for two classes
    theirs = LogisticRegression(C=strength, tol=1e-8, max_iter=1000).fit(points, truth)
    ours = activated(points @ found[:-1] + found[-1], "softmax")
    assert np.abs(ours - theirs.predict_proba(points)).max() < 2e-3


def test_least_squares_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import Ridge

    points, _ = world()
    truth = points @ np.arange(8.0)[:, None] + 3
    found = fit(Rows.of_dense(points), truth, np.ones(200), "identity", 1.0, enough=1e-7)
    theirs = Ridge(alpha=1.0).fit(points, truth[:, 0])
    assert found[:-1, 0] == pytest.approx(theirs.coef_, abs=1e-2)
    assert found[-1, 0] == pytest.approx(theirs.intercept_, abs=1e-2)


def test_a_weight_is_as_good_as_a_repetition() -> None:
    points, truth = world(60)
    told = np.eye(3)[truth]
    weight = np.where(np.arange(60) < 20, 2.0, 1.0)
    once = fit(Rows.of_dense(points), told, weight, "softmax", 1.0, enough=1e-7)
    again = np.concatenate([np.arange(60), np.arange(20)])
    twice = fit(Rows.of_dense(points[again]), told[again], np.ones(80), "softmax", 1.0, enough=1e-7)
    assert once == pytest.approx(twice, abs=1e-2)


def text_rows() -> Rows:
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(60)]
    found = grams([" ".join(rng.choice(words, 12)) for _ in range(50)])
    rarity, kept = rarities(found, 50)
    parts = weighed(found, rarity, kept)
    return Rows(rng.normal(size=(50, 2)).astype(np.float32), *parts, WIDTH)


def test_the_span_of_the_rows_has_the_same_minimum_as_all_columns() -> None:
    rows, truth = text_rows(), np.eye(2)[np.arange(50) % 2]
    space = Space.of(rows)
    assert space.turn is not None
    within = space.weights(fit(space.rows, truth, np.ones(50), "softmax", 0.5, enough=1e-7))
    whole = fit(space.whole, truth, np.ones(50), "softmax", 0.5, enough=1e-7)
    there = [space.whole.times(one[:-1]) + one[-1] for one in (within, whole)]
    assert there[0] == pytest.approx(there[1], abs=1e-2)


def test_rows_taken_and_stacked_are_the_same_rows() -> None:
    rows = text_rows()
    weights = np.random.default_rng(0).normal(size=(2 + WIDTH, 3))
    whole = rows.times(weights)
    again = stacked([rows.take(np.arange(20)), rows.take(np.arange(20, 50))])
    assert again.times(weights) == pytest.approx(whole)
    assert rows.take([7, 3]).times(weights) == pytest.approx(whole[[7, 3]])
    assert rows.back(whole) == pytest.approx(again.back(whole))


def test_more_answers_from_the_last_model_keep_its_ridge() -> None:
    points, truth = world()
    space = Space.of(Rows.of_dense(points[:100]))
    first, _ = learn(space, np.eye(3)[truth[:100]], np.ones(100), "one")
    space = Space.of(Rows.of_dense(points[:110]))
    second, held = learn(space, np.eye(3)[truth[:110]], np.ones(110), "one", first)
    assert held is not None
    assert second.ridge == first.ridge


@pytest.mark.parametrize(
    "texts",
    [
        [""],
        ["", "  ", "!?"],
        ["a"],
        ["é" * 30, "日本語のテキスト"],
        ["x" * 100_000, "y"],
        ["\ud800 half"],
    ],
    ids=["empty", "no words", "short", "beyond ascii", "long", "broken"],
)
def test_any_text_can_be_hashed(texts: list[str]) -> None:
    found = grams(texts)
    rarity, kept = rarities(found, len(texts))
    start, columns, values = weighed(found, rarity, np.ones_like(kept))
    assert len(start) == len(texts) + 1
    assert np.isfinite(values).all()
    assert ((columns >= 0) & (columns < WIDTH)).all()


def test_words_count_whatever_their_case_and_place() -> None:
    found = grams(["The CAT sat", "the cat sat"])
    first, second = (slice(found.start[i], found.start[i + 1]) for i in (0, 1))
    assert found.columns[first].tolist() == found.columns[second].tolist()
    assert grams(["cat", "dog cat"]).columns[0] in grams(["dog cat"]).columns
