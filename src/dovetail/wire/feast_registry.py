"""Feast's registry file: what is defined, as one protocol buffer message.

Feast's SDK reads it before it asks a server for a feature service or writes to a view. The message
is written and read here field by field, so that neither Feast nor a protocol buffer library is
needed; reading one executes nothing.

Source: ``protos/feast/core/*.proto`` of Feast 0.67.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "FILE_SOURCE",
    "PUSH_SOURCE",
    "REQUEST_SOURCE",
    "Fields",
    "InvalidRegistry",
    "RegisteredColumn",
    "RegisteredService",
    "RegisteredSource",
    "RegisteredView",
    "Registry",
    "encode",
    "fields_of",
    "text_of",
]

FILE_SOURCE, PUSH_SOURCE, REQUEST_SOURCE = 1, 9, 7
_FILE_CLASS = "feast.infra.offline_stores.file_source.FileSource"
_PUSH_CLASS = "feast.data_source.PushSource"
_SCHEMA = "1"
_NO_ENTITY = "__dummy"
_SECOND_US = 1_000_000

Fields = dict[int, list[Any]]
"""The fields of a message by number: whole numbers, and bytes for all that has a length."""


class InvalidRegistry(ValueError):
    """Bytes that are no registry."""


@dataclass(frozen=True)
class RegisteredColumn:
    """A column and its type, by Feast's number (2 text, 4 whole number, 5 double, 7 boolean)."""

    name: str
    kind: int


@dataclass(frozen=True, kw_only=True)
class RegisteredSource:
    """Where rows come from.

    Attributes:
        name: Name of the source; pushes name it.
        path: The file or folder behind it.
        event_time: Column that tells when it happened.
        known_at: Column that tells when it was written; empty where none does.
    """

    name: str
    path: str
    event_time: str
    known_at: str = ""


@dataclass(frozen=True, kw_only=True)
class RegisteredView:
    """A feature view.

    Attributes:
        name: Name of the view.
        entities: Name and join column of each entity.
        features: What it answers with.
        ttl_us: Greatest age in microseconds; 0 for none.
        source: Where its rows come from.
        is_pushed: Whether rows are pushed to it in the form of its features.
        description: What people read.
        owner: Who answers for it.
    """

    name: str
    entities: Sequence[tuple[str, RegisteredColumn]]
    features: Sequence[RegisteredColumn]
    ttl_us: int
    source: RegisteredSource
    is_pushed: bool
    description: str = ""
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class RegisteredService:
    """A set of features: of which view which."""

    name: str
    features: Sequence[tuple[str, Sequence[RegisteredColumn]]]
    description: str = ""
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class Registry:
    """All that one project defines.

    Attributes:
        project: Name of the project; Feast's client must be configured with the same.
        views: The feature views.
        services: The feature services.
    """

    project: str
    views: Sequence[RegisteredView]
    services: Sequence[RegisteredService]


def encode(registry: Registry, *, at_us: int) -> bytes:
    """Write a registry file.

    Args:
        registry: What is defined.
        at_us: The time now, in microseconds since 1970.
    """
    project, stamp = registry.project, _timestamp(at_us)
    meta = _message((1, stamp), (2, stamp))
    entities = {name: column for view in registry.views for name, column in view.entities}
    pushed = {view.source.name: view.source for view in registry.views if view.is_pushed}
    batch = {_batch_name(v): v.source for v in registry.views}
    return _message(
        (1, [_entity(name, column, project, meta) for name, column in entities.items()]),
        (3, _SCHEMA),
        (5, stamp),
        (6, [_message((1, _view(one, project)), (2, meta)) for one in registry.views]),
        (7, [_service(one, project, meta) for one in registry.services]),
        (12, [_file_source(name, one, project) for name, one in batch.items()]),
        (12, [_push_source(one, project) for one in pushed.values()]),
        (17, [_message((1, _message((1, project))), (2, meta))]),
    )


def _entity(name: str, column: RegisteredColumn, project: str, meta: bytes) -> bytes:
    spec = _message((1, name), (2, column.kind), (4, column.name), (9, project))
    return _message((1, spec), (2, meta))


def _view(view: RegisteredView, project: str) -> bytes:
    seconds, rest = divmod(view.ttl_us, _SECOND_US)
    return _message(
        (1, view.name),
        (2, project),
        (3, [name for name, _ in view.entities] or [_NO_ENTITY]),
        (4, [_column(one) for one in view.features]),
        (6, _message((1, seconds), (2, rest * 1000))),
        (7, _file_source(_batch_name(view), view.source, project)),
        (8, True),
        (9, _push_source(view.source, project) if view.is_pushed else None),
        (10, view.description),
        (11, view.owner),
        (12, [_column(column) for _, column in view.entities]),
    )


def _batch_name(view: RegisteredView) -> str:
    """Name the table of a source; where rows are pushed the source itself has the name."""
    return f"{view.source.name}_table" if view.is_pushed else view.source.name


def _service(service: RegisteredService, project: str, meta: bytes) -> bytes:
    parts = [
        _message((1, view), (2, [_column(one) for one in columns]))
        for view, columns in service.features
    ]
    spec = _message(
        (1, service.name),
        (2, project),
        (3, parts),
        (5, service.description),
        (6, service.owner),
    )
    return _message((1, spec), (2, meta))


def _column(column: RegisteredColumn) -> bytes:
    return _message((1, column.name), (2, column.kind))


def _file_source(name: str, source: RegisteredSource, project: str) -> bytes:
    return _message(
        (1, FILE_SOURCE),
        (3, source.event_time),
        (5, source.known_at),
        (11, _message((2, source.path))),
        (17, _FILE_CLASS),
        (20, name),
        (21, project),
    )


def _push_source(source: RegisteredSource, project: str) -> bytes:
    return _message(
        (1, PUSH_SOURCE),
        (17, _PUSH_CLASS),
        (20, source.name),
        (21, project),
        (22, b""),
        (26, _file_source(f"{source.name}_table", source, project)),
    )


def _timestamp(at_us: int) -> bytes:
    seconds, rest = divmod(at_us, _SECOND_US)
    return _message((1, seconds), (2, rest * 1000))


def _message(*fields: tuple[int, Any]) -> bytes:
    """Write a message; what is empty or zero stays out, but bytes, which are messages."""
    found = bytearray()
    for number, value in fields:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                one = one.encode() or None
            if one is None or one == 0:
                continue
            if isinstance(one, bytes):
                found += _varint(number << 3 | 2) + _varint(len(one)) + one
            else:
                found += _varint(number << 3) + _varint(int(one))
    return bytes(found)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def fields_of(message: bytes) -> Fields:
    """Read the fields of a message.

    Raises:
        InvalidRegistry: The bytes are no message.
    """
    found: Fields = {}
    for number, value in _walk(message):
        found.setdefault(number, []).append(value)
    return found


def _walk(message: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _read_varint(message, at)
            yield number, value
            continue
        if kind == 2:
            length, at = _read_varint(message, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise InvalidRegistry("a field has a type that no message has")
        if not number or at + length > len(message):
            raise InvalidRegistry("a field is longer than the file")
        yield number, message[at : at + length]
        at += length


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise InvalidRegistry("a number does not end")


def text_of(fields: Mapping[int, Sequence[Any]], number: int) -> str:
    """Return a text field; empty where there is none.

    Raises:
        InvalidRegistry: The field is no text.
    """
    value = fields.get(number, [b""])[-1]
    try:
        return bytes(value).decode() if isinstance(value, bytes) else ""
    except UnicodeDecodeError:
        raise InvalidRegistry("a text is not UTF-8") from None
