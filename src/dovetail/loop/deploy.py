"""How a version gets onto an inference server, and how live traffic is split.

Two kinds of servers, one seam. A server that loads from a registry and splits traffic itself, as
ours does, is told to. Any other Open Inference server with a model repository folder, such as
MLServer, gets the version's native model file and its settings written into that folder and is
told to load by the repository extension; the split is then made by the caller, by version path.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dovetail.base.artifacts import LocalStore
from dovetail.base.errors import InvalidInputError
from dovetail.loop.errors import UnsupportedServerError
from dovetail.loop.joints import Joints
from dovetail.wire import mlflow
from dovetail.wire.open_inference import (
    InferenceRequest,
    InferenceResponse,
    from_array,
    to_array,
)

__all__ = ["Deployer", "FolderDeployer", "RegistryDeployer", "make_deployer", "positive_scores"]

LOAD_URI = "dovetail_load_uri"
TRAFFIC = "dovetail_traffic"
ROWS = 4096


class Deployer(Protocol):
    """What the loop asks of the serving side."""

    def load(self, version: str) -> None:
        """Make a version callable beside the others; loaded already is fine."""

    def unload(self, version: str) -> None:
        """Take a version away; absent is fine."""

    def split(self, weights: Mapping[str, float]) -> None:
        """Divide live traffic by version, in percent."""

    def route(self, request_id: str) -> str | None:
        """Return the version that must be asked for a live request; None: the server decides."""

    def score(self, version: str, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return a version's probability of the positive class, outside live traffic."""


def positive_scores(answer: InferenceResponse, rows: int) -> npt.NDArray[np.float64]:
    """Return the probability of the positive class from the first output of an answer.

    Args:
        answer: output of shape [rows], [rows, 1] or [rows, 2], whose last column is taken.
        rows: how many are expected.

    Raises:
        InvalidInputError: the output has another shape.
    """
    values = np.asarray(to_array(answer.outputs[0]), dtype=np.float64)
    table = values.reshape(rows, -1) if values.size % max(rows, 1) == 0 else values
    if table.ndim != 2 or table.shape[1] not in (1, 2):
        raise InvalidInputError(
            f"{answer.model_name} answered shape {values.shape} for {rows} rows",
            why="a binary classifier gives one or two numbers a row",
        )
    return table[:, -1]


class _Scoring:
    def __init__(self, joints: Joints, model: str) -> None:
        self._serving, self._model = joints.serving, model

    def score(self, version: str, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Score in slices, marked so that monitoring does not take them for traffic."""
        parts = []
        for start in range(0, len(inputs), ROWS):
            rows = inputs[start : start + ROWS]
            tensor = from_array("input", rows, datatype="FP32", binary=self._binary)
            request = InferenceRequest(inputs=(tensor,), parameters={"role": "test"})
            answer = self._serving.infer(self._model, request, version=version)
            parts.append(positive_scores(answer, len(rows)))
        return np.concatenate(parts) if parts else np.empty(0)

    _binary = True


class RegistryDeployer(_Scoring):
    """For servers that load `models:/name/version` and split traffic themselves."""

    def load(self, version: str) -> None:
        """Tell the server to load from the registry."""
        if not self._serving.is_model_ready(self._model, version):
            self._serving.load(self._model, uri=f"models:/{self._model}/{version}")

    def unload(self, version: str) -> None:
        """Tell the server to unload one version."""
        if self._serving.is_model_ready(self._model, version):
            self._serving.unload(self._model, version=version)

    def split(self, weights: Mapping[str, float]) -> None:
        """Tell the server how to divide traffic."""
        self._serving.put_traffic(self._model, weights)

    def route(self, request_id: str) -> str | None:
        """Leave it to the server."""
        return None


class FolderDeployer(_Scoring):
    """For servers with a model repository folder, such as MLServer.

    Args:
        joints: the registry to read from and the server to tell.
        model: the model's name.
        repository: the server's model repository folder.
        weights: the split in force, from the loop's store.
    """

    _binary = False

    def __init__(
        self, joints: Joints, model: str, repository: Path, weights: Mapping[str, float]
    ) -> None:
        super().__init__(joints, model)
        if not re.fullmatch(r"[\w.-]+", model) or model.startswith("."):
            raise InvalidInputError(f"model name {model!r} cannot name a folder")
        self._registry, self._folder = joints.registry, repository / model
        self._weights = dict(weights)

    def load(self, version: str) -> None:
        """Write the version into the repository folder and tell the server."""
        if self._serving.is_model_ready(self._model, version):
            return
        self._write(version)
        self._serving.load(self._model)

    def _write(self, version: str) -> None:
        uri = self._registry.get_download_uri(self._model, version)
        source = mlflow.proxy_path(uri)
        names = [Path(entry.path).name for entry in self._registry.list_artifacts(source)]
        booster = next((name for name in names if name.endswith((".lgb", ".txt.lgb"))), None)
        if booster is None:
            raise UnsupportedServerError(
                f"version {version} of {self._model} has no LightGBM booster",
                why=f"its artifacts are {', '.join(names)}",
                fix="serve it with Dovetail, or log the model with the lightgbm flavour",
            )
        store = LocalStore(self._folder / version)
        store.put("model.bst", self._registry.iter_artifact(f"{source}/{booster}"))
        settings = {
            "name": self._model,
            "implementation": "mlserver_lightgbm.LightGBMModel",
            "parameters": {"uri": "./model.bst", "version": version},
        }
        store.put("model-settings.json", [json.dumps(settings, indent=2).encode()])

    def unload(self, version: str) -> None:
        """Remove the version from the folder and let the server read it again."""
        if (self._folder / version).exists():
            LocalStore(self._folder).delete(version)
            self._serving.load(self._model)

    def split(self, weights: Mapping[str, float]) -> None:
        """Keep the split for `route`; the loop's store makes it last."""
        self._weights = dict(weights)

    def route(self, request_id: str) -> str | None:
        """Choose a version by the hash of the request's id."""
        total = sum(self._weights.values())
        digest = hashlib.sha256(request_id.encode()).digest()
        point = int.from_bytes(digest[:8]) / 2**64 * total
        for version in sorted(self._weights):
            point -= self._weights[version]
            if point < 0:
                return version
        return None


def make_deployer(
    joints: Joints, model: str, repository: str, weights: Mapping[str, float]
) -> Deployer:
    """Return the deployer that fits the server behind the serving joint.

    Raises:
        UnsupportedServerError: it neither loads from a registry nor is its folder known.
    """
    server = joints.serving.server_metadata()
    if {LOAD_URI, TRAFFIC} <= set(server.extensions):
        return RegistryDeployer(joints, model)
    if repository:
        return FolderDeployer(joints, model, Path(repository), weights)
    raise UnsupportedServerError(
        f"{server.name} {server.version} cannot load a version from a registry",
        fix="name its model repository folder with [loop] repository",
    )
