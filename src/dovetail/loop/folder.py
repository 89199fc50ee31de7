"""Versions on an inference server that reads a model repository folder, such as MLServer.

The loop writes the version's native model file and its settings into the folder and says "load"
by the repository extension. Such a server does not divide traffic, so the caller asks `route`
which version to call by its path.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt

from dovetail.base.artifacts import LocalStore
from dovetail.base.errors import InvalidInputError
from dovetail.loop.errors import UnsupportedServerError
from dovetail.loop.joints import Joints
from dovetail.loop.scoring import Scorer
from dovetail.wire import mlflow
from dovetail.wire.http import NotFound, WireError
from dovetail.wire.mlflow import endpoints

__all__ = ["FolderDeployer"]

SETTINGS = "model-settings.json"
BOOSTERS = (".lgb", ".bst", ".lightgbm")
NAME = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)


class FolderDeployer:
    """For servers with a model repository folder.

    Args:
        joints: the registry to read from and the server to tell.
        model: the registered model, and its name on the server.
        repository: the server's model repository folder.
        weights: the split in force, from the loop's store.

    Raises:
        InvalidInputError: the model's name cannot name a folder.
    """

    def __init__(
        self, joints: Joints, model: str, repository: Path, weights: Mapping[str, float]
    ) -> None:
        self._registry, self._serving, self._model = joints.registry, joints.serving, model
        self._scorer = Scorer(joints.serving, model, binary=False)
        self._store = LocalStore(repository / _checked(model))
        self._weights = dict(weights)

    def load(self, version: str) -> None:
        """Write the version into the folder and tell the server.

        Raises:
            UnsupportedServerError: the version has no model file that the server can read.
        """
        folder = _checked(version)
        if self._serving.is_model_ready(self._model, version):
            return
        self._write(folder)
        try:
            self._serving.load(self._model)
        except WireError:
            self._remove(folder)  # left there it would spoil every later load of the model
            raise

    def _write(self, version: str) -> None:
        source = _artifacts(self._registry, self._model, version)
        names = [Path(entry.path).name for entry in self._registry.list_artifacts(source)]
        booster = next((n for n in names if n.endswith(BOOSTERS) or n == "model.txt"), None)
        if booster is None:
            raise UnsupportedServerError(
                f"version {version} of {self._model} has no LightGBM booster",
                why=f"its artifacts are {', '.join(names) or 'none'}",
                fix="serve it with Dovetail, or log the model with MLflow's lightgbm flavour",
            )
        self._store.put(f"{version}/model.bst", self._registry.iter_artifact(f"{source}/{booster}"))
        settings = {
            "name": self._model,
            "implementation": "mlserver_lightgbm.LightGBMModel",
            "parameters": {"uri": "./model.bst", "version": version},
        }
        self._store.put(f"{version}/{SETTINGS}", [json.dumps(settings, indent=2).encode()])

    def unload(self, version: str) -> None:
        """Remove the version from the folder and let the server read it again."""
        self._remove(_checked(version))
        if not self._serving.is_model_ready(self._model, version):
            return
        try:
            self._serving.load(self._model)
        except NotFound:  # the folder holds no other version
            self._serving.unload(self._model)

    def _remove(self, version: str) -> None:
        self._store.delete(f"{version}/{SETTINGS}")  # first: without it the server sees nothing
        self._store.delete(version)

    def split(self, weights: Mapping[str, float]) -> None:
        """Keep the split for `route`; the loop's store makes it last."""
        self._weights = dict(weights)

    def route(self, request_id: str) -> str | None:
        """Choose a version by the hash of the request's id; None before the first split."""
        digest = hashlib.sha256(f"{self._model}\0{request_id}".encode()).digest()
        point = int.from_bytes(digest[:8]) / 2**64 * sum(self._weights.values())
        chosen = None
        for chosen in sorted(self._weights):
            point -= self._weights[chosen]
            if point < 0:
                break
        return chosen

    def score(self, version: str, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Ask one version, outside live traffic."""
        return self._scorer.score(version, inputs)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} cannot name a folder of a model repository",
            why="only letters, digits, '_', '.' and '-' are allowed, and no '.' or '-' at first",
        )
    return name


def _artifacts(registry: mlflow.Client, model: str, version: str) -> str:
    """Return where a version's files lie behind the registry's artifact proxy.

    Raises:
        BadAnswer: they are not behind it.
    """
    uri = registry.get_download_uri(model, version)
    parts = urlsplit(uri)
    path = unquote(parts.path).strip("/")
    if parts.scheme == "models" and path.startswith("m-"):
        found = registry.call(endpoints.GET_LOGGED_MODEL, mlflow.GetLoggedModel(path))
        uri = found.model.info.artifact_uri or uri
    elif parts.scheme == "runs":
        run, _, below = path.partition("/")
        root = registry.get_run(run).info.artifact_uri or ""
        uri = f"{root.rstrip('/')}/{below}"
    return mlflow.proxy_path(uri)
