"""Reads a Feast registry file; nothing of it is executed, not even code that it holds as bytes."""

from typing import Any

from dovetail.features.importing.found import (
    FoundRepository,
    FoundService,
    FoundSource,
    FoundView,
    file_kind,
)
from dovetail.wire.feast_registry import (
    FILE_SOURCE,
    PUSH_SOURCE,
    Fields,
    InvalidRegistry,
    fields_of,
    text_of,
)

__all__ = ["read_registry"]

PORT = "write it as an expression or compute it in the model's own code"
_DUMMY = "__dummy"
_LEFT_OUT = {
    11: ("saved dataset", "build it again with dovetail features join"),
    13: ("validation reference", "make a reference profile in monitoring"),
    19: ("label view", "labels belong to the data piece"),
    16: ("permission", "give tokens with dovetail token"),
}


def read_registry(data: bytes, read_from: str) -> FoundRepository:
    """Read a registry file.

    Args:
        data: The file.
        read_from: What to call it.

    Raises:
        InvalidRegistry: It is no registry.
    """
    registry, found = fields_of(data), FoundRepository(read_from=read_from)
    if not registry.keys() & {1, 6, 12, 17}:
        raise InvalidRegistry("it defines no entity, no source and no view")
    entities = _entities(registry)
    for spec in _specs(registry, 6):
        found.views.append(_view(spec, entities, found, stream=spec.get(9)))
    _lose_the_rest(registry, found)
    services = [_service(spec, found) for spec in _specs(registry, 7)]
    found.services += [service for service in services if service is not None]
    return found


def _lose_the_rest(registry: Fields, found: FoundRepository) -> None:
    """Note what a registry can hold and definitions of ours cannot."""
    for spec in _specs(registry, 14):
        found.lose(f"stream view {text_of(spec, 1)!r}", PORT, _code(spec, 13))
    for spec in _specs(registry, 8):
        code = _code(spec, 5) or _code(_first(spec, 10), 1)
        found.lose(f"on-demand view {text_of(spec, 1)!r}", PORT, code)
    for number, (kind, why) in _LEFT_OUT.items():
        for spec in _specs(registry, number):
            found.lose(f"{kind} {text_of(spec, 1)!r}", why)


def _specs(registry: Fields, number: int) -> list[Fields]:
    return [_first(_fields(message), 1) for message in registry.get(number, [])]


def _entities(registry: Fields) -> dict[str, str]:
    """Join keys by the names of entities."""
    specs = _specs(registry, 1)
    return {text_of(spec, 1): text_of(spec, 4) or text_of(spec, 1) for spec in specs}


def _view(spec: Fields, entities: dict[str, str], found: FoundRepository, stream: Any) -> FoundView:
    name = text_of(spec, 1)
    joined = []
    for raw in spec.get(3, []):
        entity = _text(raw)
        if entity != _DUMMY:
            joined.append((entity, entities.get(entity, entity)))
    pushed = _fields(stream[-1]) if stream else None
    batch = _fields(spec[7][-1]) if spec.get(7) else {}
    if pushed is not None and _number(pushed, 1) != PUSH_SOURCE:
        found.lose(f"stream of view {name!r}", "push its rows with POST /push")
        pushed = None
    if spec.get(15) or spec.get(14):
        found.lose(f"transformation or source views of view {name!r}", PORT)
    return FoundView(
        name=name,
        entities=tuple(joined),
        features=tuple(text_of(_fields(one), 1) for one in spec.get(4, [])),
        ttl_us=_span(spec.get(6)),
        source=_source(batch, pushed, name, found),
        description=text_of(spec, 10),
        owner=text_of(spec, 11),
    )


def _source(batch: Fields, pushed: Fields | None, view: str, found: FoundRepository) -> FoundSource:
    if pushed is not None and pushed.get(26):
        batch = _fields(pushed[26][-1])
    name = text_of(pushed, 20) if pushed is not None else text_of(batch, 20)
    path, kind = "", "push"
    if _number(batch, 1) == FILE_SOURCE:
        options = _first(batch, 11)
        path = text_of(options, 2).removeprefix("file://")
        kind = "delta" if _first(options, 1).get(2) else file_kind(path)
    elif batch:
        table = text_of(batch, 17).rpartition(".")[2] or "other source"
        found.lose(
            f"table behind source {text_of(batch, 20)!r} ({table})",
            "export it to Parquet or Delta, or push its rows",
        )
    if batch.get(2):
        found.lose(f"field mapping of source {name!r}", "rename the columns in the table")
    return FoundSource(
        name=name or f"{view}_source",
        path=path,
        kind=kind,
        event_time=text_of(batch, 3) or "event_timestamp",
        created=text_of(batch, 5),
    )


def _service(spec: Fields, found: FoundRepository) -> FoundService | None:
    name, parts = text_of(spec, 1), []
    known = {view.name for view in found.views}
    for raw in spec.get(3, []):
        projection = _fields(raw)
        view = text_of(projection, 1)
        if view not in known:
            found.lose(f"features of {view!r} in service {name!r}", "its view is not carried over")
            continue
        if projection.get(4) or text_of(projection, 3) not in ("", view):
            found.lose(f"alias or join keys of {view!r} in service {name!r}", "define another view")
        columns = tuple(text_of(_fields(one), 1) for one in projection.get(2, []))
        parts.append((view, columns))
    if not parts:
        found.lose(f"service {name!r}", "none of its views is carried over")
        return None
    return FoundService(name=name, features=tuple(parts), description=text_of(spec, 5))


def _first(fields: Fields, number: int) -> Fields:
    return _fields(fields[number][-1]) if fields.get(number) else {}


def _fields(message: Any) -> Fields:
    if not isinstance(message, bytes):
        raise InvalidRegistry("a message is a number")
    return fields_of(message)


def _number(fields: Fields, number: int) -> int:
    value = fields.get(number, [0])[-1]
    return value if isinstance(value, int) else 0


def _text(raw: Any) -> str:
    return text_of({1: [raw]}, 1)


def _code(fields: Fields, number: int) -> str:
    """Return the text of a function; its pickled body is left alone."""
    return text_of(_first(fields, number), 3)


def _span(found: Any) -> int:
    if not found:
        return 0
    span = _fields(found[-1])
    return _number(span, 1) * 1_000_000 + _number(span, 2) // 1000
