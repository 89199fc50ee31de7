"""A question to a model and its reply, whatever the transport.

REST and gRPC each read a `Question` and write a `Reply`; everything between them (which version
answers, when and where it runs, who is told) knows only these two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from dovetail.base.ids import new_id
from dovetail.serving.errors import BadRequestError
from dovetail.serving.model import Model
from dovetail.serving.parameters import with_parameters
from dovetail.serving.tensors import Array

__all__ = [
    "LIVE",
    "ROLES",
    "Follow",
    "Question",
    "Reply",
    "Told",
    "given",
    "new_name",
    "time_given",
    "told_of",
]

ROLES = ("live", "shadow", "test")
_ENVOY = b"x-envoy-expected-rq-timeout-ms"


class Told(NamedTuple):
    """What a request says of itself for the log."""

    time: datetime | None
    role: str


LIVE = Told(None, "live")


@dataclass(slots=True)
class Question:
    """One inference request.

    Attributes:
        model: the model's name.
        version: the version that the caller asks for; empty leaves it to the traffic.
        tensors: the inputs by name.
        wanted: names of the outputs to give; empty for those that the model gives by default.
        id: the caller's name for the request; made here where something needs one.
        parameters: of the request as a whole.
        headers: of HTTP, or the metadata of gRPC; names in lower case.
        told: what it says of itself for the log.
        body: the request as JSON, where it came so.
        seconds: how long the caller waits, where the transport knows (gRPC's deadline).
        follow: who is told how it went; left there by the rule that chose the version.
    """

    model: str
    version: str
    tensors: Mapping[str, Array]
    wanted: tuple[str, ...] = ()
    id: str | None = None
    parameters: Mapping[str, Any] | None = None
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    told: Told = LIVE
    body: bytes | None = None
    seconds: float | None = None
    follow: "Follow | None" = None


@dataclass(slots=True)
class Reply:
    """What a model answered.

    Attributes:
        model: the version that answered.
        outputs: the tensors by name.
        body: the answer as JSON, where it was written so.
        error: code of the error where there was no answer; for the log.
    """

    model: Model
    outputs: Mapping[str, Array]
    body: bytes | None = None
    error: str = ""


class Follow(Protocol):
    """Who is told how a routed question went; both must return at once."""

    def answered(self, question: Question, reply: Reply, ns: int) -> None:
        """Take in an answer, and how many nanoseconds it took."""

    def failed(self, question: Question, model: Model, error: Exception, ns: int) -> None:
        """Take in that a version failed."""


def given(question: Question, model: Model) -> Mapping[str, Array]:
    """Return what a model is given: the tensors, and the parameters that it has a use for."""
    if model.parameters and question.parameters:
        return with_parameters(question.tensors, model.parameters, question.parameters)
    return question.tensors


def new_name(question: Question) -> str:
    """Return an id for a question that has none; as KServe's logger, an event's id becomes it."""
    return question.headers.get(b"ce-id", b"").decode("latin-1") or new_id()


def told_of(parameters: Mapping[str, Any] | None) -> Told:
    """Return when a request says that it happened, and whether it counts as live.

    Args:
        parameters: of the request.

    Raises:
        BadRequestError: `event_time` is not RFC 3339 with a time zone, or `role` is unknown.
    """
    if not parameters:
        return LIVE
    role = parameters.get("role", "live")
    if role not in ROLES:
        raise BadRequestError(f"role {role!r} is not known", fix=f"one of {', '.join(ROLES)}")
    text = parameters.get("event_time")
    if text is None:
        return Told(None, role)
    try:
        when = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise BadRequestError(f"event_time {text!r} is not RFC 3339") from error
    if when.tzinfo is None:
        raise BadRequestError(f"event_time {text!r} has no time zone")
    return Told(when, role)


def time_given(question: Question) -> float | None:
    """Return the seconds that the caller waits for an answer; None where nothing says so.

    The shortest counts of: the transport's own deadline, Triton's parameter `timeout` in
    microseconds, and the header in which Envoy, and so Istio, says how long it waits.

    Raises:
        BadRequestError: `timeout` is not a whole number of microseconds.
    """
    found = [] if question.seconds is None else [question.seconds]
    timeout = (question.parameters or {}).get("timeout")
    if timeout is not None:
        if type(timeout) is not int or timeout < 0:
            raise BadRequestError(
                f"the parameter timeout is {timeout!r}", fix="send whole microseconds"
            )
        if timeout:  # 0 is Triton's word for none
            found.append(timeout * 1e-6)
    envoy = question.headers.get(_ENVOY)
    if envoy is not None and envoy.isdigit() and int(envoy):
        found.append(int(envoy) * 1e-3)
    return min(found, default=None)
