"""scikit-learn's models: what they answer, from which files, and what is never opened."""

import os
import pickle
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import httpx
import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io as skops
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from dovetail.serving import (
    BadModelError,
    BadTensorError,
    Column,
    InferenceFailedError,
    MatrixSignature,
    Model,
    TableSignature,
    UntrustedModelError,
    formats,
)

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(200, 3))
LABEL = np.where(ROWS[:, 0] > 0, "late", "on time")


@pytest.fixture(scope="module")
def flights():
    """Flights with text, categories, whole numbers, and missing values of each kind."""
    rows = 240
    frame = pd.DataFrame(
        {
            "carrier": np.array(["UA", "AA", "DL", np.nan] * 60, dtype=object),
            "origin": np.array(["JFK", "LGA", "EWR"] * 80, dtype=object),
            "hour": RANDOM.integers(0, 24, rows),
            "delay": RANDOM.normal(size=rows),
            "unused": "x",
        }
    )
    frame.loc[::7, "delay"] = np.nan
    return frame, np.where(frame["hour"] > 12, "late", "on time")


def encoders():
    return make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["carrier", "hour"]),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["origin"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["delay"]),
    )


def tensors(frame):
    """A request's tensors, as they come from JSON: text as bytes, missing text as None."""
    found = {}
    for name in frame:
        values = frame[name].to_numpy()
        if values.dtype == object:
            cells = [v.encode() if isinstance(v, str) else None for v in values]
            values = np.array([*cells, None], dtype=object)[:-1]
        found[name] = values
    return found


def saved(model, file, dump=skops.dump):
    dump(model, file)
    return file


MODELS = {
    "logistic": LogisticRegression(),
    "forest": RandomForestClassifier(7, random_state=0, n_jobs=2),
    "boosting": GradientBoostingClassifier(n_estimators=5),
    "histogram": HistGradientBoostingClassifier(max_iter=5),
    "voting": VotingClassifier([("a", LogisticRegression()), ("b", GridSearchCV(
        LogisticRegression(), {"C": [1.0, 2.0]}, n_jobs=1))], voting="soft"),
    "stacking": StackingClassifier([("a", RandomForestClassifier(3))], cv=3),
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_a_model_of_skops_answers_as_scikit_learn_does(tmp_path, model):
    model.fit(ROWS, LABEL)
    loaded = Model.load(saved(model, tmp_path / "m.skops"), compile=False)
    assert loaded.predictor.platform == "sklearn_skops"
    assert loaded.predictor.signature == MatrixSignature("input", (), 3)
    answer = loaded.infer({"x": ROWS}, ("predict", "predict_proba"))
    np.testing.assert_array_equal(answer["predict"], model.predict(ROWS).reshape(-1, 1))
    np.testing.assert_array_equal(answer["predict_proba"], model.predict_proba(ROWS))
    assert list(loaded.infer({"x": ROWS})) == ["predict"]


@pytest.mark.parametrize("suffix", ["joblib", "pkl", "pickle"])
def test_a_pickle_is_opened_only_where_it_is_trusted(tmp_path, suffix):
    dump = joblib.dump if suffix == "joblib" else lambda m, f: f.write_bytes(pickle.dumps(m))
    file = saved(LinearRegression().fit(ROWS, ROWS[:, 0]), tmp_path / f"m.{suffix}", dump)
    with pytest.raises(UntrustedModelError, match=r"save the model with skops .* --trust"):
        formats.load(file)
    model = Model.load(file, trusted=True, compile=False)
    assert model.predictor.platform == f"sklearn_{'pickle' if suffix == 'pkl' else suffix}"
    np.testing.assert_allclose(model.predict(ROWS)[:, 0], ROWS[:, 0])


@pytest.mark.parametrize("name", ["model.skops", "model.joblib", "model.pickle", "model.pkl"])
def test_a_folder_is_taken_with_the_names_that_mlserver_looks_for(tmp_path, name):
    dump = skops.dump if name.endswith("skops") else joblib.dump
    saved(LinearRegression().fit(ROWS, ROWS[:, 0]), tmp_path / name, dump)
    assert Model.load(tmp_path, trusted=True).predict(ROWS).shape == (200, 1)


class Bomb:
    """What leaves a file behind when it is opened."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("name", ["m.pkl", "m.joblib", "m.pickle", "m.dill", "m.pt"])
def test_a_bomb_does_not_go_off(tmp_path, name, run):
    exploded = tmp_path / "exploded"
    (tmp_path / "may").mkdir()
    (tmp_path / "may" / name).write_bytes(pickle.dumps(Bomb(exploded)))
    with run(isolate=True) as server:
        answer = httpx.post(
            f"{server.url}/v2/repository/models/m/load",
            json={"parameters": {"uri": str(tmp_path / "may" / name)}},
            timeout=60,
        )
    assert answer.status_code == 403, answer.text
    assert "could execute code" in answer.json()["error"]
    assert not exploded.exists()
    assert pickle.loads((tmp_path / "may" / name).read_bytes()) is None
    assert exploded.exists()  # it is one


def test_skops_of_a_hostile_type_is_refused_with_its_name(tmp_path):
    model = make_pipeline(FunctionTransformer(os.system), LinearRegression())
    model[-1].fit(ROWS, ROWS[:, 0])
    with pytest.raises(UntrustedModelError, match=r"asks for the types posix.system"):
        formats.load(saved(model, tmp_path / "m.skops"))


def shout(words):
    return words


def test_skops_of_ones_own_types_is_loaded_where_it_is_trusted(tmp_path):
    model = make_pipeline(FunctionTransformer(shout), LinearRegression()).fit(ROWS, ROWS[:, 0])
    file = saved(model, tmp_path / "m.skops")
    with pytest.raises(UntrustedModelError, match=r"types .*shout"):
        formats.load(file)
    np.testing.assert_allclose(Model.load(file, trusted=True).predict(ROWS)[:, 0], ROWS[:, 0])


def broken_tree(field, value):
    model = RandomForestClassifier(2, random_state=0).fit(ROWS, LABEL)
    tree = model.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"][field][0] = value
    rebuilt = type(tree)(*tree.__reduce__()[1])
    rebuilt.__setstate__(state)
    model.estimators_[1].tree_ = rebuilt
    return model


TREES = {
    "out of the tree": ("left_child", 100_000, "a node that it does not have"),
    "back to itself": ("right_child", 0, "a node that it does not have"),
    "a feature too many": ("feature", 3, "a feature that it does not have"),
}


@pytest.mark.parametrize(("field", "value", "why"), TREES.values(), ids=TREES.keys())
def test_trees_that_lead_nowhere_are_refused(tmp_path, field, value, why):
    with pytest.raises(BadModelError, match=why):
        formats.load(saved(broken_tree(field, value), tmp_path / "m.skops"))


def test_trees_wider_than_their_forest_are_refused(tmp_path):
    model = RandomForestClassifier(2).fit(ROWS, LABEL)
    model.n_features_in_ = 1
    with pytest.raises(BadModelError, match="look at 3 features, the model has 1"):
        formats.load(saved(model, tmp_path / "m.skops"))


def test_what_is_no_model_is_named(tmp_path):
    with pytest.raises(BadModelError, match=r"holds a builtins.dict, which cannot predict"):
        formats.load(saved({"a": 1}, tmp_path / "a.skops"))
    with pytest.raises(BadModelError, match="its LinearRegression is not fitted"):
        formats.load(saved(LinearRegression(), tmp_path / "b.skops"))


def test_damaged_files_are_named(tmp_path):
    file = saved(LinearRegression().fit(ROWS, ROWS[:, 0]), tmp_path / "m.skops")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadModelError, match="it is not a skops file"):
        formats.load(file)
    (tmp_path / "m.pkl").write_bytes(b"not a pickle")
    with pytest.raises(BadModelError, match=r"if it is not damaged, install the versions"):
        formats.load(tmp_path / "m.pkl", trusted=True)
    (tmp_path / "n.pkl").write_bytes(b"cno_such_library\nModel\n.")
    with pytest.raises(BadModelError, match="it needs the library 'no_such_library'"):
        formats.load(tmp_path / "n.pkl", trusted=True)


def test_a_file_that_unpacks_to_far_more_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * (300 << 20))
    with pytest.raises(BadModelError, match="would unpack to 300 MiB"):
        formats.load(tmp_path / "m.skops")


PIPELINES = {
    "columns, linear": lambda: make_pipeline(encoders(), LogisticRegression()),
    "columns, forest": lambda: make_pipeline(encoders(), RandomForestClassifier(5)),
    "searched": lambda: GridSearchCV(
        make_pipeline(encoders(), LogisticRegression()), {"logisticregression__C": [1.0]}, cv=2
    ),
    "remainder": lambda: make_pipeline(
        ColumnTransformer(
            [("text", OneHotEncoder(), ["carrier", "origin"]), ("out", "drop", ["unused"])],
            remainder="passthrough",
        ),
        HistGradientBoostingClassifier(max_iter=3),
    ),
}


@pytest.mark.parametrize("make", PIPELINES.values(), ids=PIPELINES.keys())
def test_a_pipeline_of_a_table_answers_as_scikit_learn_does(tmp_path, flights, make):
    frame, label = flights
    model = make().fit(frame, label)
    loaded = Model.load(saved(model, tmp_path / "m.joblib", joblib.dump), trusted=True)
    answer = loaded.infer(tensors(frame), ("predict", "predict_proba"))
    np.testing.assert_array_equal(answer["predict"][:, 0], model.predict(frame))
    np.testing.assert_allclose(answer["predict_proba"], model.predict_proba(frame), atol=1e-14)


def test_the_types_of_a_table_come_from_its_encoders(tmp_path, flights):
    model = make_pipeline(encoders(), LogisticRegression()).fit(*flights)
    loaded = Model.load(saved(model, tmp_path / "m.skops"))
    assert loaded.predictor.signature == TableSignature(
        (
            Column("carrier", "BYTES", categories=("AA", "DL", "UA")),
            Column("origin", "BYTES", categories=("EWR", "JFK", "LGA")),
            Column("hour", "INT64", categories=tuple(range(24))),
            Column("delay", "FP64"),
            Column("unused", "FP64", required=False, content="any"),
        )
    )
    assert loaded.columns == ("carrier", "origin", "hour", "delay", "unused")
    outputs = {spec.name: (spec.datatype, spec.shape) for spec in loaded.predictor.outputs}
    assert outputs["predict"] == ("BYTES", (-1, 1))
    assert outputs["predict_proba"] == ("FP64", (-1, 2))


def test_unused_columns_may_be_left_out(tmp_path, flights):
    frame, label = flights
    model = make_pipeline(encoders(), LogisticRegression()).fit(frame, label)
    loaded = Model.load(saved(model, tmp_path / "m.skops"))
    sent = tensors(frame.drop(columns="unused"))
    np.testing.assert_array_equal(loaded.infer(sent)["predict"][:, 0], model.predict(frame))


@pytest.mark.parametrize("missing", [None, np.nan], ids=str)
def test_a_missing_text_is_what_it_was_in_training(tmp_path, missing):
    frame = pd.DataFrame({"word": np.array(["a", missing, "b", missing] * 5, dtype=object)})
    label = np.array([0, 1, 2, 1] * 5)
    model = make_pipeline(OneHotEncoder(), LogisticRegression(C=100)).fit(frame, label)
    loaded = Model.load(saved(model, tmp_path / "m.skops"))
    answer = loaded.infer({"word": np.array([b"a", None], dtype=object)})["predict"]
    assert answer.tolist() == [[0], [1]]


def test_text_behind_an_imputer(tmp_path):
    frame = pd.DataFrame({"word": np.array(["a", "a", "b", np.nan] * 5, dtype=object)})
    steps = SimpleImputer(strategy="most_frequent"), OneHotEncoder(), LogisticRegression()
    model = make_pipeline(*steps).fit(frame, [0, 0, 1, 0] * 5)
    loaded = Model.load(saved(model, tmp_path / "m.skops"))
    assert loaded.predictor.signature.columns == (Column("word", "BYTES", categories=("a", "b")),)
    answer = loaded.infer({"word": np.array([b"b", None], dtype=object)})["predict"]
    assert answer.tolist() == [[1], [0]]


def test_a_table_of_numbers_keeps_its_names(tmp_path):
    frame = pd.DataFrame(ROWS, columns=list("abc"))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, LABEL)
    loaded = Model.load(saved(model, tmp_path / "m.skops"))
    by_name = {name: frame[name].to_numpy() for name in "cab"}
    for sent in ({"x": ROWS}, by_name):
        answer = loaded.infer(sent, ("predict_proba",))["predict_proba"]
        np.testing.assert_allclose(answer, model.predict_proba(frame), rtol=1e-12)


def test_text_in_an_array_without_names(tmp_path):
    rows = np.array([["a", 1.0], ["b", 2.0]] * 5, dtype=object)
    model = make_pipeline(
        ColumnTransformer([("t", OneHotEncoder(), [0])], remainder="passthrough"),
        LogisticRegression(),
    ).fit(rows, [0, 1] * 5)
    loaded = Model.load(saved(model, tmp_path / "m.skops"))
    assert loaded.columns == ("0", "1")
    sent = {"0": np.array([b"a", b"b"], dtype=object), "1": np.array([1.0, 2.0])}
    answer = loaded.infer(sent, ("predict_proba",))["predict_proba"]
    np.testing.assert_array_equal(answer, model.predict_proba(rows[:2]))


def test_text_as_a_whole(tmp_path):
    words = ["late again", "on time", "late late", "in time"] * 5
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(words, [1, 0, 1, 0] * 5)
    loaded = Model.load(saved(model, tmp_path / "m.skops"))
    sent = np.array([word.encode() for word in words[:4]], dtype=object)
    for shape in ((4,), (4, 1)):
        answer = loaded.infer({"any name": sent.reshape(shape)}, ("predict_proba",))
        np.testing.assert_array_equal(answer["predict_proba"], model.predict_proba(words[:4]))


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_a_booster_behind_scikit_learns_interface_keeps_its_categories(tmp_path, library):
    pytest.importorskip(library)
    frame = pd.DataFrame({"x": ROWS[:, 0], "day": pd.Categorical(["mon", "tue"] * 100)})
    label = (frame["day"] == "mon").astype(int)
    if library == "lightgbm":
        from lightgbm import LGBMClassifier

        model = LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(frame, label)
    else:
        from xgboost import XGBClassifier

        model = XGBClassifier(n_estimators=5, n_jobs=1, enable_categorical=True).fit(frame, label)
    loaded = Model.load(saved(model, tmp_path / "m.joblib", joblib.dump), trusted=True)
    sent = {"x": ROWS[:4, 0], "day": np.array([b"tue", b"mon", None, b"sun"], dtype=object)}
    due = pd.DataFrame(
        {
            "x": ROWS[:4, 0],
            "day": pd.Categorical(["tue", "mon", None, None], categories=["mon", "tue"]),
        }
    )
    answer = loaded.infer(sent, ("predict_proba",))["predict_proba"]
    np.testing.assert_array_equal(answer, model.predict_proba(due))


def test_outputs_of_several_targets_and_none(tmp_path):
    two = MultiOutputClassifier(LogisticRegression()).fit(
        ROWS, np.column_stack([LABEL, LABEL[::-1]])
    )
    loaded = Model.load(saved(two, tmp_path / "two.skops"))
    assert loaded.predict(ROWS).shape == (200, 2)
    answer = loaded.infer({"x": ROWS}, ("predict_proba",))["predict_proba"]
    np.testing.assert_array_equal(answer, np.stack(two.predict_proba(ROWS), axis=1))
    scaler = Model.load(saved(StandardScaler().fit(ROWS), tmp_path / "scaler.skops"))
    assert list(scaler.infer({"x": ROWS})) == ["transform"]


def test_outliers_are_told_by_the_names_of_their_methods(tmp_path):
    model = IsolationForest(n_estimators=5, random_state=0).fit(ROWS)
    loaded = Model.load(saved(model, tmp_path / "m.skops"))
    answer = loaded.infer({"x": ROWS}, ("decision_function", "predict"))
    np.testing.assert_array_equal(answer["decision_function"][:, 0], model.decision_function(ROWS))
    with pytest.raises(BadTensorError, match=r"has no output 'predict_proba'.* has: .*predict"):
        loaded.infer({"x": ROWS}, ("predict_proba",))


def test_no_rows_are_answered_with_no_rows(tmp_path):
    loaded = Model.load(saved(LogisticRegression().fit(ROWS, LABEL), tmp_path / "m.skops"))
    answer = loaded.infer({"x": ROWS[:0]}, ("predict", "predict_proba"))
    assert {name: array.shape for name, array in answer.items()} == {
        "predict": (0, 1),
        "predict_proba": (0, 2),
    }


def test_values_that_the_model_refuses_are_the_callers_affair(tmp_path, flights):
    frame, label = flights
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame[["origin"]], label)
    loaded = Model.load(saved(model, tmp_path / "m.skops"), compile=False)
    with pytest.raises(BadTensorError, match=r"does not take these values. Found unknown cat"):
        loaded.infer({"origin": np.array([b"SFO"], dtype=object)})
    simple = saved(LogisticRegression().fit(ROWS, LABEL), tmp_path / "n.skops")
    numbers = Model.load(simple, compile=False)
    with pytest.raises(BadTensorError, match="Input X contains NaN"):
        numbers.infer({"x": ROWS * np.nan})


def fail(_):
    raise RuntimeError("out of luck")


def test_a_model_that_fails_is_told_from_values_that_do_not_fit(tmp_path):
    model = make_pipeline(FunctionTransformer(shout), LinearRegression()).fit(ROWS, ROWS[:, 0])
    model[0].func = fail
    loaded = Model.load(saved(model, tmp_path / "m.joblib", joblib.dump), trusted=True)
    with pytest.raises(InferenceFailedError, match="out of luck"):
        loaded.predict(ROWS)


def test_every_part_of_a_model_uses_one_thread(tmp_path):
    inner = RandomForestClassifier(2, n_jobs=2)
    model = VotingClassifier([("a", make_pipeline(StandardScaler(), inner))], n_jobs=2)
    model.fit(ROWS, LABEL)
    loaded = formats.load(saved(model, tmp_path / "m.skops")).estimator
    assert loaded.n_jobs == 1
    assert loaded.estimators_[0][-1].n_jobs == 1


def test_native_loops_stay_on_the_thread_that_calls(tmp_path):
    from threadpoolctl import threadpool_info

    model = HistGradientBoostingClassifier(max_iter=2).fit(ROWS, LABEL)
    loaded = Model.load(saved(model, tmp_path / "m.skops"), compile=False)
    seen = []

    def call():
        loaded.predict(ROWS)
        pools = [pool for pool in threadpool_info() if pool["user_api"] == "openmp"]
        seen.extend(pool["num_threads"] for pool in pools)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert seen
    assert set(seen) == {1}


def test_a_server_answers_tables_over_rest_as_mlserver_does(tmp_path, flights, run):
    frame, label = flights
    model = make_pipeline(encoders(), LogisticRegression()).fit(frame, label)
    file = saved(model, tmp_path / "late.skops")
    sent = [
        {"name": "carrier", "shape": [2, 1], "datatype": "BYTES", "data": ["UA", None]},
        {"name": "origin", "shape": [2, 1], "datatype": "BYTES", "data": ["JFK", "LGA"]},
        {"name": "hour", "shape": [2, 1], "datatype": "INT64", "data": [3, 20]},
        {"name": "delay", "shape": [2, 1], "datatype": "FP64", "data": [0.5, None]},
    ]
    due = pd.DataFrame(
        {
            "carrier": np.array(["UA", np.nan], dtype=object),
            "origin": ["JFK", "LGA"],
            "hour": [3, 20],
            "delay": [0.5, np.nan],
            "unused": "x",
        }
    )
    with run(str(file)) as server:
        url = f"{server.url}/v2/models/late"
        said = httpx.get(url).json()
        default = httpx.post(f"{url}/infer", json={"inputs": sent}).json()
        chosen = httpx.post(
            f"{url}/infer", json={"inputs": sent, "outputs": [{"name": "predict_proba"}]}
        ).json()
        wrong = httpx.post(f"{url}/infer", json={"inputs": sent[:2]})
    assert [one["name"] for one in said["inputs"]] == list(frame)
    assert default["outputs"] == [
        {
            "name": "predict",
            "shape": [2, 1],
            "datatype": "BYTES",
            "data": model.predict(due).tolist(),
        }
    ]
    (proba,) = chosen["outputs"]
    assert (proba["name"], proba["shape"], proba["datatype"]) == ("predict_proba", [2, 2], "FP64")
    assert proba["data"] == model.predict_proba(due).ravel().tolist()
    assert wrong.status_code == 400
    assert "missing columns: hour, delay" in wrong.json()["error"]


def test_a_server_without_such_models_imports_none_of_it(model_file):
    program = f"""
import sys
from dovetail.serving import Model, formats
from dovetail.serving.piece import piece
for name in formats.FORMATS:
    formats.resolve(name)
assert formats.detect({str(model_file)!r} and __import__("pathlib").Path({str(model_file)!r}))
heavy = {{"sklearn", "pandas", "skops", "joblib", "scipy", "mlflow"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True)
