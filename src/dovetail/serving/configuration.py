"""Triton's model configuration of a version, as far as it has a meaning here.

The field names are those of Triton's `ModelConfig` message, so the same values go as JSON over
HTTP and, read by protobuf's own JSON format, over gRPC.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from dovetail.serving.model import Model
from dovetail.serving.tensors import TensorSpec

__all__ = ["configuration"]


def configuration(model: Model, versions: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of a version.

    Args:
        model: the version.
        versions: all versions of the model that are loaded. Triton knows only numbers; where a
            version is none, the policy says only that all are served.
    """
    numbers = [int(version) for version in versions if version.isdecimal()]
    policy = {"specific": {"versions": numbers}} if len(numbers) == len(versions) else {"all": {}}
    platform = model.predictor.platform
    return {
        "name": model.name,
        "platform": platform,
        "backend": platform.partition("_")[0],
        "version_policy": policy,
        # 0: the first axis is written in the shapes themselves, and any size of it is taken.
        "max_batch_size": 0,
        "input": [_tensor(spec) for spec in model.predictor.signature.inputs],
        "output": [_tensor(spec) for spec in model.predictor.outputs],
        "instance_group": [{"name": f"{model.name}_0", "kind": "KIND_CPU", "count": 1}],
        "parameters": {
            key: {"string_value": "" if value is None else str(value)}
            for key, value in msgspec.structs.asdict(model.compilation).items()
        },
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    datatype = "STRING" if spec.datatype == "BYTES" else spec.datatype
    return {"name": spec.name, "data_type": f"TYPE_{datatype}", "dims": list(spec.shape)}
