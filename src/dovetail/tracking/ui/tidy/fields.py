"""The fields of the forms of tidying: from the address or a form to what the use cases take."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from dovetail.base.errors import InvalidInputError
from dovetail.tracking.routes.protocol import read_body
from dovetail.wire.retention import Rule
from dovetail.wire.tidy import TidyRequest

__all__ = ["Fields", "form_of", "request_of", "rule_of", "tidy_fields"]

Fields = Mapping[str, str]
T = TypeVar("T")
NAMES = ("experiments", "runs", "models", "within")
NUMBERS = ("keep_newest", "keep_days", "grace_days", "thin_after_days", "thin_to")


async def form_of(request: Request) -> Fields:
    """Return the fields that a form sent."""
    body = await read_body(request.receive)
    return dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8"))


def request_of(fields: Fields) -> TidyRequest:
    """Return what a form asks to plan.

    Raises:
        InvalidInputError: a field is not understood.
    """
    days = fields.get("grace_days", "").strip()
    given: dict[str, Any] = {name: _words(fields.get(name, "")) for name in NAMES}
    given["grace_days"] = _number(days) if days else None
    given["orphans"] = fields.get("orphans", "find")
    return _made(given, TidyRequest)


def tidy_fields(request: TidyRequest) -> dict[str, str]:
    """Return a request as the fields of a form."""
    fields = {name: " ".join(getattr(request, name)) for name in NAMES}
    fields["grace_days"] = "" if request.grace_days is None else f"{request.grace_days:g}"
    return {**fields, "orphans": request.orphans}


def rule_of(fields: Fields) -> Rule:
    """Return the rule that a form describes.

    Raises:
        InvalidInputError: a field is not understood.
    """
    given: dict[str, Any] = {}
    for name in NUMBERS:
        if text := fields.get(name, "").strip():
            given[name] = _number(text)
    given["keep_tagged"] = _words(fields.get("keep_tagged", ""))
    if metric := fields.get("best_metric", "").strip():
        count = _number(fields.get("best_count", "").strip() or "1")
        direction = fields.get("best_direction", "max")
        given["keep_best"] = [{"metric": metric, "count": count, "direction": direction}]
    return _made(given, Rule)


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _number(text: str) -> float | int:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is not a number") from error


def _made(given: Mapping[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise InvalidInputError("a field is not understood", why=str(error)) from error
