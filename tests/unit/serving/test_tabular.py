"""Rows as people hold them in Python: what a model is asked with."""

import numpy as np
import pytest

from dovetail.serving import BadTensorError, Model
from dovetail.serving.tabular import tensors_of

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

TABLE = {"wind": [0.5, None, -1.0], "carrier": ["UA", None, "DL"], "note": ["a", "b", "c"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A pipeline over a number and text, both with missing values."""
    compose = pytest.importorskip("sklearn.compose")
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {"wind": random.normal(size=200), "carrier": random.choice(["UA", "DL"], 200)}
    )
    table.loc[::9, ["wind", "carrier"]] = None
    columns = compose.make_column_transformer(
        (SimpleImputer(), ["wind"]), (OneHotEncoder(handle_unknown="ignore"), ["carrier"])
    )
    fitted = make_pipeline(columns, LogisticRegression()).fit(table, table["wind"].fillna(0) > 0)
    file = tmp_path_factory.mktemp("model") / "late.skops"
    pytest.importorskip("skops.io").dump(fitted, file)
    return Model.load(file)


MADE = {
    "pandas": lambda: pd.DataFrame(TABLE),
    "polars": lambda: pl.DataFrame(TABLE),
    "pandas, its own types": lambda: pd.DataFrame(TABLE).convert_dtypes(),
    "pandas, a category": lambda: pd.DataFrame(TABLE).astype({"carrier": "category"}),
    "a mapping": lambda: {name: TABLE[name] for name in ("wind", "carrier")},
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_every_kind_of_table_is_answered_alike(model, make):
    assert model.predict(make()).ravel().tolist() == [True, False, False]


def test_a_frame_for_a_model_without_names_is_its_matrix(model_file):
    rows = np.array([[0.5, -1.0, 3.0, 0.25], [1.5, 2.0, 7.0, -0.5]])
    model = Model.load(model_file)
    np.testing.assert_array_equal(model.predict(pd.DataFrame(rows)), model.predict(rows))


def test_moments_and_flags_travel_as_a_client_would_send_them():
    table = pd.DataFrame({"at": pd.to_datetime(["2024-01-02", None]), "on": [True, False]})
    found = tensors_of(table, ("at", "on"))
    assert found["at"].tolist()[1] is None
    assert found["at"].tolist()[0].startswith("2024-01-02T00:00:00")
    assert found["on"].dtype == np.bool_


def test_a_column_of_no_tensor_is_refused():
    with pytest.raises(BadTensorError, match="column 'x' is of numpy's type complex128"):
        tensors_of({"x": [1j]}, ())
