"""RFC 9457 problem details: how everything that is no foreign protocol reports an error."""

from typing import Any

import msgspec

MEDIA_TYPE = "application/problem+json"
_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code"})

__all__ = ["MEDIA_TYPE", "Problem", "decode", "encode"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One problem (RFC 9457 section 3.1), with our stable ``code`` beside the members.

    Attributes:
        title: What kind of problem, the same for every occurrence.
        status: The HTTP status.
        detail: This occurrence: what, why and the next command.
        code: Our stable error code, "invalid-input" for example.
        type: A URI for the kind of problem.
        instance: A URI for this occurrence.
        extensions: Further members, flat on the wire.
    """

    title: str
    status: int
    detail: str = ""
    code: str = ""
    type: str = "about:blank"
    instance: str = ""
    extensions: dict[str, Any] = {}


def encode(problem: Problem) -> bytes:
    """Write a problem as JSON; members that are empty are left out.

    Examples:
        >>> encode(Problem(title="Not Found", status=404, code="not-found"))
        b'{"type":"about:blank","title":"Not Found","status":404,"code":"not-found"}'
    """
    members: dict[str, Any] = {
        **problem.extensions,
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
    }
    for name in ("detail", "code", "instance"):
        if value := getattr(problem, name):
            members[name] = value
    return msgspec.json.encode(
        members | {k: v for k, v in problem.extensions.items() if k not in _MEMBERS}
    )


def decode(body: bytes) -> Problem:
    """Read a problem; unknown members become extensions.

    Raises:
        msgspec.DecodeError: The body is not a JSON object with fitting members.
    """
    members = msgspec.json.decode(body, type=dict[str, Any])
    known = {name: value for name, value in members.items() if name in _MEMBERS}
    rest = {name: value for name, value in members.items() if name not in _MEMBERS}
    defaults = {"title": "", "status": 0}
    return msgspec.convert({**defaults, **known, "extensions": rest}, Problem)
