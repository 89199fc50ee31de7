"""What every family of objects is made of: the base of their types, names, quantities, metadata.

The types are the schema: field names are those of the cluster's API in snake case, unknown fields
are refused, and `check` holds a written object against its own type before anybody sees it.
"""

import re
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dovetail.base.errors import InvalidInputError

__all__ = [
    "DnsLabel",
    "Maybe",
    "Metadata",
    "Object",
    "Part",
    "Percent",
    "Port",
    "Quantity",
    "check",
    "dns_label",
]

T = TypeVar("T")
Maybe: TypeAlias = T | UnsetType
"""A field that may be absent."""

_LABEL = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
DnsLabel = Annotated[str, Meta(pattern=_LABEL, max_length=63)]
"""RFC 1035: what names a Service, an InferenceService and a Pipeline alike."""
Subdomain = Annotated[
    str, Meta(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
]
LabelKey = Annotated[
    str, Meta(pattern=r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
]
LabelValue = Annotated[str, Meta(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")]
Quantity = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i)?$")]
Port = Annotated[int, Meta(ge=1, le=65535)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A part of an object."""


class Metadata(Part, frozen=True, kw_only=True):
    """Who an object is."""

    name: Annotated[Subdomain, Meta(max_length=253)]
    namespace: Maybe[DnsLabel] = UNSET
    labels: Maybe[dict[LabelKey, LabelValue]] = UNSET
    annotations: Maybe[dict[LabelKey, str]] = UNSET


class Object(Part, frozen=True, kw_only=True):
    """An object of the cluster; each kind adds `api_version`, `kind` and what it holds."""

    metadata: Metadata


def check(written: Object) -> dict[str, Any]:
    """Return an object as the plain mapping that is written, held against its own type.

    Raises:
        InvalidInputError: a value does not fit, naming the field.
    """
    plain: dict[str, Any] = msgspec.to_builtins(written)
    try:
        msgspec.convert(plain, type(written))
    except msgspec.ValidationError as error:
        raise InvalidInputError(
            f"the {plain.get('kind')} {written.metadata.name!r} would not be valid", why=str(error)
        ) from error
    return {key: plain[key] for key in ("apiVersion", "kind", *plain)}


def dns_label(name: str, what: str) -> str:
    """Return a name that Kubernetes takes.

    Args:
        name: as the user wrote it.
        what: what it names, for the message.

    Raises:
        InvalidInputError: it is none; the message proposes one.
    """
    if re.fullmatch(_LABEL, name) and len(name) <= 63:
        return name
    near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-")
    near = near if near[:1].isalpha() else f"m-{near}".rstrip("-")[:63]
    raise InvalidInputError(
        f"{name!r} cannot name {what}",
        why="names in a cluster are at most 63 lower-case letters, digits and '-', and begin with"
        " a letter",
        fix=f"call it {near!r}",
    )
