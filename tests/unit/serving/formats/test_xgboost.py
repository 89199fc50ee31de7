"""XGBoost's files answer as MLServer's runtime does, and the compiled form as XGBoost does."""

import json
import re

import numpy as np
import pytest

from dovetail.serving import BadModelError, Model
from dovetail.serving.compile import choose
from dovetail.serving.formats.xgboost import load, matches
from dovetail.serving.isolation import Forms

xgboost = pytest.importorskip("xgboost")

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(300, 5))
ROWS[:, 3] = RANDOM.integers(0, 9, 300)
ROWS[RANDOM.random(ROWS.shape) < 0.05] = np.nan
SCORE = np.nan_to_num(ROWS[:, 0] + ROWS[:, 1] * (ROWS[:, 3] % 3))
SINGLE = ROWS.astype(np.float32)
TWO, THREE, COUNT = (SCORE > 0).astype(int), np.digitize(SCORE, [-1, 1]), np.abs(SCORE) + 0.1
CATEGORIES = ["q", "q", "q", "c", "q"]


def trained(parameters, label, rounds=6, categories=None, **data):
    matrix = xgboost.DMatrix(
        ROWS, label, feature_types=categories, enable_categorical=bool(categories), **data
    )
    return xgboost.train({"verbosity": 0, "nthread": 1, **parameters}, matrix, rounds)


def kept(booster, tmp_path, suffix="json"):
    file = tmp_path / f"model.{suffix}"
    booster.save_model(file)
    return file


MARGINS = {
    "squared error": ({"objective": "reg:squarederror"}, SCORE),
    "base score": ({"objective": "reg:squarederror", "base_score": 7.25}, SCORE),
    "absolute error": ({"objective": "reg:absoluteerror"}, SCORE),
    "quantiles": ({"objective": "reg:quantileerror", "quantile_alpha": [0.3, 0.5]}, SCORE),
    "raw scores": ({"objective": "binary:logitraw"}, TWO),
    "hinge": ({"objective": "binary:hinge"}, TWO),
    "largest class": ({"objective": "multi:softmax", "num_class": 3}, THREE),
    "two targets": ({"objective": "reg:squarederror"}, np.c_[SCORE, -SCORE]),
    "forest": (
        {"objective": "reg:squarederror", "num_parallel_tree": 8, "subsample": 0.5},
        SCORE,
    ),
}


@pytest.mark.parametrize(("parameters", "label"), MARGINS.values(), ids=MARGINS.keys())
@pytest.mark.parametrize("suffix", ["json", "ubj"])
def test_sums_are_those_of_xgboost_to_the_last_bit(tmp_path, suffix, parameters, label):
    booster = trained(parameters, label)
    original = load(kept(booster, tmp_path, suffix))
    chosen, record = choose(original)
    assert record.why == ""
    assert record.largest_difference == 0
    expected = booster.predict(xgboost.DMatrix(ROWS)).reshape(len(ROWS), -1)
    for form in (original, chosen):
        found = form.run({"input": SINGLE})["predict"]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


CURVED = {
    "logistic": ({"objective": "binary:logistic", "base_score": 0.2}, TWO, None),
    "poisson": ({"objective": "count:poisson"}, COUNT, None),
    "gamma": ({"objective": "reg:gamma"}, COUNT, None),
    "tweedie": ({"objective": "reg:tweedie"}, COUNT, None),
    "cox": ({"objective": "survival:cox"}, COUNT, None),
    "three classes": ({"objective": "multi:softprob", "num_class": 3}, THREE, None),
    "dart": ({"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5}, TWO, None),
    "sets of categories": (
        {"objective": "binary:logistic", "max_cat_to_onehot": 1},
        TWO,
        CATEGORIES,
    ),
    "one category each": (
        {"objective": "binary:logistic", "max_cat_to_onehot": 20},
        TWO,
        CATEGORIES,
    ),
}


@pytest.mark.parametrize(("parameters", "label", "categories"), CURVED.values(), ids=CURVED.keys())
def test_exponentials_differ_in_the_last_digits_only(tmp_path, parameters, label, categories):
    original = load(kept(trained(parameters, label, categories=categories), tmp_path))
    chosen, record = choose(original)
    assert record.why == ""
    odd = SINGLE.copy()
    odd[:, 3] = np.linspace(-3, 15, len(odd))
    for rows in (SINGLE, odd):
        np.testing.assert_allclose(
            chosen.run({"input": rows})["predict"],
            original.run({"input": rows})["predict"],
            rtol=1e-6,
        )


@pytest.mark.parametrize("label", [TWO, THREE], ids=["two classes", "three classes"])
def test_a_classifier_has_labels_and_probabilities_of_its_best_round(tmp_path, label):
    classifier = xgboost.XGBClassifier(n_estimators=30, early_stopping_rounds=2, n_jobs=1)
    classifier.fit(ROWS[:150], label[:150], eval_set=[(ROWS[150:], label[150:])], verbose=False)
    assert classifier.best_iteration < 29
    original = load(kept(classifier, tmp_path))
    chosen, record = choose(original)
    assert record.compiled
    assert [spec.name for spec in original.outputs] == ["predict", "predict_proba"]
    assert chosen.outputs == original.outputs
    for form in (original, chosen):
        assert list(form.run({"input": SINGLE})) == ["predict"]
        found = form.run({"input": SINGLE}, ("predict_proba", "predict"))
        assert found["predict"].dtype == np.int64
        np.testing.assert_array_equal(found["predict"].ravel(), classifier.predict(ROWS))
        np.testing.assert_allclose(
            found["predict_proba"], classifier.predict_proba(ROWS), rtol=1e-5
        )


KEPT = {
    "linear booster": ({"objective": "binary:logistic", "booster": "gblinear"}, TWO, 6, "linear"),
    "vectors": (
        {"objective": "reg:squarederror", "multi_strategy": "multi_output_tree"},
        np.c_[SCORE, -SCORE],
        6,
        "vector per leaf",
    ),
    "no trees": ({"objective": "reg:squarederror"}, SCORE, 0, "no tree"),
}


@pytest.mark.parametrize(("parameters", "label", "rounds", "why"), KEPT.values(), ids=KEPT.keys())
def test_what_has_no_compiled_form_serves_as_stored(tmp_path, parameters, label, rounds, why):
    booster = trained(parameters, label, rounds)
    model = Model.load(kept(booster, tmp_path))
    assert why in model.compilation.why
    expected = booster.predict(xgboost.DMatrix(ROWS)).reshape(len(ROWS), -1)
    np.testing.assert_array_equal(model.predict(ROWS), expected)


@pytest.mark.parametrize("suffix", ["json", "ubj", "bst", "xgb"])
def test_a_folder_is_served_by_its_usual_names(tmp_path, suffix):
    kept(trained({"objective": "binary:logistic"}, TWO), tmp_path, suffix)
    model = Model.load(tmp_path, name="late")
    assert model.compilation.compiled
    assert model.predict(ROWS[:2]).shape == (2, 1)
    assert model.predict(np.empty((0, 5))).shape == (0, 1)


def test_names_of_features_are_taken(tmp_path):
    booster = trained({"objective": "binary:logistic"}, TWO, feature_names=list("abcde"))
    assert Model.load(kept(booster, tmp_path)).columns == tuple("abcde")


def test_json_of_something_else_is_not_a_model(tmp_path):
    (tmp_path / "other.json").write_text('{"title": "no model"}')
    assert not matches(tmp_path / "other.json")


TEXT = json.dumps(
    json.loads(
        trained({"objective": "binary:logistic", "max_cat_to_onehot": 1}, TWO, 3, CATEGORIES)
        .save_raw("json")
        .decode()
    )
)


def altered(key, value):
    return re.sub(rf'"{key}": \[[^\]]*\]', f'"{key}": {value}', TEXT, count=1)


HOSTILE = {
    "child before its parent": altered("left_children", [0] * 500),
    "too few children": altered("right_children", [1]),
    "feature beyond the end": TEXT.replace('"num_feature": "5"', '"num_feature": "2"'),
    "words for numbers": altered("split_indices", '"x"'),
    "a set outside": altered("categories_segments", [99999]),
    "a set of no node": altered("categories_nodes", [99999]),
    "score beyond the end": altered("tree_info", [0, 7, 0]),
    "a tree too few": TEXT.replace('"num_trees": "3"', '"num_trees": "4"'),
    "half of it": TEXT[: len(TEXT) // 2],
    "nothing in it": '{"version": [3, 2, 0], "learner": {}}',
    "no objects": '{"version": [3, 2, 0], "learner": [1]}',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_damaged_document_is_refused_before_native_code_reads_it(tmp_path, text):
    assert text != TEXT
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(BadModelError, match="is damaged"):
        load(tmp_path / "model.json")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_a_truncated_binary_document_is_refused(tmp_path, share):
    whole = kept(trained({"objective": "binary:logistic"}, TWO), tmp_path, "ubj").read_bytes()
    (tmp_path / "model.ubj").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadModelError, match="is damaged"):
        load(tmp_path / "model.ubj")


def test_it_is_compiled_in_a_process_of_its_own(tmp_path):
    file = kept(trained({"objective": "binary:logistic"}, TWO), tmp_path)
    predictor, record = Forms(tmp_path / "forms").choose(file, "a" * 64)
    assert record.compiled
    np.testing.assert_allclose(
        predictor.run({"input": SINGLE})["predict"],
        load(file).run({"input": SINGLE})["predict"],
        rtol=1e-6,
    )
