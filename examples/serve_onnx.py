"""Serve an ONNX model and ask it, over the Open Inference Protocol.

The server is what `dovetail serving run prices.onnx` starts; here it runs in this process. Any
client of the protocol can ask it: KServe's, Triton's, MLServer's, curl.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

from dovetail.base import telemetry
from dovetail.serving import ServingSettings
from dovetail.serving.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire import open_inference as oip


def save_model(path: Path) -> None:
    """A linear model: price = 3 * rooms + 0.5 * floor + 10."""
    weights = numpy_helper.from_array(np.array([[3.0], [0.5]], np.float32), "weights")
    base = numpy_helper.from_array(np.array([10.0], np.float32), "base")
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["flat", "weights", "base"], ["price"])],
        "prices",
        [helper.make_tensor_value_info("flat", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("price", TensorProto.FLOAT, [None, 1])],
        initializer=[weights, base],
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    checker.check_model(model)
    save(model, path)


telemetry.configure_logs("warning")
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "prices.onnx"
    save_model(file)
    settings = ServingSettings(models=(str(file),))
    with run_piece(piece, settings, state=Path(folder)) as server, oip.Client(server.url) as client:
        while not client.is_ready():
            time.sleep(0.05)
        print(
            "inputs:",
            [(t.name, t.datatype, t.shape) for t in client.model_metadata("prices").inputs],
        )
        flats = np.array([[2, 4], [5, 1]], np.float32)
        answer = client.infer(
            "prices", oip.InferenceRequest(inputs=[oip.from_array("flat", flats)])
        )
        prices = oip.to_array(answer.outputs[0])
        print("prices:", prices.ravel().tolist())
        assert prices.ravel().tolist() == [18.0, 25.5]
