"""CatBoost's own models, and their compiled form."""

import numpy as np
import pytest

from dovetail.serving import BadModelError, Model
from dovetail.serving.compile import choose
from dovetail.serving.formats.catboost import load
from dovetail.serving.isolation import Forms

catboost = pytest.importorskip("catboost")

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(200, 4))
ROWS[::9, 1] = np.nan
SCORE = np.nan_to_num(ROWS[:, 0] + ROWS[:, 1])
TWO, THREE = (SCORE > 0).astype(int), np.array(["a", "b", "c"])[np.digitize(SCORE, [-1, 1])]
OPTIONS = {"iterations": 8, "depth": 4, "verbose": 0, "allow_writing_files": False}


def kept(model, tmp_path):
    model.save_model(str(tmp_path / "model.cbm"))
    return tmp_path / "model.cbm"


CLASSIFIERS = {
    "two classes": ({}, TWO),
    "three classes": ({}, THREE),
    "one against all": ({"loss_function": "MultiClassOneVsAll"}, THREE),
    "two texts": ({}, np.where(TWO, "late", "on time")),
    "missing values are the largest": ({"nan_mode": "Max"}, TWO),
    "leaf by leaf": ({"grow_policy": "Lossguide"}, TWO),
    "level by level, three classes": ({"grow_policy": "Depthwise"}, THREE),
}


@pytest.mark.parametrize(("options", "label"), CLASSIFIERS.values(), ids=CLASSIFIERS.keys())
def test_a_classifier_answers_as_catboost_does(tmp_path, options, label):
    model = catboost.CatBoostClassifier(**OPTIONS, **options).fit(ROWS, label)
    original = load(kept(model, tmp_path))
    chosen, record = choose(original)
    assert record.why == ""
    assert chosen.outputs == original.outputs
    for form in (original, chosen):
        found = form.run({"input": ROWS}, ("predict", "predict_proba"))
        np.testing.assert_array_equal(found["predict"], model.predict(ROWS).reshape(-1, 1))
        np.testing.assert_allclose(found["predict_proba"], model.predict_proba(ROWS), rtol=1e-9)
        assert list(form.run({"input": ROWS})) == ["predict"]


REGRESSORS = {
    "squares": ({}, SCORE),
    "poisson": ({"loss_function": "Poisson"}, np.abs(SCORE)),
    "quantile": ({"loss_function": "Quantile:alpha=0.3"}, SCORE),
    "two targets": ({"loss_function": "MultiRMSE"}, np.c_[SCORE, -SCORE]),
}


@pytest.mark.parametrize(("options", "label"), REGRESSORS.values(), ids=REGRESSORS.keys())
def test_a_regression_answers_as_catboost_does(tmp_path, options, label):
    model = catboost.CatBoostRegressor(**OPTIONS, **options).fit(ROWS, label)
    original = load(kept(model, tmp_path))
    chosen, record = choose(original)
    assert record.why == ""
    expected = model.predict(ROWS).reshape(len(ROWS), -1)
    for form in (original, chosen):
        np.testing.assert_allclose(form.run({"input": ROWS})["predict"], expected, rtol=1e-12)


def test_categories_are_served_as_stored_from_named_columns(tmp_path):
    rows = [[float(score), carrier] for score, carrier in zip(SCORE, THREE, strict=True)]
    names = ["score", "carrier"]
    pool = catboost.Pool(rows, TWO, cat_features=[1], feature_names=names)
    model = catboost.CatBoostClassifier(**OPTIONS).fit(pool)
    served = Model.load(kept(model, tmp_path))
    assert "categories and texts" in served.compilation.why
    answer = served.infer(
        {
            "carrier": np.array([b"a", b"b", None], dtype=object),
            "score": np.array([0.5, np.nan, -2.0]),
        }
    )
    expected = model.predict([[0.5, "a"], [np.nan, "b"], [-2.0, "nan"]])
    np.testing.assert_array_equal(answer["predict"][:, 0], expected)


def test_a_folder_is_served_and_no_rows_give_no_rows(tmp_path):
    kept(catboost.CatBoostClassifier(**OPTIONS).fit(ROWS, THREE), tmp_path)
    for compile in (True, False):
        model = Model.load(tmp_path, compile=compile)
        answer = model.infer({"x": np.empty((0, 4))}, ("predict", "predict_proba"))
        assert {name: array.shape for name, array in answer.items()} == {
            "predict": (0, 1),
            "predict_proba": (0, 3),
        }


@pytest.mark.parametrize("share", [0.0001, 0.3, 0.99])
def test_a_truncated_file_is_refused(tmp_path, share):
    file = kept(catboost.CatBoostClassifier(**OPTIONS).fit(ROWS, TWO), tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[: max(int(len(whole) * share), 4)])
    with pytest.raises(BadModelError, match="truncated"):
        load(file)


def test_a_damaged_file_fails_in_a_process_of_its_own(tmp_path):
    file = kept(catboost.CatBoostClassifier(**OPTIONS).fit(ROWS, TWO), tmp_path)
    whole = bytearray(file.read_bytes())
    whole[8:200] = bytes(192)
    file.write_bytes(whole)
    with pytest.raises(BadModelError):
        Forms(tmp_path / "forms").choose(file, "a" * 64)


def test_it_is_compiled_in_a_process_of_its_own(tmp_path):
    model = catboost.CatBoostClassifier(**OPTIONS).fit(ROWS, TWO)
    predictor, record = Forms(tmp_path / "forms").choose(kept(model, tmp_path), "b" * 64)
    assert record.compiled
    np.testing.assert_array_equal(
        predictor.run({"input": ROWS})["predict"][:, 0], model.predict(ROWS)
    )
