"""How a version gets onto an inference server, and how live traffic is split.

Two kinds of servers, one seam. A server that loads from a registry and splits traffic itself, as
ours does, is told to. Any other Open Inference server with a model repository folder, such as
MLServer, is served by `folder`: the loop writes the folder, the caller splits by version path.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dovetail.loop.errors import UnsupportedServerError
from dovetail.loop.folder import FolderDeployer
from dovetail.loop.joints import Joints
from dovetail.loop.scoring import Scorer

__all__ = ["Deployer", "RegistryDeployer", "make_deployer"]

LOAD_URI = "dovetail_load_uri"
TRAFFIC = "dovetail_traffic"


class Deployer(Protocol):
    """What the loop asks of the serving side; every order may be given twice."""

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


class RegistryDeployer:
    """For servers that load `models:/name/version` and split traffic themselves.

    Args:
        joints: the server to tell.
        model: the registered model, and its name on the server.
    """

    def __init__(self, joints: Joints, model: str) -> None:
        self._serving, self._model = joints.serving, model
        self._scorer = Scorer(joints.serving, model, binary=True)

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

    def score(self, version: str, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Ask one version, outside live traffic."""
        return self._scorer.score(version, inputs)


def make_deployer(
    joints: Joints, model: str, repository: str, weights: Mapping[str, float]
) -> Deployer:
    """Return the deployer that fits the server behind the serving joint.

    Args:
        joints: the registry and the server.
        model: the registered model.
        repository: the server's model repository folder, for servers that need it; else empty.
        weights: the split in force, from the loop's store.

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
