"""A twin of an Open Inference server, of either kind.

Without a folder it loads from a registry and divides traffic, as ours does. With a folder it reads
`<folder>/<model>/<version>/model-settings.json` and knows no extension but load and unload, as
MLServer does.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.wire import open_inference as oip

__all__ = ["InferenceServer", "Scores"]

Floats = npt.NDArray[np.float64]
Scores = Callable[[Floats], Floats]


class InferenceServer:
    """Models by version.

    Args:
        find: given model and version, what scores its rows; LookupError where there is none.
        folder: the model repository; None makes a server that loads from a registry.

    Attributes:
        loaded: models and versions that can be called.
        traffic: by model, the weights of its versions.
        roles: the parameter `role` of each request, in order.
        binary: whether each request came as raw bytes, in order.
    """

    def __init__(self, find: Callable[[str, str], Scores], folder: Path | None = None) -> None:
        self._find, self._folder = find, folder
        self.loaded: dict[tuple[str, str], Scores] = {}
        self.traffic: dict[str, dict[str, float]] = {}
        self.roles: list[Any] = []
        self.binary: list[bool] = []

    def routes(self) -> Sequence[BaseRoute]:
        """Return the paths that it answers."""
        versioned, repository = "/v2/models/{model}/versions/{version}", "/v2/repository/models"
        own = [
            Route("/v2/models/{model}/traffic", self._put_traffic, methods=["PUT"]),
        ]
        return [
            Route("/v2", self._metadata),
            Route(f"{versioned}/ready", self._ready),
            Route(f"{versioned}/infer", self._infer, methods=["POST"]),
            Route(repository + "/{model}/load", self._load, methods=["POST"]),
            Route(repository + "/{model}/unload", self._unload, methods=["POST"]),
            *(own if self._folder is None else []),
        ]

    def forget(self) -> None:
        """Lose everything in memory, as a restart does."""
        self.loaded.clear()
        self.traffic.clear()

    def _metadata(self, _: Request) -> Response:
        own = ["dovetail_load_uri", "dovetail_traffic"] if self._folder is None else []
        return JSONResponse({"name": "twin", "version": "1", "extensions": own})

    def _ready(self, request: Request) -> Response:
        key = request.path_params["model"], request.path_params["version"]
        return JSONResponse({}) if key in self.loaded else _absent(*key)

    async def _infer(self, request: Request) -> Response:
        key = request.path_params["model"], request.path_params["version"]
        if key not in self.loaded:
            return _absent(*key)
        length = request.headers.get(oip.HEADER_LENGTH)
        asked = oip.decode_request(await request.body(), int(length) if length else None)
        self.roles.append((asked.parameters or {}).get("role"))
        self.binary.append(length is not None)
        rows = np.asarray(oip.to_array(asked.inputs[0]), dtype=np.float64)
        scores = self.loaded[key](rows)
        output = oip.from_array("predict", scores.reshape(len(rows), -1), datatype="FP64")
        answer = oip.InferenceResponse(model_name=key[0], model_version=key[1], outputs=(output,))
        return Response(oip.encode_response(answer)[0], media_type="application/json")

    async def _load(self, request: Request) -> Response:
        model = request.path_params["model"]
        if self._folder is not None:
            return self._read_folder(model)
        uri = (json.loads(await request.body() or b"{}").get("parameters") or {}).get("uri", "")
        version = uri.rpartition("/")[2]
        try:
            self.loaded[model, version] = self._find(model, version)
        except LookupError:
            return _absent(model, version)
        self.traffic.setdefault(model, {version: 1.0})
        return JSONResponse({})

    def _read_folder(self, model: str) -> Response:
        settings = sorted((self._folder or Path()).glob(f"{model}/*/model-settings.json"))
        versions = [json.loads(p.read_text())["parameters"]["version"] for p in settings]
        if not versions:
            return _absent(model, "any")
        for version in versions:
            self.loaded[model, version] = self._find(model, version)
        for key in [k for k in self.loaded if k[0] == model and k[1] not in versions]:
            del self.loaded[key]
        return JSONResponse({})

    async def _unload(self, request: Request) -> Response:
        model = request.path_params["model"]
        version = (json.loads(await request.body() or b"{}").get("parameters") or {}).get("version")
        gone = [key for key in self.loaded if key[0] == model and version in (None, key[1])]
        if not gone:
            return _absent(model, str(version))
        for key in gone:
            del self.loaded[key]
            self.traffic.get(model, {}).pop(key[1], None)
        return JSONResponse({})

    async def _put_traffic(self, request: Request) -> Response:
        model, weights = request.path_params["model"], (await request.json())["weights"]
        for version in weights:
            if (model, version) not in self.loaded:
                return _absent(model, version)
        self.traffic[model] = {version: float(weight) for version, weight in weights.items()}
        return JSONResponse({"weights": weights})


def _absent(model: str, version: str) -> Response:
    return JSONResponse({"error": f"model {model}, version {version} is not there"}, 404)
