import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dovetail.app.demo.dataset import Year
from dovetail.app.demo.mlmodel import model_files
from dovetail.app.demo.recipe import PARAMETERS

COLUMNS = ("hour", "delay", "wind")
RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def inputs(year: Year) -> npt.NDArray[np.float32]:
    rows = RNG.normal(size=(2_000, 3)).astype(np.float32)
    rows[::7, 1] = np.nan
    return rows


def fit(inputs: npt.NDArray[np.float32], **changes: Any) -> Any:
    import lightgbm

    labels = (np.nan_to_num(inputs[:, 1], nan=1.0) + inputs[:, 0] > 0.3).astype(np.int8)
    data = lightgbm.Dataset(inputs, labels, feature_name=list(COLUMNS))
    return lightgbm.train({**PARAMETERS, **changes}, data, 20)


def test_training_twice_gives_the_same_model(inputs: npt.NDArray[np.float32]) -> None:
    assert fit(inputs).model_to_string() == fit(inputs).model_to_string()


def test_the_number_of_threads_does_not_change_the_trees(inputs: npt.NDArray[np.float32]) -> None:
    trees = [fit(inputs, num_threads=n).model_to_string().split("parameters:")[0] for n in (1, 2)]
    assert trees[0] == trees[1]


def test_the_stored_model_is_text_and_answers_as_before(inputs: npt.NDArray[np.float32]) -> None:
    import lightgbm

    booster = fit(inputs)
    files = model_files(booster, COLUMNS, inputs, run_id="0" * 32)
    again = lightgbm.Booster(model_str=files["model.lgb"].decode())
    np.testing.assert_array_equal(again.predict(inputs), booster.predict(inputs))


@pytest.mark.compat
@pytest.mark.filterwarnings("ignore")
def test_mlflow_loads_the_folder_with_its_signature_and_example(
    inputs: npt.NDArray[np.float32], tmp_path: Path
) -> None:
    if importlib.util.find_spec("mlflow") is None:
        pytest.skip("mlflow is not installed")
    import mlflow.pyfunc
    import pandas as pd

    booster = fit(inputs)
    for name, content in model_files(booster, COLUMNS, inputs, run_id="0" * 32).items():
        (tmp_path / name).write_bytes(content)
    model = mlflow.pyfunc.load_model(str(tmp_path))
    frame = pd.DataFrame(inputs, columns=list(COLUMNS))
    np.testing.assert_array_equal(model.predict(frame), booster.predict(inputs))
    assert model.metadata.run_id == "0" * 32
    assert model.metadata.get_input_schema().input_names() == list(COLUMNS)
    example = model.metadata.load_input_example(str(tmp_path))
    pd.testing.assert_frame_equal(example, frame[:5])
