"""Serving over the Open Inference Protocol: ours beside MLServer, in one run, with the floors.

Four models on 30 columns. Ours serves each in its compiled form and as it is stored; MLServer runs
with its default of one worker process and with none, which is its faster way for one client. The
floors are a raw ASGI application on uvicorn and grpc.aio with messages as bytes.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.harness import (
    Connection,
    Figure,
    Server,
    at_rest,
    measure,
    measure_together,
    server,
)
from benchmarks.serving import subjects
from benchmarks.serving.models import COLUMNS, write_models, write_small
from benchmarks.serving.subjects import SUBJECTS, Subject, serving

PIECE = "serving"
SMALL = 200
SETTLE = 4.0  # seconds after which what only the start needs has gone
Work = Callable[[int], object]


def rows(count: int) -> np.ndarray:
    """The rows that are asked."""
    return np.random.default_rng(count).normal(size=(count, COLUMNS)).astype(np.float32)


def head(count: int, **more: object) -> dict[str, object]:
    """One input tensor without its data."""
    return {"name": "input", "shape": [count, COLUMNS], "datatype": "FP32", **more}


def json_question(connection: Connection, model: str, count: int) -> Work:
    """An inference of some rows as JSON."""
    tensor = head(count, data=rows(count).ravel().tolist())
    body = json.dumps({"inputs": [tensor]}).encode()
    return lambda _: connection.send("POST", f"/v2/models/{model}/infer", body)


def binary_question(connection: Connection, model: str, count: int) -> Work:
    """An inference of some rows as raw bytes, both ways, as Triton's client sends it."""
    raw = rows(count).tobytes()
    asked = {
        "inputs": [head(count, parameters={"binary_data_size": len(raw)})],
        "parameters": {"binary_data_output": True},
    }
    start = json.dumps(asked).encode()
    headers = {"Inference-Header-Content-Length": str(len(start))}
    return lambda _: connection.send(
        "POST", f"/v2/models/{model}/infer", start + raw, "application/octet-stream", headers
    )


def grpc_question(port: int, model: str, count: int) -> Work:
    """An inference of some rows as raw contents over gRPC."""
    import grpc
    from tritonclient.grpc import service_pb2  # type: ignore[import-untyped]

    asked = service_pb2.ModelInferRequest(model_name=model)
    asked.inputs.add(name="input", datatype="FP32", shape=[count, COLUMNS])
    asked.raw_input_contents.append(rows(count).tobytes())
    body = asked.SerializeToString()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    return lambda _: call(body, timeout=60)


def questions(subject: Subject, target: Server, grpc_port: int) -> None:
    """Measure every kind of request."""
    name = subject.name
    connection = target.connect()
    if "rest" in subject.protocols:
        for model in subject.models:
            work = json_question(connection, model, 1)
            measure(PIECE, f"{model}: 1 row, JSON", name, target, work, 2000)
        what = "lr: 1 row, JSON, 16 clients"
        measure_together(PIECE, what, name, target, lambda c: json_question(c, "lr", 1), 16)
        work = json_question(connection, "lr", 1024)
        measure(PIECE, "lr: 1,024 rows, JSON", name, target, work, 50)
        if subject.kind != "mlserver":  # it refuses binary tensors over REST
            work = binary_question(connection, "lr", 1024)
            measure(PIECE, "lr: 1,024 rows, binary", name, target, work, 500)
    if "grpc" in subject.protocols:
        work = grpc_question(grpc_port, "lr", 1)
        measure(PIECE, "lr: 1 row, gRPC raw", name, target, work, 2000)
        work = grpc_question(grpc_port, "lr", 1024)
        measure(PIECE, "lr: 1,024 rows, gRPC raw", name, target, work, 200)


def start_again(subject: Subject, folder: Path, models: dict[str, Path]) -> None:
    """Measure a start on the state of an earlier one, whose compiled forms are kept."""
    with serving(subject, folder, models) as (target, _):
        what = "start again to ready, four models"
        Figure(PIECE, what, subject.name, target.started, "s").emit()


def load_many(subject: Subject, folder: Path, model: Path) -> None:
    """Measure loading many small models through the API, one after the other."""
    place = write_small(folder / "small", model, SMALL)
    port = subjects.free_port()
    if subject.kind == "mlserver":
        command = subjects.mlserver(place, port)
    else:
        flags = ("--repository", str(place), "--trust", str(place))
        command = subjects.dovetail(folder, port, *flags)
    with server(command, "/v2/health/ready", folder) as target:
        connection = target.connect()
        names = [f"m{number}" for number in range(SMALL)]
        for name in names:
            connection.send("POST", f"/v2/repository/models/{name}/unload", b"{}")
        spent, end, loaded = target.cpu_seconds(), time.monotonic() + 60, 0
        for name in names:
            connection.send("POST", f"/v2/repository/models/{name}/load", b"{}")
            loaded += 1
            if time.monotonic() > end:
                break
        each = (target.cpu_seconds() - spent) / loaded
    what = f"load a small model through the API, {SMALL} of them"
    Figure(PIECE, what, subject.name, each * 1000, "ms of server CPU").emit()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="name of a subject; may be repeated")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        models = write_models(Path(made))
        for subject in SUBJECTS:
            if chosen.only and subject.name not in chosen.only:
                continue
            if missing := subject.missing():
                print(f"serving: without {subject.name}: {missing}", file=sys.stderr)
                continue
            print(f"serving: {subject.name}", file=sys.stderr)
            with tempfile.TemporaryDirectory() as place:
                with serving(subject, Path(place), models) as (target, grpc_port):
                    time.sleep(SETTLE)
                    at_rest(PIECE, subject.name, target)
                    questions(subject, target, grpc_port)
                if subject.kind == "dovetail":
                    start_again(subject, Path(place), models)
                if subject.name in ("dovetail", "mlserver, no workers"):
                    load_many(subject, Path(place), models["lr"])


if __name__ == "__main__":
    main()
