"""The errors of serving.

    InvalidInputError
    |- BadTensorError          bad-tensor            a tensor does not fit the model's signature
    |- BadRequestError         bad-request           the request is not Open Inference
    `- BadModelError           bad-model             the model's files cannot be loaded
    NotFoundError
    `- UnknownModelError       unknown-model         no such model or version here
    UnavailableError
    |- NotReadyError           not-ready             known, but not loaded now
    |- OverloadedError         overloaded            too many requests wait; says when to come again
    `- StuckError              stuck                 every call of the model hangs
    UntrustedError
    `- UntrustedModelError     untrusted             loading it could execute code
    base.TimedOutError
    `- TimedOutError           inference-timed-out   the answer would have come too late
    DovetailError
    |- NotConvertibleError     not-convertible       the model has no faster form (it serves as is)
    `- InferenceFailedError    inference-failed      the model itself failed on a valid request

`routes` answers each of them as `{"error": "..."}`, the shape of the Open Inference Protocol.
"""

import difflib
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from dovetail.base.errors import (
    DovetailError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    UntrustedError,
)
from dovetail.base.errors import TimedOutError as BaseTimedOutError

__all__ = [
    "BadModelError",
    "BadRequestError",
    "BadTensorError",
    "InferenceFailedError",
    "NotConvertibleError",
    "NotReadyError",
    "OverloadedError",
    "StuckError",
    "TimedOutError",
    "UnknownModelError",
    "UntrustedModelError",
    "did_you_mean",
    "rename",
]

_MOST_COMPARED = 500


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question that names what someone may have meant; empty where nothing is near.

    Args:
        name: what they wrote.
        known: what there is; only the first 500 are looked at, since strangers may ask.

    Example:
        >>> did_you_mean("flihgts", ["flights", "taxis"])
        "did you mean 'flights'?"
    """
    near = difflib.get_close_matches(name[:200], list(islice(known, _MOST_COMPARED)), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def rename(error: DovetailError, kept: Path, uri: str) -> None:
    """Name a model in an error by where it came from, not by the copy that the server keeps.

    Args:
        error: changed in place.
        kept: the folder of the copy.
        uri: what the operator knows.
    """
    copy = re.compile(re.escape(str(kept)) + r"[^'\s]*")
    place = uri.removeprefix("file://")

    def named(text: str) -> str:
        return copy.sub(lambda _: place, text)

    error.what, error.why, error.fix = named(error.what), named(error.why), named(error.fix)
    error.args = tuple(named(arg) if isinstance(arg, str) else arg for arg in error.args)


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
        names: the models that are there.
    """

    code = "unknown-model"

    def __init__(
        self,
        name: str,
        version: str = "",
        known: tuple[str, ...] = (),
        *,
        unloaded: bool = False,
        names: Iterable[str] = (),
    ) -> None:
        self.unloaded = unloaded
        if unloaded:
            what = f"model {name!r}{f' version {version!r}' if version else ''} is unloaded"
            super().__init__(what, fix=f"POST /v2/repository/models/{name}/load loads it again")
        elif version:
            what = f"model {name!r} has no version {version!r}"
            super().__init__(what, fix=f"loaded: {', '.join(known)}" if known else "")
        else:
            super().__init__(
                f"model {name!r} is not known",
                why=did_you_mean(name, names),
                fix="POST /v2/repository/index lists the models",
            )


class NotReadyError(UnavailableError):
    """The model is known but not loaded now.

    Args:
        name: the model.
        why: why it does not serve.
        fix: what to do; by default to load it.
    """

    code = "not-ready"

    def __init__(self, name: str, why: str, *, fix: str = "") -> None:
        super().__init__(
            f"model {name!r} is not ready",
            why=why,
            fix=fix or f"POST /v2/repository/models/{name}/load loads it",
        )


class OverloadedError(UnavailableError):
    """More requests wait for the model than its queue takes.

    Args:
        name: the model.
        waiting: how many wait.
        retry_after: seconds after which there should be room, by what its calls took.
    """

    code = "overloaded"

    def __init__(self, name: str, waiting: int, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"model {name!r} is overloaded",
            why=f"{waiting} requests wait for it",
            fix=f"try again in {retry_after} s",
        )


class StuckError(UnavailableError):
    """Every call of a model that may run has not come back for long.

    Args:
        name: the model.
        seconds: for how long.
    """

    code = "stuck"

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(
            f"model {name!r} is stuck",
            why=f"none of its calls has come back for {seconds:.0f} s",
            fix=f"POST /v2/repository/models/{name}/load opens it anew",
        )


class TimedOutError(BaseTimedOutError):
    """A request's time was over before its answer was there.

    Args:
        name: the model.
        seconds: how long the request was here.
        was_waiting: whether it was still in the queue, and so was not run.
    """

    code = "inference-timed-out"

    def __init__(self, name: str, seconds: float, *, was_waiting: bool) -> None:
        where = "it waited in the queue and was not run" if was_waiting else "the model still runs"
        super().__init__(
            f"model {name!r} did not answer in time", why=f"after {seconds:.3g} s {where}"
        )


class NotConvertibleError(DovetailError):
    """A model has no equivalent in a faster form."""

    code = "not-convertible"


class InferenceFailedError(DovetailError):
    """A model failed on a request that fits its signature."""

    code = "inference-failed"
