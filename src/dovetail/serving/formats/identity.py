"""A model that answers what it was asked: for trying a client and for measuring transport alone.

It is a file named `*.identity`; what the file holds does not matter.
"""

from collections.abc import Mapping
from pathlib import Path

from dovetail.serving.signature import AnySignature
from dovetail.serving.tensors import Array, TensorSpec

__all__ = ["Identity", "compiles", "load", "matches"]


class Identity:
    """Answers each tensor under its own name."""

    platform = "dovetail_identity"
    signature = AnySignature()
    outputs = (TensorSpec("input", "BYTES", (-1,)),)

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Return the inputs."""
        return dict(inputs)


def matches(path: Path) -> bool:
    """Whether the file's name says so."""
    return path.suffix == ".identity"


def compiles(path: Path) -> bool:
    """Whether it may have a compiled form: never."""
    del path
    return False


def load(path: Path, *, trusted: bool = False) -> Identity:
    """Return the model; the file is not read."""
    del path, trusted
    return Identity()
