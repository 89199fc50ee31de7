"""The models that are served: four kinds on scikit-learn's breast-cancer set (569 x 30)."""

import json
import shutil
from pathlib import Path
from typing import Any

__all__ = ["COLUMNS", "KINDS", "write_for_mlserver", "write_models", "write_small"]

COLUMNS = 30
KINDS = ("lr", "rf", "xgb", "lgb")
FILES = {"lr": "lr.joblib", "rf": "rf.joblib", "xgb": "xgb.json", "lgb": "lgb.txt"}
_RUNTIMES = {
    "lr": "mlserver_sklearn.SKLearnModel",
    "rf": "mlserver_sklearn.SKLearnModel",
    "xgb": "mlserver_xgboost.XGBoostModel",
    "lgb": "mlserver_lightgbm.LightGBMModel",
}


def write_models(folder: Path) -> dict[str, Path]:
    """Train a scaled logistic regression, a forest of 200, and two boosters of 200 trees."""
    import joblib  # type: ignore[import-untyped]
    import lightgbm
    import xgboost
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, labels = load_breast_cancer(return_X_y=True)
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    joblib.dump(regression.fit(rows, labels), folder / FILES["lr"])
    forest = RandomForestClassifier(200, random_state=0, n_jobs=1)
    joblib.dump(forest.fit(rows, labels), folder / FILES["rf"])
    boosted = xgboost.XGBClassifier(n_estimators=200, max_depth=6, n_jobs=1)
    boosted.fit(rows, labels).save_model(folder / FILES["xgb"])
    data = lightgbm.Dataset(rows, labels)
    options = {"objective": "binary", "num_leaves": 31, "num_threads": 1, "verbose": -1}
    lightgbm.train(options, data, 200).save_model(str(folder / FILES["lgb"]))
    return {kind: folder / FILES[kind] for kind in KINDS}


def write_for_mlserver(folder: Path, models: dict[str, Path], workers: int) -> Path:
    """Lay models out as MLServer reads them, with so many worker processes."""
    for kind, file in models.items():
        place = folder / kind
        place.mkdir(parents=True)
        _write(
            place / "model-settings.json",
            {
                "name": kind,
                "implementation": _RUNTIMES[kind],
                "parameters": {"uri": str(file), "version": "1"},
            },
        )
    settings = {"parallel_workers": workers, "metrics_port": 0, "grpc_max_message_length": 1 << 28}
    _write(folder / "settings.json", settings)
    return folder


def write_small(folder: Path, file: Path, count: int) -> Path:
    """Lay many copies of one scikit-learn model out as MLServer reads them; ours reads them too."""
    for number in range(count):
        place = folder / f"m{number}"
        place.mkdir(parents=True)
        shutil.copy(file, place)
        _write(
            place / "model-settings.json",
            {
                "name": f"m{number}",
                "implementation": _RUNTIMES["lr"],
                "parameters": {"uri": f"./{file.name}", "version": "1"},
            },
        )
    _write(folder / "settings.json", {"parallel_workers": 0, "metrics_port": 0})
    return folder


def _write(file: Path, document: dict[str, Any]) -> None:
    file.write_text(json.dumps(document))
