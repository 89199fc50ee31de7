"""Serving: one LightGBM model over the Open Inference Protocol, ours and MLServer.

100 trees on 30 columns. Ours serves the model compiled to ONNX; MLServer calls LightGBM, with no
extra workers, which is its faster way for one client (requirements/mlserver.in).
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.harness import BIN, Connection, Server, at_rest, measure, server

COLUMNS = 30
INFER = "/v2/models/bench/infer"
PEER = Path(os.environ.get("MLSERVER_VENV", ".venv-mlserver")).resolve()


def make_models(folder: Path) -> None:
    """Train the model and write it as an MLflow model and as a folder of MLServer."""
    import lightgbm
    import mlflow.lightgbm

    random = np.random.default_rng(0)
    features = random.normal(size=(4000, COLUMNS))
    labels = features[:, 0] * features[:, 1] + random.normal(size=4000) > 0
    options = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 0}
    model = lightgbm.train(options, lightgbm.Dataset(features, labels), num_boost_round=100)
    mlflow.lightgbm.save_model(model, str(folder / "mlflow"))
    peer = folder / "mlserver"
    peer.mkdir()
    model.save_model(str(peer / "model.bst"))
    settings = {
        "name": "bench",
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": "./model.bst"},
    }
    (peer / "model-settings.json").write_text(json.dumps(settings))
    server_settings = {"parallel_workers": 0, "grpc_port": 0, "metrics_port": 0}
    (peer / "settings.json").write_text(json.dumps(server_settings))


def commands(folder: Path) -> dict[str, list[str]]:
    """How each subject is started."""
    ours = [str(BIN / "dovetail"), "serving", "run", f"bench={folder / 'mlflow'}"]
    peer = [
        "env",
        "MLSERVER_HOST=127.0.0.1",
        "MLSERVER_HTTP_PORT={port}",
        str(PEER / "bin/mlserver"),
        "start",
    ]
    return {
        "dovetail": [*ours, "--port", "{port}", "--state", "state"],
        "mlserver": [*peer, str(folder / "mlserver")],
    }


def question(connection: Connection, rows: int) -> Callable[[int], object]:
    """An inference of some rows as JSON."""
    tensor = np.random.default_rng(rows).normal(size=(rows, COLUMNS))
    name = connection.call("GET", "/v2/models/bench").get("inputs", [{"name": "input"}])
    body = json.dumps(
        {
            "inputs": [
                {
                    "name": name[0]["name"] if name else "input",
                    "shape": [rows, COLUMNS],
                    "datatype": "FP64",
                    "data": tensor.ravel().tolist(),
                }
            ]
        }
    ).encode()
    return lambda _: connection.send("POST", INFER, body)


def drive(subject: str, target: Server) -> None:
    """Print every figure of one server."""
    at_rest("serving", subject, target)
    connection = target.connect()
    for rows, times in ((1, 300), (32, 100), (1024, 20)):
        work = question(connection, rows)
        measure(
            "serving", f"infer {rows:,} row{'s' * (rows > 1)}, JSON", subject, target, work, times
        )


def main() -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        make_models(Path(folder))
        for subject, command in commands(Path(folder)).items():
            print(f"serving: {subject}", file=sys.stderr)
            with server(command, "/v2/models/bench/ready", Path(folder)) as target:
                drive(subject, target)


if __name__ == "__main__":
    main()
