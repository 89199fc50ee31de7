"""What the registry stands on: the runs, logged models and places that live versions name.

A version may name a run by its id, by `runs:/`, or by a place inside the run's folder, and a logged
model in as many ways. Ids are unique, so an id that stands as a segment of a version's source is
taken as a use of the thing: better something stays than that a version loses its files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.paths import is_within
from dovetail.tracking.store.schema import aliases, model_versions, registered_models
from dovetail.tracking.store.versions import DELETED

__all__ = ["Uses"]

_live = (
    sa.select(
        registered_models.c.name,
        model_versions.c.model,
        model_versions.c.version,
        model_versions.c.run_id,
        model_versions.c.model_id,
        model_versions.c.source,
        model_versions.c.storage_location,
    )
    .join(registered_models, registered_models.c.id == model_versions.c.model)
    .where(model_versions.c.current_stage != DELETED)
    .order_by(registered_models.c.name, model_versions.c.version)
)


@dataclass(frozen=True)
class Uses:
    """Who uses what in the registry.

    Attributes:
        by_id: for a run's or logged model's id, the version that uses it, in words.
        places: locations of versions, with the version in words.
    """

    by_id: dict[str, str] = field(default_factory=dict)
    places: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, connection: Connection) -> "Uses":
        """Read the registry."""
        named: dict[tuple[int, int], list[str]] = {}
        for row in connection.execute(sa.select(aliases)):
            named.setdefault((row.model, row.version), []).append(row.alias)
        found = cls()
        for row in connection.execute(_live):
            words = _words(row, named.get((row.model, row.version), ()))
            for one in _ids(row):
                found.by_id.setdefault(one, words)
            for place in {row.source, row.storage_location} - {None, ""}:
                found.places.append((place, words))
        return found

    def inside(self, location: str) -> str | None:
        """Return a version whose files lie below a location, in words."""
        return next((words for place, words in self.places if _within(place, location)), None)


def _words(row: Row[Any], names: Sequence[str]) -> str:
    at = f" (@{', @'.join(sorted(names))})" if names else ""
    return f"version {row.version} of {row.name}{at}"


def _ids(row: Row[Any]) -> Iterator[str]:
    yield from (one for one in (row.run_id, row.model_id) if one)
    for place in (row.source, row.storage_location):
        if place:
            yield from (part for part in urlsplit(place).path.split("/") if part)


def _within(place: str, location: str) -> bool:
    try:
        return is_within(place, location)
    except ValueError:  # a source that was taken over from elsewhere and is no path of ours
        return False
