from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import RunningApp, run_piece

FEATURES = 4


@pytest.fixture(scope="session")
def table() -> tuple[np.ndarray, np.ndarray]:
    """Rows with missing values and a categorical third column, and a label."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(600, FEATURES))
    rows[:, 2] = random.integers(0, 20, 600)
    rows[random.random(rows.shape) < 0.05] = np.nan
    return rows, (np.nan_to_num(rows[:, 0] + rows[:, 1] * (rows[:, 2] % 5)) > 0).astype(int)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory, table: tuple) -> Path:
    """A small binary classifier in LightGBM's text format."""
    import lightgbm

    rows, label = table
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_leaves": 7, "num_threads": 1},
        lightgbm.Dataset(rows, label, categorical_feature=[2]),
        8,
    )
    file = tmp_path_factory.mktemp("model") / "late.txt"
    booster.save_model(str(file))
    return file


@pytest.fixture(scope="session")
def other_file(tmp_path_factory: pytest.TempPathFactory, table: tuple) -> Path:
    """A second version with other answers."""
    import lightgbm

    rows, label = table
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_leaves": 3, "num_threads": 1},
        lightgbm.Dataset(rows, 1 - label),
        3,
    )
    file = tmp_path_factory.mktemp("other") / "late.txt"
    booster.save_model(str(file))
    return file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_file: Path) -> Iterator[RunningApp]:
    """A server with the classifier as `late` and an identity model as `echo`."""
    state = tmp_path_factory.mktemp("state")
    echo = state / "echo.identity"
    echo.touch()
    settings = ServingSettings(
        models=(f"late={model_file}", f"echo={echo}"), folders=(str(model_file.parent.parent),)
    )
    with run_piece(piece, settings, state=state) as running:
        wait_ready(running.url)
        yield running


def wait_ready(url: str) -> None:
    """Wait until a server says that its models are loaded."""
    import time

    import httpx

    for _ in range(400):
        if httpx.get(f"{url}/v2/health/ready").status_code == 200:
            return
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")
