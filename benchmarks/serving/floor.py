"""The least that a server costs: a body parsed, one product, an answer written, nothing checked.

`python -m benchmarks.serving.floor http PORT` is a raw ASGI application on uvicorn;
`... grpc PORT` is grpc.aio with messages as bytes, ready over HTTP on the port after it.
"""

import asyncio
import http.server
import sys
import threading
from typing import Any

import numpy as np
import orjson

WEIGHTS = np.linspace(-1.0, 1.0, 30)


def answer(body: bytes, length: int | None = None) -> bytes:
    """Answer one inference request.

    Args:
        body: of the request.
        length: of its JSON part, where raw tensors follow.
    """
    if length is not None:
        return answer_raw(body, length)
    tensor = orjson.loads(body)["inputs"][0]
    rows = np.array(tensor["data"]).reshape(tensor["shape"])
    labels = (rows @ WEIGHTS > 0).astype(np.int64)
    output = {"name": "predict", "shape": [len(rows), 1], "datatype": "INT64", "data": labels}
    found = {"model_name": "lr", "model_version": "1", "outputs": [output]}
    return orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)


def answer_raw(body: bytes, length: int) -> bytes:
    """Answer one inference request with raw tensors, both ways."""
    (tensor,) = orjson.loads(body[:length])["inputs"]
    rows = np.frombuffer(body, np.float32, offset=length).reshape(tensor["shape"])
    labels = (rows @ WEIGHTS > 0).astype(np.int64).tobytes()
    output = {"name": "predict", "shape": [len(rows), 1], "datatype": "INT64",
              "parameters": {"binary_data_size": len(labels)}}  # fmt: skip
    return orjson.dumps({"model_name": "lr", "model_version": "1", "outputs": [output]}) + labels


async def app(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application, without routes."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = b"{}"
    if scope["method"] == "POST":
        message = await receive()
        parts = [message["body"]]
        while message.get("more_body"):
            message = await receive()
            parts.append(message["body"])
        split = dict(scope["headers"]).get(b"inference-header-content-length")
        body = answer(b"".join(parts), None if split is None else int(split))
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


async def serve_grpc(port: int) -> None:
    """Answer ModelInfer with one label, whatever is asked."""
    import grpc

    # model_name, model_version, one output `predict` INT64 [1, 1], its eight bytes
    reply = b"\x0a\x02lr\x12\x011\x2a\x13\x0a\x07predict\x12\x05INT64\x1a\x02\x01\x01\x32\x08" + (
        b"\x01\0\0\0\0\0\0\0"
    )

    async def infer(request: bytes, context: object) -> bytes:
        rows = np.frombuffer(request[-120:], np.float32)
        float(rows @ WEIGHTS)
        return reply

    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(infer)
    handler = grpc.method_handlers_generic_handler(
        "inference.GRPCInferenceService", {"ModelInfer": method}
    )
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def main(kind: str, port: int, ready: int) -> None:
    """Serve until killed."""
    if kind == "http":
        import uvicorn

        uvicorn.run(app, host="127.0.0.1", port=ready, loop="uvloop", http="httptools",
                    access_log=False, log_level="error")  # fmt: skip
        return
    probe = http.server.ThreadingHTTPServer(("127.0.0.1", ready), _Ready)
    threading.Thread(target=probe.serve_forever, daemon=True).start()
    asyncio.run(serve_grpc(port))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
