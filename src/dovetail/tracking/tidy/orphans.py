"""Files and rows that nobody owns: left behind by clients, by a crash elsewhere, by `mlflow gc`.

The folders of the store are walked from the root. One that some run, logged model, version or
experiment owns is not looked into; one that leads to an owned place is; every other is an orphan,
unless something in it was written lately, because a client may upload before anybody owns it.
"""

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.artifacts import Stat
from dovetail.tracking.store.experiments import PURGING
from dovetail.tracking.store.schema import datasets, experiments, inputs, logged_models, runs
from dovetail.tracking.store.tidy_schema import tidy_items
from dovetail.tracking.tidy.places import Places, folder_of
from dovetail.tracking.tidy.uses import Uses
from dovetail.wire.tidy import Orphan

__all__ = ["Owners", "find", "lonely_datasets"]

MOST = 1000
MODELS, TRACES = "models", "traces"


class Owners:
    """The places in the store that somebody owns.

    Args:
        connection: where to read.
        places: turns locations into places.
    """

    def __init__(self, connection: Connection, places: Places) -> None:
        self._whole: set[str] = set()
        self._open: set[str] = {""}
        self._experiments: set[str] = set()
        for location in connection.scalars(sa.select(experiments.c.artifact_location)):
            if path := places.path_of(location):
                self._experiments.add(path)
                self._open.update([path, f"{path}/{MODELS}", *_above(path)])
                self._own(f"{path}/{TRACES}")
        for owner in _locations(connection, places):
            self._own(owner)

    def _own(self, path: str) -> None:
        self._whole.add(path)
        self._open.update(_above(path))

    def owns(self, path: str) -> bool:
        """Return whether a folder or anything below it or around it belongs to somebody."""
        around = {path, *_above(path)}
        return bool(around & self._whole) or path in self._open

    def leads_on(self, path: str) -> bool:
        """Return whether only parts of a folder belong to somebody."""
        return path in self._open and not {path, *_above(path)} & self._whole


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _locations(connection: Connection, places: Places) -> Iterator[str]:
    live = (
        sa.select(runs.c.artifact_uri, runs.c.run_id).where(runs.c.lifecycle_stage != PURGING),
        sa.select(logged_models.c.artifact_location, logged_models.c.model_id).where(
            logged_models.c.lifecycle_stage != PURGING
        ),
    )
    for query in live:
        for location, name in connection.execute(query):
            if path := places.path_of(location):
                yield folder_of(path, name)
    for location, _ in Uses.of(connection).places:
        if path := places.path_of(location):
            yield path
    for path in connection.scalars(sa.select(tidy_items.c.path)):
        if path:
            yield path


def find(owners: Owners, places: Places, before: int) -> list[Orphan]:
    """Walk the store and return the folders and files that nobody owns.

    Args:
        owners: who owns what.
        places: the store.
        before: what holds something written after this instant (ms) is left alone.
    """
    found: list[Orphan] = []
    waiting = [""]
    while waiting and len(found) < MOST:
        for one in places.children(waiting.pop()):
            if owners.leads_on(one.path):
                waiting.append(one.path)
            elif not owners.owns(one.path) and (orphan := _orphan(one, places)).newest < before:
                found.append(orphan)
    return sorted(found, key=lambda orphan: orphan.path)[:MOST]


def _orphan(one: Stat, places: Places) -> Orphan:
    if not one.is_dir:
        return Orphan(path=one.path, files=1, bytes=one.size, newest=int(one.modified * 1000))
    usage = places.usage(one.path)
    newest = max(places.newest(one.path), int(one.modified * 1000))
    return Orphan(path=one.path, files=usage.files, bytes=usage.bytes, newest=newest)


def still_orphans(owners: Owners, orphans: Iterable[Orphan]) -> bool:
    """Return whether nobody has come to own any of these."""
    return not any(owners.owns(orphan.path) for orphan in orphans)


def lonely_datasets() -> sa.Select[tuple[int]]:
    """Return the query for datasets that no run reads any more."""
    read = sa.exists().where(inputs.c.dataset == datasets.c.id)
    return sa.select(datasets.c.id).where(~read).order_by(datasets.c.id)
