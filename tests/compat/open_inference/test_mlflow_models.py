"""Models that the real MLflow client logged, of each flavour, answer as MLflow itself has them."""

import logging
import warnings

import httpx
import numpy as np
import pandas as pd
import pytest

from dovetail.serving import BadModelError, BadTensorError, Model, UntrustedModelError, formats
from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import run_piece

mlflow = pytest.importorskip("mlflow")

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # MLflow's own, of the libraries that it wraps
]
ROWS = 120
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module", autouse=True)
def quiet():
    """MLflow warns at every save; what it says is not what is tested here."""
    level = logging.getLogger("mlflow").level
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    yield
    logging.getLogger("mlflow").setLevel(level)


@pytest.fixture(scope="module")
def numbers():
    """Two columns of numbers and a label."""
    frame = pd.DataFrame(RANDOM.normal(size=(ROWS, 2)), columns=["wind", "rain"])
    return frame, (frame["wind"] > 0).astype(int).to_numpy()


@pytest.fixture(scope="module")
def flights():
    """Columns of every type that MLflow has, with missing values, and a label."""
    frame = pd.DataFrame(
        {
            "carrier": np.array(["UA", "AA", "DL"] * (ROWS // 3), dtype=object),
            "delay": RANDOM.normal(size=ROWS),
            "taxi": RANDOM.normal(size=ROWS).astype(np.float32),
            "hour": RANDOM.integers(0, 24, ROWS),
            "seats": RANDOM.integers(50, 300, ROWS).astype(np.int32),
            "night": RANDOM.integers(0, 2, ROWS).astype(bool),
            "at": pd.date_range("2024-01-01", periods=ROWS, freq="h"),
        }
    )
    frame.loc[::9, "delay"] = np.nan
    return frame, np.where(frame["hour"] > 12, "late", "on time")


def tensors(frame):
    """A request's tensors, as they come from JSON."""
    found = {}
    for name in frame:
        values = frame[name].to_numpy()
        if values.dtype.kind == "M":
            values = values.astype("datetime64[us]").astype(str).astype(object)
        if values.dtype == object:
            cells = [v.encode() if isinstance(v, str) else None for v in values]
            values = np.array([*cells, None], dtype=object)[:-1]
        found[name] = values
    return found


def due(path, data):
    """What MLflow answers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(mlflow.pyfunc.load_model(str(path)).predict(data))


def same(model, path, frame, **close):
    found = model.infer(tensors(frame))["predict"]
    np.testing.assert_allclose(
        found.reshape(len(frame), -1), due(path, frame).reshape(len(frame), -1), **close
    )


def signature(frame, model=None, **more):
    answer = None if model is None else model.predict(frame)
    return mlflow.models.infer_signature(frame, answer, **more)


def pipeline():
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["carrier", "hour"]),
        (SimpleImputer(), ["delay", "taxi", "seats"]),
        ("passthrough", ["night"]),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


@pytest.mark.parametrize("form", ["skops", "cloudpickle", "pickle"])
def test_scikit_learn_with_a_table_of_every_type(tmp_path, flights, form):
    frame, label = flights
    fitted = pipeline().fit(frame, label)
    mlflow.sklearn.save_model(
        fitted,
        tmp_path / "m",
        serialization_format=form,
        skops_trusted_types=["numpy.dtype"],
        signature=signature(frame, fitted),
        input_example=frame[:5],
        pip_requirements=[],
    )
    if form != "skops":
        with pytest.raises(UntrustedModelError, match=r"is the pickle .* serialization_format"):
            Model.load(tmp_path / "m")
    model = Model.load(tmp_path / "m", trusted=form != "skops")
    found = model.infer(tensors(frame))["predict"][:, 0]
    np.testing.assert_array_equal(found, due(tmp_path / "m", frame))
    said = {spec.name: spec.datatype for spec in model.predictor.signature.inputs}
    assert said == {
        "carrier": "BYTES",
        "delay": "FP64",
        "taxi": "FP32",
        "hour": "INT64",
        "seats": "INT32",
        "night": "BOOL",
        "at": "BYTES",
    }
    original = formats.load(tmp_path / "m", trusted=form != "skops")
    assert len(original.example["delay"]) == 5
    assert model.compilation.compiled, model.compilation.why


def test_probabilities_where_the_author_wanted_those(tmp_path, numbers):
    from sklearn.linear_model import LogisticRegression

    frame, label = numbers
    mlflow.sklearn.save_model(
        LogisticRegression().fit(frame, label),
        tmp_path / "m",
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[],
    )
    answer = Model.load(tmp_path / "m").infer(tensors(frame))
    assert list(answer) == ["predict_proba"]
    np.testing.assert_allclose(answer["predict_proba"], due(tmp_path / "m", frame), rtol=1e-12)


def test_a_forest_that_was_logged_with_a_list_of_trusted_types(tmp_path, numbers):
    from sklearn.ensemble import RandomForestClassifier

    frame, label = numbers
    mlflow.sklearn.save_model(
        RandomForestClassifier(5, random_state=0).fit(frame, label),
        tmp_path / "m",
        skops_trusted_types=["sklearn.tree._tree.Tree"],
        pip_requirements=[],
    )
    same(Model.load(tmp_path / "m"), tmp_path / "m", frame)


def test_a_list_of_trusted_types_beside_the_model_is_not_asked(tmp_path):
    import os

    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    (tmp_path / "MLmodel").write_text(
        "flavors:\n  sklearn: {pickled_model: model.skops, skops_trusted_types: [posix.system]}\n"
    )
    skops.io.dump(FunctionTransformer(os.system), tmp_path / "model.skops")
    with pytest.raises(UntrustedModelError, match=r"posix.system"):
        Model.load(tmp_path)


@pytest.mark.parametrize("kind", ["booster", "classifier", "regressor"])
def test_lightgbm(tmp_path, numbers, kind):
    lightgbm = pytest.importorskip("lightgbm")
    frame, label = numbers
    options = {"n_estimators": 5, "verbose": -1, "n_jobs": 1}
    fitted = {
        "booster": lambda: lightgbm.train(
            {"verbose": -1, "num_threads": 1}, lightgbm.Dataset(frame, label), 5
        ),
        "classifier": lambda: lightgbm.LGBMClassifier(**options).fit(frame, label),
        "regressor": lambda: lightgbm.LGBMRegressor(**options).fit(frame, label),
    }[kind]()
    mlflow.lightgbm.save_model(fitted, tmp_path / "m", pip_requirements=[])
    same(Model.load(tmp_path / "m"), tmp_path / "m", frame, rtol=1e-9)


def test_a_damaged_booster_inside_skops_is_refused(tmp_path, numbers):
    import zipfile

    lightgbm = pytest.importorskip("lightgbm")
    fitted = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1).fit(*numbers)
    mlflow.lightgbm.save_model(fitted, tmp_path / "m", pip_requirements=[])
    file = tmp_path / "m/model.skops"
    with zipfile.ZipFile(file) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    held["schema.json"] = held["schema.json"].replace(b"left_child=", b"left_child=99999 ")
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)
    with pytest.raises(BadModelError, match="tree 0 is damaged"):
        Model.load(tmp_path / "m")


@pytest.mark.parametrize("kind", ["booster", "classifier"])
def test_xgboost(tmp_path, numbers, kind):
    xgboost = pytest.importorskip("xgboost")
    frame, label = numbers
    if kind == "booster":
        fitted = xgboost.train({"nthread": 1}, xgboost.DMatrix(frame, label), 5)
    else:
        fitted = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(frame, label)
    mlflow.xgboost.save_model(
        fitted, tmp_path / "m", signature=signature(frame), pip_requirements=[]
    )
    model = Model.load(tmp_path / "m")
    assert model.columns == ("wind", "rain")
    same(model, tmp_path / "m", frame, rtol=1e-6)


def test_onnx(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "negative",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 2])],
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    mlflow.onnx.save_model(whole, tmp_path / "m", pip_requirements=[])
    rows = np.ones((3, 2), np.float32)
    assert Model.load(tmp_path / "m").predict(rows).tolist() == [[-1.0, -1.0]] * 3


@pytest.mark.parametrize("library", ["catboost", "torch"])
def test_other_libraries_through_mlflow_where_they_are_trusted(tmp_path, numbers, library):
    pytest.importorskip(library)
    frame, label = numbers
    if library == "catboost":
        from catboost import CatBoostClassifier

        options = {"iterations": 3, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
        fitted = CatBoostClassifier(**options).fit(frame, label)
        mlflow.catboost.save_model(
            fitted, tmp_path / "m", signature=signature(frame), pip_requirements=[]
        )
        data = frame
    else:
        import torch

        data = np.ones((4, 2), np.float32)
        mlflow.pytorch.save_model(
            torch.nn.Linear(2, 1),
            tmp_path / "m",
            serialization_format="pickle",
            signature=signature(data),
            pip_requirements=[],
        )
    model = Model.load(tmp_path / "m", trusted=True)
    sent = tensors(frame) if library == "catboost" else {"input": data}
    np.testing.assert_allclose(
        model.infer(sent)["predict"].reshape(len(data), -1),
        due(tmp_path / "m", data).reshape(len(data), -1),
    )


def save_scaled(path, frame):
    """Save a model of a user's own, with a parameter."""

    class Scaled(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            factor = (params or {}).get("factor", 1.0)
            if factor < 0:
                raise RuntimeError("a factor below zero makes no sense")
            return model_input["wind"] * factor

    mlflow.pyfunc.save_model(
        path,
        python_model=Scaled(),
        signature=mlflow.models.infer_signature(
            frame, frame["wind"].rename(None), params={"factor": 1.0}
        ),
        pip_requirements=[],
    )


def test_a_python_function_needs_trust(tmp_path, numbers):
    save_scaled(tmp_path / "m", numbers[0])
    with pytest.raises(UntrustedModelError, match=r"are python_function.* --trust"):
        Model.load(tmp_path / "m")


def test_a_python_function_takes_parameters_of_the_request(tmp_path, numbers):
    frame, _ = numbers
    save_scaled(tmp_path / "scaled", frame)
    settings = ServingSettings(
        models=(str(tmp_path / "scaled"),), trusted=(str(tmp_path),), isolate=False
    )
    sent = [
        {"name": name, "shape": [2], "datatype": "FP64", "data": frame[name][:2].tolist()}
        for name in frame
    ]
    with run_piece(piece, settings, state=tmp_path / "state") as server:
        url = f"{server.url}/v2/models/scaled/infer"
        while httpx.get(f"{server.url}/v2/health/ready").status_code != 200:
            pass
        plain = httpx.post(url, json={"inputs": sent}).json()
        tripled = httpx.post(url, json={"inputs": sent, "parameters": {"factor": 3.0}}).json()
        failed = httpx.post(
            url, json={"inputs": sent, "parameters": {"factor": -1.0}}, timeout=60
        )  # structlog, where it is not set up, draws the traceback in colour, which takes its time
        wrong = httpx.post(url, json={"inputs": sent[:1]})
    wind = frame["wind"][:2]
    assert plain["outputs"][0]["data"] == wind.tolist()
    assert tripled["outputs"][0]["data"] == (wind * 3).tolist()
    assert failed.status_code == 500
    assert "a factor below zero makes no sense" in failed.json()["error"]
    assert "Traceback" not in failed.text
    assert wrong.status_code == 400


def test_optional_columns_and_moments_of_a_signature(tmp_path, flights):
    frame, _ = flights
    frame = frame[["at", "delay"]]

    class Hours(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return pd.DataFrame(
                {"hour": model_input["at"].dt.hour, "is": model_input["delay"].isna()}
            )

    mlflow.pyfunc.save_model(
        tmp_path / "m", python_model=Hours(), signature=signature(frame), pip_requirements=[]
    )
    model = Model.load(tmp_path / "m", trusted=True)
    sent = tensors(frame)
    answer = model.infer(sent)
    assert answer["hour"][:, 0].tolist() == frame["at"].dt.hour.tolist()
    assert answer["is"][:, 0].tolist() == frame["delay"].isna().tolist()
    del sent["delay"]
    assert model.infer(sent)["is"].all()
    with pytest.raises(BadTensorError, match="missing columns: at"):
        model.infer({"delay": sent["at"]})
