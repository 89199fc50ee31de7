"""Estimators of scikit-learn on a matrix: the compiled form answers as they do, or not at all."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from dovetail.serving import BadTensorError
from dovetail.serving.compile import choose
from dovetail.serving.formats.sklearn import make

pytestmark = pytest.mark.filterwarnings("ignore")

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(250, 6)) * [1, 10, 100, 0.1, 1, 1] + [0, 5, 1000, 0, 0, 0]
SCORE = ROWS[:, 0] + ROWS[:, 1] / 10 + (ROWS[:, 2] - 1000) / 100
NOISY, POSITIVE = SCORE + RANDOM.normal(size=250), np.exp(SCORE / 4)
TWO, THREE = (SCORE > 0.5).astype(int), np.digitize(SCORE, [0, 1])
LABELS = {
    "whole": TWO,
    "three": THREE,
    "text": np.array(["a", "bb", "ccc"])[THREE],
    "bool": SCORE > 0.5,
    "float": THREE.astype(float),
}
GAPS = ROWS.copy()
GAPS[RANDOM.random(ROWS.shape) < 0.1] = np.nan
CODED = GAPS.copy()
CODED[:, 4], CODED[:, 5] = RANDOM.integers(0, 7, 250), RANDOM.integers(0, 3, 250)
MIXED = (np.nan_to_num(CODED[:, 4]) % 3 + np.nan_to_num(CODED[:, 0]) > 1).astype(int)

REGRESSORS = {
    "least squares": (LinearRegression(), NOISY),
    "ridge": (Ridge(), NOISY),
    "lasso": (Lasso(), NOISY),
    "elastic net": (ElasticNet(), NOISY),
    "huber": (HuberRegressor(), NOISY),
    "descent": (SGDRegressor(), NOISY),
    "support vectors": (LinearSVR(), NOISY),
    "several outputs": (Ridge(), np.c_[NOISY, POSITIVE]),
    "poisson": (PoissonRegressor(), POSITIVE),
    "gamma": (GammaRegressor(), POSITIVE),
    "tweedie, identity": (TweedieRegressor(), POSITIVE),
    "tweedie, log": (TweedieRegressor(power=1.5), POSITIVE),
}


@pytest.mark.parametrize(("model", "label"), REGRESSORS.values(), ids=REGRESSORS.keys())
def test_linear_regressions(check, model, label):
    chosen = check(make_pipeline(StandardScaler(), model).fit(ROWS, label), {"input": ROWS})
    assert chosen.platform == "dovetail_linear"
    assert chosen.form.steps == ()  # the scaler is folded in


CLASSIFIERS = {
    "logistic": LogisticRegression(),
    "support vectors": LinearSVC(),
    "descent": SGDClassifier(),
    "descent, logistic": SGDClassifier(loss="log_loss"),
    "perceptron": Perceptron(),
    "ridge": RidgeClassifier(),
}


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS.keys())
@pytest.mark.parametrize("model", CLASSIFIERS.values(), ids=CLASSIFIERS.keys())
def test_linear_classifiers(check, model, label):
    check(make_pipeline(StandardScaler(), model).fit(ROWS, label), {"input": ROWS})


BEFORE = {
    "min and max": MinMaxScaler(),
    "min and max, clipped": MinMaxScaler(clip=True),
    "largest": MaxAbsScaler(),
    "quantiles": RobustScaler(),
    "projection": make_pipeline(StandardScaler(), PCA(3)),
    "whitened": make_pipeline(StandardScaler(), PCA(3, whiten=True)),
    "singular values": TruncatedSVD(3),
    "best features": SelectKBest(k=3),
    "varying features": VarianceThreshold(),
    "selected, then scaled": make_pipeline(SelectKBest(k=4), StandardScaler()),
    "side by side": make_union(StandardScaler(), PCA(2)),
    "nothing": FunctionTransformer(),
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE.keys())
@pytest.mark.parametrize(
    "model", [LogisticRegression(max_iter=500), RandomForestClassifier(5, random_state=0)],
    ids=["linear", "forest"],
)  # fmt: skip
def test_what_stands_before_a_model(check, before, model):
    check(make_pipeline(before, model).fit(ROWS, TWO), {"input": ROWS})


IMPUTERS = {
    "mean": SimpleImputer(),
    "median": SimpleImputer(strategy="median"),
    "constant": SimpleImputer(strategy="constant", fill_value=-1),
    "with an indicator": SimpleImputer(add_indicator=True),
}


@pytest.mark.parametrize("imputer", IMPUTERS.values(), ids=IMPUTERS.keys())
@pytest.mark.parametrize(
    "model", [LogisticRegression(max_iter=500), RandomForestClassifier(5, random_state=0)],
    ids=["linear", "forest"],
)  # fmt: skip
def test_missing_values_are_filled(check, imputer, model):
    rows = GAPS.copy()
    rows[:, 3] = np.nan if imputer.strategy == "mean" else rows[:, 3]  # a column without values
    check(make_pipeline(imputer, StandardScaler(), model).fit(rows, TWO), {"input": rows})


def test_a_number_may_stand_for_missing(check):
    rows = np.nan_to_num(GAPS, nan=-1.0)
    model = make_pipeline(SimpleImputer(missing_values=-1), LogisticRegression(max_iter=500))
    check(model.fit(rows, TWO), {"input": rows})


FORESTS = {
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
    "random tree": ExtraTreeClassifier(max_depth=4, random_state=0),
    "forest": RandomForestClassifier(15, random_state=0),
    "random forest": ExtraTreesClassifier(15, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=10),
    "histograms": HistGradientBoostingClassifier(max_iter=10),
}


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS.keys())
@pytest.mark.parametrize("model", FORESTS.values(), ids=FORESTS.keys())
def test_trees_of_classes(check, model, label):
    check(model.fit(ROWS, label), {"input": ROWS})


@pytest.mark.parametrize("name", ["tree", "forest", "random forest", "histograms"])
def test_trees_send_missing_values_where_they_learnt_to(check, name):
    check(FORESTS[name].fit(GAPS, THREE), {"input": GAPS})


TREES = {
    "tree": (DecisionTreeRegressor(random_state=0), NOISY),
    "forest": (RandomForestRegressor(9, random_state=0), NOISY),
    "several outputs": (ExtraTreesRegressor(9, random_state=0), np.c_[NOISY, POSITIVE]),
    "no split": (DecisionTreeRegressor(), np.ones(250)),
    "boosting": (GradientBoostingRegressor(n_estimators=9), NOISY),
    "boosting, huber": (GradientBoostingRegressor(n_estimators=9, loss="huber"), NOISY),
    "boosting, quantile": (GradientBoostingRegressor(n_estimators=9, loss="quantile"), NOISY),
    "boosting from zero": (GradientBoostingRegressor(n_estimators=9, init="zero"), NOISY),
    "histograms": (HistGradientBoostingRegressor(max_iter=9), NOISY),
    "histograms, poisson": (HistGradientBoostingRegressor(max_iter=9, loss="poisson"), POSITIVE),
    "histograms, gamma": (HistGradientBoostingRegressor(max_iter=9, loss="gamma"), POSITIVE),
}


@pytest.mark.parametrize(("model", "label"), TREES.values(), ids=TREES.keys())
def test_trees_of_numbers(check, model, label):
    check(model.fit(ROWS, label), {"input": ROWS})


def test_boosting_by_the_exponential_loss(check):
    model = GradientBoostingClassifier(loss="exponential", n_estimators=9)
    check(model.fit(ROWS, TWO), {"input": ROWS})


def test_categories_of_histograms_known_missing_and_new(check):
    model = HistGradientBoostingClassifier(
        max_iter=9, categorical_features=[4, 5], min_samples_leaf=3
    )
    rows = CODED.copy()
    rows[::9, 4] = np.nan
    check(model.fit(rows, MIXED), {"input": np.vstack([rows, rows[:1] + 90])})


ENCODED = {
    "one-hot": (StandardScaler(), OneHotEncoder(handle_unknown="ignore")),
    "one-hot, one left out": (StandardScaler(), OneHotEncoder(drop="first")),
    "places": (
        MinMaxScaler(),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ),
    "means of the label": (RobustScaler(), TargetEncoder()),
}


@pytest.mark.parametrize(("scaler", "encoder"), ENCODED.values(), ids=ENCODED.keys())
@pytest.mark.parametrize("rest", ["drop", SimpleImputer()], ids=["drop", "impute"])
def test_columns_of_a_matrix_are_encoded(check, scaler, encoder, rest):
    parts = [("scaled", scaler, slice(0, 2)), ("encoded", encoder, [4, 5])]
    before = ColumnTransformer(parts, remainder=rest)
    model = make_pipeline(before, SimpleImputer(), LogisticRegression(max_iter=500))
    check(model.fit(CODED, MIXED), {"input": CODED})


def test_wrappers_of_other_libraries_behind_a_scaler(check):
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    for label in (TWO, THREE):
        model = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(n_estimators=9, verbose=-1))
        check(model.fit(GAPS, label), {"input": GAPS})
        model = make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=9))
        check(model.fit(GAPS, label), {"input": GAPS}, single=True)
    model = make_pipeline(SimpleImputer(), xgboost.XGBRegressor(n_estimators=9))
    check(model.fit(GAPS, NOISY), {"input": GAPS}, single=True)
    text = lightgbm.LGBMClassifier(n_estimators=9, verbose=-1).fit(GAPS, LABELS["text"])
    check(text, {"input": GAPS})


ONE_FIXTURE = [HealthCheck.function_scoped_fixture]


@settings(max_examples=30, deadline=None, suppress_health_check=ONE_FIXTURE)
@given(
    seed=st.integers(0, 2**32 - 1),
    depth=st.integers(1, 9),
    decimals=st.sampled_from([0, 1, 16]),
    model=st.sampled_from(sorted(FORESTS)),
    scaled=st.booleans(),
)
def test_trees_of_any_data_agree_at_every_threshold(check, seed, depth, decimals, model, scaled):
    random = np.random.default_rng(seed)
    rows = np.round(random.normal(size=(60, 3)) * 10.0 ** random.integers(-3, 4, 3), decimals)
    label = random.integers(0, 3, 60)
    tree = FORESTS[model]
    sizes = {"max_depth": depth, **({"n_estimators": 5} if hasattr(tree, "n_estimators") else {})}
    fresh = type(tree)(**{**tree.get_params(), **sizes, "random_state": 0})
    fitted = make_pipeline(StandardScaler() if scaled else FunctionTransformer(), fresh).fit(
        rows, label
    )
    check(fitted, {"input": rows})


KEPT = {
    "unknown estimator": (AdaBoostClassifier(n_estimators=2), "AdaBoostClassifier has no"),
    "unknown step": (
        make_pipeline(PolynomialFeatures(), LogisticRegression(max_iter=5000)),
        "PolynomialFeatures has no",
    ),
    "own start": (
        GradientBoostingClassifier(init=LogisticRegression(), n_estimators=2),
        "starts from an estimator of its own",
    ),
    "other probabilities": (SGDClassifier(loss="modified_huber"), "loss modified_huber"),
    "also transforms": (LinearDiscriminantAnalysis(), "what its transform gives is not known"),
}


@pytest.mark.parametrize(("model", "why"), KEPT.values(), ids=KEPT.keys())
def test_what_is_not_known_serves_as_stored_and_is_named(model, why):
    original = make(model.fit(ROWS, TWO), Path("model.skops"))
    chosen, record = choose(original)
    assert chosen is original
    assert why in record.why


def test_a_class_of_a_stranger_is_not_taken_for_what_it_is_derived_from():
    class Contrary(LogisticRegression):
        def predict(self, rows):
            return 1 - super().predict(rows)

    original = make(Contrary(max_iter=500).fit(ROWS, TWO), Path("model.skops"))
    assert "Contrary has no compiled form" in choose(original)[1].why


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["linear", "boosting"])
def test_what_the_original_refuses_is_refused(value, name):
    model = LogisticRegression(max_iter=500) if name == "linear" else FORESTS["boosting"]
    original = make(make_pipeline(StandardScaler(), model).fit(ROWS, TWO), Path("model.skops"))
    chosen, record = choose(original)
    assert record.compiled
    rows = ROWS.copy()
    rows[3, 2] = value
    for form in (original, chosen):
        with pytest.raises(BadTensorError):
            form.run({"input": rows})


def test_no_rows_give_no_rows():
    for model in (LogisticRegression(max_iter=500), FORESTS["forest"]):
        chosen, record = choose(make(model.fit(ROWS, LABELS["text"]), Path("model.skops")))
        assert record.compiled
        found = chosen.run({"input": np.empty((0, 6))}, ("predict", "predict_proba"))
        assert {name: array.shape for name, array in found.items()} == {
            "predict": (0, 1),
            "predict_proba": (0, 3),
        }
