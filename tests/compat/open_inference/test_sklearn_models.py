"""One folder of scikit-learn models on ours and on a real MLServer: the same answers."""

import json
from pathlib import Path

import httpx
import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import run_piece

pytestmark = [pytest.mark.compat, pytest.mark.timeout(300)]

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(100, 3))
FLIGHTS = pd.DataFrame({"carrier": ["UA", "AA"] * 50, "wind": ROWS[:, 0]})
LATE = (ROWS[:, 0] > 0).astype(int)


def models():
    columns = make_column_transformer((OneHotEncoder(), ["carrier"]), (StandardScaler(), ["wind"]))
    return {
        "linear": LinearRegression().fit(ROWS, ROWS @ [1.0, 2.0, 3.0]),
        "pair": LinearRegression().fit(ROWS, ROWS[:, :2]),
        "logistic": LogisticRegression().fit(ROWS, LATE),
        "words": LogisticRegression().fit(ROWS, np.where(LATE, "late", "on time")),
        "forest": RandomForestClassifier(5, random_state=0).fit(ROWS, LATE),
        "scaler": StandardScaler().fit(ROWS),
        "flights": make_pipeline(columns, LogisticRegression()).fit(FLIGHTS, LATE),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """MLServer's layout: a folder per model with its file and settings."""
    root = tmp_path_factory.mktemp("models")
    for name, model in models().items():
        (root / name).mkdir()
        joblib.dump(model, root / name / "model.joblib")
        settings = {
            "name": name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "version": "1"},
        }
        (root / name / "model-settings.json").write_text(json.dumps(settings))
    return root


@pytest.fixture(scope="module")
def urls(folder, tmp_path_factory, start_mlserver):
    settings = ServingSettings(
        models=tuple(f"{name}={folder / name / 'model.joblib'}" for name in models()),
        trusted=(str(folder),),
    )
    state = tmp_path_factory.mktemp("state")
    with (
        start_mlserver(folder) as theirs,
        run_piece(piece, settings, state=state) as ours,
    ):
        while httpx.get(f"{ours.url}/v2/health/ready").status_code != 200:
            pass
        yield ours.url, theirs.url


MATRIX = [{"name": "x", "shape": [3, 3], "datatype": "FP64", "data": ROWS[:3].ravel().tolist()}]
TABLE = [
    {
        "name": "carrier",
        "shape": [2, 1],
        "datatype": "BYTES",
        "data": ["UA", "AA"],
        "parameters": {"content_type": "str"},
    },
    {"name": "wind", "shape": [2, 1], "datatype": "FP64", "data": [0.5, -1.0]},
]
CASES = {
    "a regression": ("linear", MATRIX, ()),
    "two targets": ("pair", MATRIX, ()),
    "labels": ("logistic", MATRIX, ()),
    "probabilities": ("logistic", MATRIX, ("predict_proba",)),
    "both": ("forest", MATRIX, ("predict_proba", "predict")),
    "a transformer": ("scaler", MATRIX, ("transform",)),
    "a table": ("flights", TABLE, ()),
    "probabilities of a table": ("flights", TABLE, ("predict_proba",)),
    "words": ("words", MATRIX, ()),
}


def ask(url, model, inputs, wanted):
    request = {"inputs": inputs, "parameters": {"content_type": "pd"} if inputs is TABLE else {}}
    if wanted:
        request["outputs"] = [{"name": name} for name in wanted]
    answer = httpx.post(f"{url}/v2/models/{model}/infer", json=request, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"]


@pytest.mark.parametrize(("model", "inputs", "wanted"), CASES.values(), ids=CASES.keys())
def test_the_same_answer_from_both(urls, model, inputs, wanted):
    ours, theirs = (ask(url, model, inputs, wanted) for url in urls)
    assert [one["name"] for one in ours] == [one["name"] for one in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine["shape"], mine["datatype"]) == (other["shape"], other["datatype"])
        if mine["datatype"] == "BYTES":
            assert mine["data"] == other["data"]
        else:
            np.testing.assert_allclose(mine["data"], other["data"], rtol=1e-12)


def test_an_output_that_a_model_lacks_is_refused_by_both(urls):
    request = {"inputs": MATRIX, "outputs": [{"name": "predict_proba"}]}
    ours, theirs = (httpx.post(f"{u}/v2/models/linear/infer", json=request) for u in urls)
    assert ours.status_code == 400
    assert theirs.status_code >= 400
