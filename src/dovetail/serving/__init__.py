"""Serving: models behind the Open Inference Protocol.

`Model` answers in this process; `piece` is the server. A new model format goes into `formats`,
whose docstring says how.
"""

from dovetail.serving.compile import Compilation
from dovetail.serving.errors import (
    BadModelError,
    BadRequestError,
    BadTensorError,
    InferenceFailedError,
    NotConvertibleError,
    NotReadyError,
    UnknownModelError,
    UntrustedModelError,
)
from dovetail.serving.formats import FORMATS
from dovetail.serving.model import Model
from dovetail.serving.settings import ServingSettings
from dovetail.serving.signature import AnySignature, MatrixSignature, NamedSignature
from dovetail.serving.table import Column, TableSignature
from dovetail.serving.tensors import TensorSpec
from dovetail.serving.trust import Trust

__all__ = [
    "FORMATS",
    "AnySignature",
    "BadModelError",
    "BadRequestError",
    "BadTensorError",
    "Column",
    "Compilation",
    "InferenceFailedError",
    "MatrixSignature",
    "Model",
    "NamedSignature",
    "NotConvertibleError",
    "NotReadyError",
    "ServingSettings",
    "TableSignature",
    "TensorSpec",
    "Trust",
    "UnknownModelError",
    "UntrustedModelError",
]
