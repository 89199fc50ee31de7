"""An MLflow model folder of a LightGBM booster, written without the `mlflow` package.

The layout is MLflow's own (its MLmodel file, format of `mlflow.lightgbm`), so that the real
client loads it with `mlflow.pyfunc.load_model`. The booster is stored as text, which cannot
execute code.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["model_files"]

EXAMPLE_ROWS = 5


def model_files(
    booster: Any, columns: Sequence[str], example: npt.NDArray[np.float32], *, run_id: str
) -> Mapping[str, bytes]:
    """Return the files of the folder by name.

    Args:
        booster: a `lightgbm.Booster` of a binary classifier.
        columns: names of its inputs.
        example: some inputs, float32, shape [rows, inputs].
        run_id: the run that made it.
    """
    import lightgbm

    inputs = [{"type": "float", "name": name, "required": True} for name in columns]
    outputs = [
        {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}},
    ]
    rows = [[None if v != v else float(v) for v in row] for row in example[:EXAMPLE_ROWS]]
    split = {"columns": list(columns), "data": rows}
    requirements = [f"lightgbm=={lightgbm.__version__}", f"numpy=={np.__version__}"]
    description = {
        "artifact_path": "model",
        "run_id": run_id,
        "flavors": {
            "lightgbm": {
                "code": None,
                "data": "model.lgb",
                "lgb_version": lightgbm.__version__,
                "model_class": "lightgbm.basic.Booster",
            },
            "python_function": {
                "data": "model.lgb",
                "env": {"virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.lightgbm",
                "python_version": "3.11",
            },
        },
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "type": "dataframe",
        },
    }
    environment = {"python": "3.11", "dependencies": ["-r requirements.txt"]}
    # JSON is YAML, so the two files that MLflow reads as YAML need no YAML writer.
    return {
        "MLmodel": json.dumps(description, indent=2).encode(),
        "model.lgb": booster.model_to_string().encode(),
        "input_example.json": json.dumps(split).encode(),
        "requirements.txt": "".join(f"{line}\n" for line in requirements).encode(),
        "python_env.yaml": json.dumps(environment).encode(),
    }
