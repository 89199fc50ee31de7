"""Which version answers an unversioned request.

The choice is a function of the request's id and the weights alone, so a repeated request meets the
same version on every replica and after every restart. Versions take their shares in order, so when
a canary grows, requests that it already answers stay with it.
"""

import re
from collections.abc import Collection, Mapping
from hashlib import blake2b

from dovetail.base.errors import InvalidInputError
from dovetail.serving.errors import UnknownModelError

__all__ = ["Weights", "check_weights", "choose_version", "newest"]

Weights = Mapping[str, float]
_SCALE = float(1 << 64)


def check_weights(model: str, weights: Weights, loaded: Collection[str]) -> dict[str, float]:
    """Return the positive weights.

    Args:
        model: the model's name, for messages.
        weights: version to weight; only ratios count.
        loaded: the versions that can answer.

    Raises:
        UnknownModelError: a version is not loaded.
        InvalidInputError: a weight is negative or not a number, or all are zero.
    """
    for version, weight in weights.items():
        if version not in loaded:
            raise UnknownModelError(model, version, tuple(sorted(loaded, key=_order)))
        if not 0 <= weight < float("inf"):
            raise InvalidInputError(
                f"the weight of version {version!r} is {weight}", fix="give a number from 0 up"
            )
    positive = {v: float(weights[v]) for v in sorted(weights, key=_order) if weights[v] > 0}
    if not positive:
        raise InvalidInputError(
            f"no version of {model!r} would get any traffic", fix="give one a weight over 0"
        )
    return positive


def choose_version(model: str, request_id: str, weights: Weights) -> str:
    """Return the version that answers a request.

    Args:
        model: the model's name; one request may meet the canary of one model and not of another.
        request_id: the request's id.
        weights: from `check_weights`.
    """
    digest = blake2b(f"{model}\0{request_id}".encode(), digest_size=8).digest()
    point = int.from_bytes(digest) / _SCALE * sum(weights.values())
    version = ""
    for version, weight in weights.items():
        point -= weight
        if point < 0:
            return version
    return version


def newest(versions: Collection[str]) -> str:
    """Return the highest version, counting numbers as numbers: 10 after 9, and v10 after v9."""
    return max(versions, key=_order)


def _order(version: str) -> tuple[bool, list[tuple[int, str]], str]:
    parts = re.split("([0-9]+)", version)
    natural = [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)]
    return version.isdecimal(), natural, version
