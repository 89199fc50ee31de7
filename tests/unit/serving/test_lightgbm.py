"""The compiled form answers as LightGBM does, or does not serve."""

import re

import numpy as np
import pytest

from dovetail.serving.compile import choose
from dovetail.serving.errors import BadModelError
from dovetail.serving.formats.lightgbm import LightgbmPredictor, load
from dovetail.serving.formats.lightgbm_text import check_text

RANDOM = np.random.default_rng(1)
ROWS = RANDOM.normal(size=(500, 5))
ROWS[:, 3] = RANDOM.integers(0, 12, 500)
ROWS[RANDOM.random(ROWS.shape) < 0.05] = np.nan
SCORE = np.nan_to_num(ROWS[:, 0] + ROWS[:, 1] * (ROWS[:, 3] % 5))


def trained(label, parameters, categorical="auto", rounds=6):
    import lightgbm

    return lightgbm.train(
        {"verbose": -1, "num_leaves": 7, "num_threads": 1, **parameters},
        lightgbm.Dataset(ROWS, label, categorical_feature=categorical),
        rounds,
    )


SETS = {
    "objective": "binary",
    "max_cat_to_onehot": 1,
    "min_data_per_group": 5,
    "cat_smooth": 1,
    "min_data_in_leaf": 5,
}
BINARY, THREE = (SCORE > 0).astype(int), np.digitize(SCORE, [-1, 1])
COMPILED = {
    "binary": (BINARY, {"objective": "binary"}),
    "binary with a slope": (BINARY, {"objective": "binary", "sigmoid": 2.0}),
    "random forest": (
        BINARY,
        {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
    ),
    "nan counts as zero": (BINARY, {"objective": "binary", "use_missing": False}),
    "cross entropy": (BINARY, {"objective": "cross_entropy"}),
    "regression": (SCORE, {"objective": "regression"}),
    "absolute error": (SCORE, {"objective": "l1"}),
    "poisson": (np.abs(SCORE), {"objective": "poisson"}),
    "three classes": (THREE, {"objective": "multiclass", "num_class": 3}),
    "one class against all": (THREE, {"objective": "multiclassova", "num_class": 3}),
    "a constant": (np.ones(500), {"objective": "regression"}),
}


@pytest.mark.parametrize(("label", "parameters"), COMPILED.values(), ids=COMPILED.keys())
def test_the_compiled_form_answers_as_the_original(label, parameters):
    original = LightgbmPredictor(trained(label, parameters))
    chosen, record = choose(original)
    assert record.why == ""
    assert record.compiled
    assert record.largest_difference < 1e-12
    expected, found = original.run({"input": ROWS}), chosen.run({"input": ROWS})
    np.testing.assert_allclose(found["predict"], expected["predict"], rtol=1e-12)
    assert found["predict"].dtype == np.float64


def test_categories_split_by_sets_and_are_cut_to_whole_numbers():
    original = LightgbmPredictor(trained(BINARY, SETS, categorical=[3]))
    chosen, record = choose(original)
    assert record.compiled
    assert chosen.form.steps[0].columns == (3,)
    odd = ROWS.copy()
    odd[:, 3] = np.linspace(-3, 15, 500)
    np.testing.assert_allclose(
        chosen.run({"input": odd})["predict"], original.run({"input": odd})["predict"], rtol=1e-12
    )


KEPT = {
    "linear trees": (SCORE, {"objective": "regression", "linear_tree": True}, "linear trees"),
    "square root": (SCORE, {"objective": "regression", "reg_sqrt": True}, "objective"),
}


@pytest.mark.parametrize(("label", "parameters", "why"), KEPT.values(), ids=KEPT.keys())
def test_what_has_no_compiled_form_serves_as_stored_and_says_why(label, parameters, why):
    original = LightgbmPredictor(trained(label, parameters))
    chosen, record = choose(original)
    assert chosen is original
    assert not record.compiled
    assert why in record.why


def test_a_form_that_disagrees_does_not_serve(monkeypatch):
    original = LightgbmPredictor(trained(BINARY, {"objective": "binary"}))
    other = LightgbmPredictor(trained(1 - BINARY, {"objective": "binary"}))
    monkeypatch.setattr(original, "compiled", other.compiled)
    chosen, record = choose(original)
    assert chosen is original
    assert record.why.startswith("the compiled form differs by up to 0.")
    assert record.largest_difference > 0.1


def test_a_model_that_the_converter_cannot_read_serves_as_stored(monkeypatch):
    original = LightgbmPredictor(trained(BINARY, {"objective": "binary"}))
    monkeypatch.setattr(original._booster, "dump_model", lambda: {"of": "another version"})
    chosen, record = choose(original)
    assert chosen is original
    assert record.why == ("the model could not be converted. KeyError: 'num_tree_per_iteration'.")


def test_compiling_can_be_switched_off():
    original = LightgbmPredictor(trained(BINARY, {"objective": "binary"}))
    assert choose(original, wanted=False)[0] is original


def test_no_rows_give_no_rows():
    original = LightgbmPredictor(trained(BINARY, {"objective": "binary"}))
    assert original.run({"input": np.empty((0, 5))})["predict"].shape == (0, 1)
    assert choose(original)[0].run({"input": np.empty((0, 5))})["predict"].shape == (0, 1)


TEXT = trained(BINARY, SETS, categorical=[3]).model_to_string()


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.9])
def test_a_truncated_file_is_refused(tmp_path, share):
    end = TEXT.index("end of trees")
    file = tmp_path / "model.txt"
    file.write_text(TEXT[: int(end * share)])
    with pytest.raises(BadModelError, match=r"truncated|damaged|header"):
        load(file)


def altered(key, change):
    return re.sub(rf"^{key}=(.*)$", lambda m: f"{key}={change(m[1])}", TEXT, count=2, flags=re.M)


HOSTILE = {
    "feature beyond the end": altered("split_feature", lambda v: "999 " + v.split(" ", 1)[1]),
    "child before its parent": altered("left_child", lambda v: "0 " + v.split(" ", 1)[1]),
    "child outside the tree": altered("right_child", lambda v: "5000 " + v.split(" ", 1)[1]),
    "leaf outside the tree": altered("right_child", lambda v: "-5000 " + v.split(" ", 1)[1]),
    "too few leaf values": altered("leaf_value", lambda v: v.split(" ", 1)[1]),
    "too few thresholds": altered("threshold", lambda v: v.split(" ", 1)[1]),
    "categories outside": altered("cat_boundaries", lambda v: "0 999999"),
    "no leaves": altered("num_leaves", lambda v: "0"),
    "words for numbers": altered("left_child", lambda v: "x " + v.split(" ", 1)[1]),
    "a tree too few": TEXT.replace("Tree=5", "Twig=5"),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_inconsistent_tree_is_refused_before_native_code_reads_it(text):
    assert text != TEXT
    with pytest.raises(BadModelError):
        check_text(text, "model.txt")


def test_a_sound_file_passes():
    check_text(TEXT, "model.txt")
