"""The errors of serving.

    InvalidInputError
    |- BadTensorError          bad-tensor            a tensor does not fit the model's signature
    |- BadRequestError         bad-request           the request is not Open Inference
    `- BadModelError           bad-model             the model's files cannot be loaded
    NotFoundError
    `- UnknownModelError       unknown-model         no such model or version here
    UnavailableError
    `- NotReadyError           not-ready             known, but not loaded now
    UntrustedError
    `- UntrustedModelError     untrusted             loading it could execute code
    DovetailError
    |- NotConvertibleError     not-convertible       the model has no faster form (it serves as is)
    `- InferenceFailedError    inference-failed      the model itself failed on a valid request

`routes` answers each of them as `{"error": "..."}`, the shape of the Open Inference Protocol.
"""

from dovetail.base.errors import (
    DovetailError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    UntrustedError,
)

__all__ = [
    "BadModelError",
    "BadRequestError",
    "BadTensorError",
    "InferenceFailedError",
    "NotConvertibleError",
    "NotReadyError",
    "UnknownModelError",
    "UntrustedModelError",
]


class BadTensorError(InvalidInputError):
    """A tensor of a request does not fit the model."""

    code = "bad-tensor"


class BadRequestError(InvalidInputError):
    """A request is not what the Open Inference Protocol says."""

    code = "bad-request"


class BadModelError(InvalidInputError):
    """The files of a model cannot be loaded.

    Args:
        path: the file or folder, as the operator knows it.
        why: what is wrong with it.
        fix: what to do.
    """

    code = "bad-model"

    def __init__(self, path: object, why: str, *, fix: str = "") -> None:
        super().__init__(f"model {str(path)!r} cannot be loaded", why=why, fix=fix)


class UntrustedModelError(UntrustedError):
    """Loading a model could execute code, and it does not come from a trusted source.

    Args:
        path: the file or folder.
        why: what in it could execute code.
        instead: a form of it that needs no trust.
    """

    def __init__(self, path: object, why: str, *, instead: str) -> None:
        super().__init__(
            f"model {str(path)!r} is not loaded",
            why=why,
            fix=f"{instead}; or, if you trust where it comes from, start the server with --trust"
            " and that folder, file or models:/NAME",
        )


class UnknownModelError(NotFoundError):
    """No model, or no version of it, has this name here.

    Args:
        name: the model.
        version: the version; empty when the model itself is unknown.
        known: the versions that are there.
        unloaded: whether it was there and could be loaded again.
    """

    code = "unknown-model"

    def __init__(
        self, name: str, version: str = "", known: tuple[str, ...] = (), *, unloaded: bool = False
    ) -> None:
        if unloaded:
            what = f"model {name!r}{f' version {version!r}' if version else ''} is unloaded"
            super().__init__(what, fix=f"POST /v2/repository/models/{name}/load loads it again")
        elif version:
            what = f"model {name!r} has no version {version!r}"
            super().__init__(what, fix=f"loaded: {', '.join(known)}" if known else "")
        else:
            super().__init__(
                f"model {name!r} is not known",
                fix="POST /v2/repository/index lists the models",
            )


class NotReadyError(UnavailableError):
    """The model is known but not loaded now.

    Args:
        name: the model.
        why: why it does not serve.
    """

    code = "not-ready"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"model {name!r} is not ready",
            why=why,
            fix=f"POST /v2/repository/models/{name}/load loads it",
        )


class NotConvertibleError(DovetailError):
    """A model has no equivalent in a faster form."""

    code = "not-convertible"


class InferenceFailedError(DovetailError):
    """A model failed on a request that fits its signature."""

    code = "inference-failed"
