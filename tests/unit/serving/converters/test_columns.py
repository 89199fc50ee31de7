"""Tables of text, categories and missing values: compiled, they answer as scikit-learn does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from dovetail.serving import BadTensorError
from dovetail.serving.compile import choose
from dovetail.serving.compiled import CompiledForm
from dovetail.serving.formats.sklearn import make

pytestmark = pytest.mark.filterwarnings("ignore")

RANDOM = np.random.default_rng(0)
COUNT = 240
FRAME = pd.DataFrame(
    {
        "carrier": np.array(["UA", "AA", "DL", np.nan] * (COUNT // 4), dtype=object),
        "origin": np.array(["JFK", "LGA", "EWR"] * (COUNT // 3), dtype=object),
        "hour": RANDOM.integers(0, 24, COUNT),
        "delay": RANDOM.normal(size=COUNT) * 10,
        "wet": RANDOM.random(COUNT) > 0.5,
        "unused": "x",
    }
)
FRAME.loc[::7, "delay"] = np.nan
LATE = np.where(FRAME["hour"] + (FRAME["origin"] == "JFK") * 8 > 14, "late", "on time")


def logistic():
    return LogisticRegression(max_iter=1000)


def numbers():
    return make_pipeline(SimpleImputer(), StandardScaler()), ["delay"]


def one_hot(**options):
    return OneHotEncoder(handle_unknown="ignore", **options)


PIPELINES = {
    "one-hot": lambda: make_pipeline(
        make_column_transformer((one_hot(), ["carrier", "hour"]), numbers()), logistic()
    ),
    "forest": lambda: make_pipeline(
        make_column_transformer(
            (one_hot(), ["carrier", "hour", "wet"]),
            (
                OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
                ["origin"],
            ),
            numbers(),
        ),
        RandomForestClassifier(9, random_state=0),
    ),
    "filled with the most frequent": lambda: make_pipeline(
        make_column_transformer(
            (
                make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot()),
                ["carrier", "origin"],
            ),
            numbers(),
        ),
        GradientBoostingClassifier(n_estimators=5),
    ),
    "filled with a word": lambda: make_pipeline(
        make_column_transformer(
            (
                make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), one_hot()),
                ["carrier", "origin"],
            ),
            numbers(),
        ),
        logistic(),
    ),
    "infrequent together": lambda: make_pipeline(
        make_column_transformer(
            (
                OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10),
                ["carrier", "hour"],
            ),
            numbers(),
        ),
        logistic(),
    ),
    "one of each left out": lambda: make_pipeline(
        make_column_transformer(
            (OneHotEncoder(drop="if_binary"), ["wet", "origin"]), (MinMaxScaler(), ["hour"])
        ),
        logistic(),
    ),
    "means of the label": lambda: make_pipeline(
        make_column_transformer((TargetEncoder(), ["carrier", "origin"]), numbers()), logistic()
    ),
    "projected": lambda: make_pipeline(
        make_column_transformer(
            (make_pipeline(one_hot(), TruncatedSVD(3)), ["carrier", "hour"]), numbers()
        ),
        logistic(),
    ),
}


def bound(frame):
    """A table's columns as its signature gives them."""
    return {
        name: np.array([None if v != v else v for v in frame[name]], dtype=object)
        if frame[name].dtype == object
        else frame[name].to_numpy()
        for name in frame
    }


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES.keys())
def test_a_pipeline_of_columns(check, pipeline):
    chosen = check(pipeline().fit(FRAME, LATE), bound(FRAME))
    assert chosen.signature.names == tuple(FRAME)


def test_categories_of_a_data_frame(check):
    frame = FRAME.drop(columns="unused").astype({"carrier": "category", "origin": "category"})
    model = HistGradientBoostingClassifier(max_iter=9, categorical_features="from_dtype")
    check(model.fit(frame, LATE), bound(FRAME.drop(columns="unused")))


def test_a_frame_of_numbers(check):
    frame = FRAME[["hour", "delay"]].fillna(0.0)
    check(make_pipeline(StandardScaler(), logistic()).fit(frame, LATE), bound(frame))


def test_a_category_that_is_not_known_is_refused_where_the_original_does(check):
    strict = make_column_transformer((OneHotEncoder(), ["origin"]), (StandardScaler(), ["hour"]))
    chosen = check(make_pipeline(strict, logistic()).fit(FRAME, LATE), bound(FRAME))
    inputs = bound(FRAME[:2])
    inputs["origin"] = np.array(["JFK", "SFO"], dtype=object)
    with pytest.raises(BadTensorError) as caught:
        chosen.run(inputs)
    assert str(caught.value) == (
        "column 'origin' has the category 'SFO', which the model does not know."
        " it knows: EWR, JFK, LGA."
    )
    inputs["origin"] = np.array(["JFK", None], dtype=object)
    with pytest.raises(BadTensorError, match="'origin' has a missing value"):
        chosen.run(inputs)


def test_text_where_numbers_are_due_is_refused(check):
    mixed = make_column_transformer((OneHotEncoder(), ["origin"]), ("passthrough", ["hour"]))
    chosen = check(make_pipeline(mixed, logistic()).fit(FRAME, LATE), bound(FRAME))
    inputs = bound(FRAME[:2])
    inputs["hour"] = np.array(["soon", "later"], dtype=object)
    with pytest.raises(BadTensorError, match="text where the model takes numbers"):
        chosen.run(inputs)


def test_a_function_of_the_users_own_keeps_the_original():
    own = make_column_transformer((FunctionTransformer(np.log1p), ["hour"]))
    original = make(make_pipeline(own, logistic()).fit(FRAME, LATE), Path("model.skops"))
    chosen, record = choose(original)
    assert chosen is original
    assert "FunctionTransformer has no compiled form. it calls a function" in record.why


def test_a_form_of_a_table_is_the_same_after_it_was_kept(check, tmp_path):
    chosen = check(PIPELINES["forest"]().fit(FRAME, LATE), bound(FRAME))
    chosen.form.write(tmp_path)
    again = CompiledForm.read(tmp_path).open()
    assert again.form == chosen.form
    np.testing.assert_array_equal(
        again.run(bound(FRAME))["predict"], chosen.run(bound(FRAME))["predict"]
    )
