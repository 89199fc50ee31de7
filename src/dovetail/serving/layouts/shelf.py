"""Loading what a repository folder holds of one model: each version alone, the newest in front."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from dovetail.base.errors import DovetailError
from dovetail.serving.errors import UnknownModelError
from dovetail.serving.layouts.card import Placed
from dovetail.serving.layouts.catalog import Catalog
from dovetail.serving.routing.document import Fixed, State
from dovetail.serving.traffic import newest
from dovetail.wire.open_inference import IndexEntry

if TYPE_CHECKING:
    from dovetail.serving.repository import Repository

__all__ = ["load_placed", "not_loaded", "retire_missing"]

_GONE = "its folder is no longer in the repository"


def load_placed(
    repository: "Repository", catalog: Catalog, placed: Sequence[Placed], version: str = ""
) -> list[str]:
    """Load the versions of one model, and unload those that its folder holds no more.

    Traffic that went to the newest version goes to the newest again; traffic that someone divided
    otherwise stays as it is.

    Args:
        repository: where they are loaded.
        catalog: where they were found.
        placed: all versions that the folder holds.
        version: the only one to load; empty for all.

    Returns:
        The versions that were loaded.

    Raises:
        UnknownModelError: there is no such version.
        DovetailError: a version could not be loaded; the others were.
    """
    name = placed[0].name
    held = {one.version: one for one in placed}
    if version and version not in held and "" not in held:
        raise UnknownModelError(name, version, tuple(held))
    chosen = [version] if version in held and version else list(held)
    before = repository.versions(name)
    failed: DovetailError | None = None
    done = []
    while chosen:
        top = newest(chosen)
        chosen.remove(top)
        try:
            repository.bring(held[top])
            done.append(top)
        except DovetailError as error:
            failed = failed or error
    if not version and "" not in held:
        for gone in repository.known_below(name, catalog.owns):
            if gone not in held and (done or gone not in before):
                repository.retire(name, gone, _GONE)
    _lead(repository, name, before)
    if failed is not None:
        raise failed
    return done


def retire_missing(repository: "Repository", catalog: Catalog, names: Sequence[str]) -> None:
    """Unload every model whose folder is gone.

    Args:
        repository: where they are loaded.
        catalog: of the folders.
        names: the models that the folders hold.
    """
    for name in repository.names() - set(names):
        for version in repository.known_below(name, catalog.owns):
            repository.retire(name, version, _GONE)


def not_loaded(catalog: Catalog, known: set[str]) -> list[IndexEntry]:
    """Return index entries of models that the folders hold and nobody has loaded yet.

    Args:
        catalog: of the folders.
        known: names of the models that are listed anyway.
    """
    found = []
    for name in catalog.names():
        if name in known:
            continue
        for placed in catalog.find(name):
            why = f"{placed.problem}. {placed.fix}" if placed.fix else placed.problem
            found.append(
                IndexEntry(
                    name=name,
                    version=placed.version,
                    state="UNAVAILABLE",
                    reason=why or "unloaded",
                )
            )
    return found


def _lead(repository: "Repository", name: str, before: Sequence[str]) -> None:
    """Give the newest version the traffic that the newest had."""
    versions = repository.versions(name)
    if not versions or not before:
        return
    state, top = repository.state(name), newest(versions)
    if state.routing.rule == Fixed(version=newest(before)) and newest(before) != top:
        routing = msgspec.structs.replace(state.routing, rule=Fixed(version=top))
        led = State(
            model=name, routing=routing, aliases=state.aliases, cause="load", before=state.id
        )
        repository.put_state(led)
