"""Rows of the registry of applied definitions, read and made; serves `ledger`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import rows_of
from dovetail.features.applied.planned import Held, Key, Plan, Use, next_version, planned
from dovetail.features.applied.tables import APPLIES, SERVING, THINGS, USES
from dovetail.features.applied.things import Thing
from dovetail.features.errors import ServiceNotFoundError

__all__ = [
    "Version", "asked_version", "plan_of", "rows_to_write", "uses_of", "versions_of",
]  # fmt: skip


@dataclass(frozen=True)
class Version:
    """A version of a service.

    Attributes:
        service: The service.
        version: Its number, from 1.
        digest: SHA-256 of its meaning.
        meaning: The features that it takes and all that they are computed by.
        at_us: When it was applied, in microseconds since 1970.
        by: Who applied it.
        note: What they said.
        is_present: Whether it is the one that was applied last.
        servers: Which servers serve it, by what they said when they started; none that stopped.
    """

    service: str
    version: int
    digest: str
    meaning: Mapping[str, Any]
    at_us: int
    by: str
    note: str
    is_present: bool
    servers: tuple[str, ...] = ()


def plan_of(connection: Connection, new: Mapping[Key, Thing]) -> tuple[dict[Key, Held], Plan]:
    """Return what is held, and what recording new things would do."""
    held, uses = _held(connection), uses_of(connection, None)
    wanted = {(u.service, u.version) for u in uses}
    meanings = {}
    for row in rows_of(connection, sa.select(THINGS).where(THINGS.c.kind == "service")):
        if (key := (row["name"], row["version"])) in wanted:
            meanings[key] = orjson.loads(row["meaning"])
    return held, planned(held, new, uses, meanings)


def _held(connection: Connection) -> dict[Key, Held]:
    """Return the last row of each thing."""
    last = (
        sa.select(THINGS.c.kind, THINGS.c.name, sa.func.max(THINGS.c.revision).label("revision"))
        .group_by(THINGS.c.kind, THINGS.c.name)
        .subquery()
    )
    same = [THINGS.c[name] == last.c[name] for name in ("kind", "name", "revision")]
    rows = rows_of(connection, sa.select(THINGS).join(last, sa.and_(*same)))
    found: dict[Key, Held] = {}
    for row in rows:
        body, meaning = orjson.loads(row["body"]), orjson.loads(row["meaning"])
        thing = Thing(row["kind"], row["name"], body, meaning)
        held = Held(thing, row["revision"], row["version"], row["is_gone"])
        found[row["kind"], row["name"]] = held
    return found


def rows_to_write(
    held: Mapping[Key, Held], new: Mapping[Key, Thing], number: int
) -> list[dict[str, Any]]:
    """Return the rows to write: of what is new, of what differs, and of what is gone."""
    rows = []
    for key, thing in new.items():
        last = held.get(key)
        is_same = last and not last.is_gone and last.thing.mark == thing.mark
        if not is_same or (last and last.thing.digest != thing.digest):
            revision = last.revision + 1 if last else 1
            rows.append(_row(thing, revision, next_version(last, thing), number, is_gone=False))
    for key, last in held.items():
        if key not in new and not last.is_gone:
            rows.append(_row(last.thing, last.revision + 1, last.version, number, is_gone=True))
    return rows


def _row(
    thing: Thing, revision: int, version: int, number: int, *, is_gone: bool
) -> dict[str, Any]:
    return {
        "kind": thing.kind,
        "name": thing.name,
        "revision": revision,
        "version": version,
        "digest": thing.digest,
        "body": _json(thing.body),
        "meaning": _json(thing.meaning),
        "apply": number,
        "is_gone": is_gone,
    }


def uses_of(connection: Connection, service: str | None) -> list[Use]:
    """Return which models take a service, or any."""
    statement = sa.select(USES).order_by(USES.c.at_us, USES.c.model, USES.c.model_version)
    if service is not None:
        statement = statement.where(USES.c.service == service)
    return [Use(**row) for row in rows_of(connection, statement)]


def versions_of(connection: Connection, service: str | None) -> list[Version]:
    """Return the versions of a service, or of all, oldest first."""
    statement = (
        sa.select(THINGS, APPLIES.c.at_us, APPLIES.c.by, APPLIES.c.note)
        .join(APPLIES, APPLIES.c.number == THINGS.c.apply)
        .where(THINGS.c.kind == "service")
        .order_by(THINGS.c.name, THINGS.c.revision)
    )
    if service is not None:
        statement = statement.where(THINGS.c.name == service)
    first: dict[tuple[str, int], dict[str, Any]] = {}
    last: dict[str, dict[str, Any]] = {}
    for row in rows_of(connection, statement):
        first.setdefault((row["name"], row["version"]), row)
        last[row["name"]] = row
    servers: dict[tuple[str, int], list[str]] = {}
    for row in rows_of(connection, sa.select(SERVING).order_by(SERVING.c.server)):
        servers.setdefault((row["service"], row["version"]), []).append(row["server"])
    return [
        Version(
            name,
            version,
            row["digest"],
            orjson.loads(row["meaning"]),
            row["at_us"],
            row["by"],
            row["note"],
            not last[name]["is_gone"] and last[name]["version"] == version,
            tuple(servers.get((name, version), ())),
        )
        for (name, version), row in first.items()
    ]


def asked_version(connection: Connection, asked: str) -> tuple[str, int]:
    """Return the service and version of `service@version`, or of `service` the present one.

    Raises:
        ServiceNotFoundError: There is no such service or version.
    """
    name, _, number = asked.partition("@")
    found = versions_of(connection, name)
    present = [v.version for v in found if v.is_present]
    if not number and present:
        return name, present[0]
    if number.isdecimal() and int(number) in [v.version for v in found]:
        return name, int(number)
    known = ", ".join(f"{name}@{v.version}" for v in found)
    raise ServiceNotFoundError(
        f"No feature service {asked} is applied",
        fix=f"Applied: {known}" if known else "Apply the definitions first",
    )


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
