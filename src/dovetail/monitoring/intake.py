"""From CloudEvents to what the store keeps, all rules of the event types in one place.

The types are KServe's payload log and our outcomes. Other types are let through untouched,
because a broker sends everything it has; a broken event of a known type is refused with its
position and reason.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from dovetail.monitoring.bodies import body_of
from dovetail.monitoring.errors import EventInvalidError
from dovetail.monitoring.tensors import Features, read_answers, read_features
from dovetail.wire import cloudevents
from dovetail.wire.cloudevents import Event
from dovetail.wire.monitoring import OUTCOME, REQUEST, RESPONSE

ROLES = ("live", "shadow")
_DAY_MS = 86_400_000


class Inference(msgspec.Struct, frozen=True, gc=False):
    """What one event says of one inference; request and response complete each other.

    Attributes:
        model: The model's name.
        role: "live" or "shadow".
        request_id: What outcomes will name.
        time_ms: When it happened; what the request says rules over what the response says.
        rows: Predictions in the response, None on a request.
        asked_rows: Rows of features in the request, None on a response.
        version: Who answered, None on a request.
        scores: One float64 a prediction, None on a request.
        shares: Probabilities of the classes, float64 row by row; None for other models.
        names: The classes answered by name, a JSON list; None for other models.
        features: The inputs, None on a response and where the request has none as JSON.
    """

    model: str
    role: str
    request_id: str
    time_ms: int
    rows: int | None = None
    asked_rows: int | None = None
    version: str | None = None
    scores: bytes | None = None
    features: Features | None = None
    shares: bytes | None = None
    names: bytes | None = None


class Outcomes(msgspec.Struct, frozen=True, gc=False):
    """What came true for some rows of one request.

    Attributes:
        model: The model's name.
        request_id: Which request.
        time_ms: When it was stated.
        rows: Row numbers, int32 each.
        values: Numbers, float64 each; NaN for the name of a class.
        texts: The names as a JSON list, null for numbers; None where there are only numbers.
    """

    model: str
    request_id: str
    time_ms: int
    rows: bytes
    values: bytes
    texts: bytes | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
    """One event, ready to be stored.

    Attributes:
        key: Identifies what the event says, so that a second delivery changes nothing: the two
            sides of an inference by request, model and role; outcomes by the event's own id.
        inference: What it says of an inference, None where it says nothing of one.
        outcomes: What it says of outcomes, one a request.
    """

    key: str
    inference: Inference | None = None
    outcomes: list[Outcomes] = []

    @classmethod
    def of(cls, said: Inference) -> "Item":
        """What an event says of an inference."""
        side = "asked" if said.asked_rows is not None else "answered"
        return cls(f"{side}\0{said.request_id}\0{said.model}\0{said.role}", said)


class _Outcome(msgspec.Struct):
    request_id: str
    value: float | bool | str
    row: int = 0


class _OutcomeData(msgspec.Struct):
    model: str
    outcomes: list[_Outcome] = []
    request_ids: list[str] = []
    rows: list[int] | None = None
    values: list[float | bool | str] = []


def decode(headers: Mapping[str, str], body: bytes) -> list[Event]:
    """Read the events of a call, in any mode; the data of a single one stays bytes.

    KServe's logger says application/json also where raw tensors follow the JSON, so the media type
    of a binary-mode event decides nothing here.

    Raises:
        EventInvalidError: The call carries no CloudEvent.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    if not lowered.get("content-type", "").lower().startswith("application/cloudevents"):
        lowered["content-type"] = "application/octet-stream"
    try:
        return cloudevents.decode(lowered, body)
    except (ValueError, RecursionError) as error:
        raise EventInvalidError(
            "this is no CloudEvent", why=str(error), fix="nothing of this call was stored"
        ) from error


def read(events: Iterable[Event], now_ms: int) -> list[Item]:
    """Read events of the known types, and of roles that are watched.

    Args:
        events: As they came, in any order.
        now_ms: The time of events that state none.

    Raises:
        EventInvalidError: One is broken; it names which.
    """
    readers: dict[str, Callable[[Event, int], Item | None]] = {
        REQUEST: _request,
        RESPONSE: _response,
        OUTCOME: _outcome,
    }
    items = []
    for position, event in enumerate(events):
        reader = readers.get(event.type)
        if reader is None:
            continue
        try:
            item = reader(event, now_ms)
            if item is None:
                continue
            _refuse_odd_names(item)
            items.append(item)
        except EventInvalidError as error:
            raise EventInvalidError(
                f"event {position} ({event.type}, id '{event.id}'): {error.what}",
                why=error.why,
                fix=error.fix or "nothing of this call was stored; correct the event and resend",
            ) from None
    return items


def _refuse_odd_names(item: Item) -> None:
    """PostgreSQL keeps no NUL in text, so no store of ours takes one."""
    said = item.inference
    names = [said.model, said.request_id, said.version or ""] if said else []
    names += [part for o in item.outcomes for part in (o.model, o.request_id)]
    if any("\0" in name for name in names):
        raise EventInvalidError("a name holds a NUL character")


def _key(event: Event, model: str) -> str:
    parts = "\0".join([event.source, event.type, event.id, model])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _request(event: Event, now_ms: int) -> Item | None:
    body = body_of(event)
    model = _attribute(event, "inferenceservicename")
    if not model:
        raise EventInvalidError(
            "the request does not say which model", fix="set the attribute inferenceservicename"
        )
    parameters = body.get("parameters") or {}
    role = _role(event, parameters)
    if role is None:
        return None
    said = parameters.get("event_time")
    features = read_features(body)
    inference = Inference(
        model=model,
        role=role,
        request_id=event.id,
        time_ms=_milliseconds(said) if said is not None else _event_time(event, now_ms),
        asked_rows=features.rows if features else 0,
        features=features,
    )
    return Item.of(inference)


def _response(event: Event, now_ms: int) -> Item | None:
    body = body_of(event)
    model = _attribute(event, "inferenceservicename") or str(body.get("model_name") or "")
    if not model:
        raise EventInvalidError(
            "the response does not say which model", fix="set the attribute inferenceservicename"
        )
    role = _role(event, body.get("parameters") or {})
    if role is None:
        return None
    answers = read_answers(body)
    scores, shares = answers.scores, answers.shares
    version = body.get("model_version") or _attribute(event, "modelversion")
    inference = Inference(
        model=model,
        role=role,
        request_id=event.id,
        time_ms=_event_time(event, now_ms),
        rows=len(scores),
        version=str(version or ""),
        scores=scores.astype("<f8").tobytes(),
        shares=None if shares is None else shares.astype("<f8").tobytes(),
        names=None if answers.names is None else msgspec.json.encode(answers.names),
    )
    return Item.of(inference)


def _outcome(event: Event, now_ms: int) -> Item:
    try:
        data = msgspec.convert(body_of(event), _OutcomeData, strict=False)
    except msgspec.ValidationError as error:
        raise EventInvalidError("the outcomes are not valid", why=str(error)) from error
    ids = [o.request_id for o in data.outcomes] + data.request_ids
    rows = data.rows if data.rows is not None else [0] * len(data.request_ids)
    rows = [o.row for o in data.outcomes] + rows
    said = [o.value for o in data.outcomes] + data.values
    if not data.model:
        raise EventInvalidError("the outcomes do not say which model")
    if not len(ids) == len(rows) == len(said):
        raise EventInvalidError("request_ids, rows and values differ in length")
    if any(not 0 <= row < 2**31 for row in rows):
        raise EventInvalidError("a row number is negative or too large")
    values, texts = _told(said)
    time_ms = _event_time(event, now_ms)
    grouped: dict[str, list[int]] = {}
    for position, request_id in enumerate(ids):
        grouped.setdefault(request_id, []).append(position)
    found = [
        Outcomes(
            model=data.model,
            request_id=request_id,
            time_ms=time_ms,
            rows=np.array([rows[i] for i in at], dtype="<i4").tobytes(),
            values=np.array([values[i] for i in at], dtype="<f8").tobytes(),
            texts=_listed([texts[i] for i in at]),
        )
        for request_id, at in grouped.items()
    ]
    return Item(_key(event, data.model), outcomes=found)


def _told(said: list[float | bool | str]) -> tuple[list[float], list[str | None]]:
    """Outcomes as numbers, and as names where they are none; a number in quotes is a number."""
    values: list[float] = []
    texts: list[str | None] = []
    for one in said:
        text = None
        try:
            value = float(one)
        except ValueError:
            value, text = 0.0, str(one)
        if not math.isfinite(value):
            raise EventInvalidError("an outcome is not a finite number")
        values.append(value if text is None else math.nan)
        texts.append(text)
    if any(text is not None and "\0" in text for text in texts):
        raise EventInvalidError("an outcome holds a NUL character")
    return values, texts


def _listed(texts: list[str | None]) -> bytes | None:
    return msgspec.json.encode(texts) if any(text is not None for text in texts) else None


def _attribute(event: Event, name: str) -> str | None:
    value = event.extensions.get(name)
    return None if value in (None, "") else str(value)


def _role(event: Event, parameters: dict[str, Any]) -> str | None:
    """The role, None where it is none that is watched, such as a test's."""
    role = _attribute(event, "inferencerole") or parameters.get("role") or "live"
    return str(role) if role in ROLES else None


def _event_time(event: Event, now_ms: int) -> int:
    return now_ms if event.time is None else int(event.time.timestamp() * 1000)


def _milliseconds(said: Any) -> int:
    """Milliseconds of an RFC 3339 time; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(said)
    except (TypeError, ValueError) as error:
        raise EventInvalidError(
            f"'{said}' is not a time", fix="write it like 2013-04-01T06:00:00Z"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def day_of(time_ms: int) -> str:
    """The UTC day of a time, as 2013-04-01."""
    return _day(time_ms // _DAY_MS)


@lru_cache(maxsize=1024)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * _DAY_MS / 1000, UTC).date().isoformat()
