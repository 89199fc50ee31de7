"""What answers for one model at one moment: its versions, its aliases, its rule at work.

An entry is never changed, only replaced, so a request that reads one sees a whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dovetail.serving.model import Model
from dovetail.serving.routing.document import State
from dovetail.serving.routing.router import Observers, Router, make_router
from dovetail.serving.traffic import newest

__all__ = ["Loaded", "ruled"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The versions of one model that can answer, and what decides between them.

    Attributes:
        versions: the loaded versions.
        aliases: alias to version, of those that are loaded.
        only: the version that answers everything, where one does.
        router: what decides otherwise.
    """

    versions: Mapping[str, Model] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    only: Model | None = None
    router: Router | None = None

    def named(self, name: str) -> Model | None:
        """Return a version by its name or an alias."""
        return self.versions.get(name) or self.versions.get(self.aliases.get(name, ""))


def ruled(
    name: str, versions: Mapping[str, Model], state: State | None, observers: Observers
) -> Loaded:
    """Return the entry of a model.

    Args:
        name: the model's name.
        versions: the versions that are loaded, at least one.
        state: its rule and aliases.
        observers: gives rules what they need beside themselves.
    """
    if state is None:
        return Loaded(versions, only=versions[newest(versions)])

    def resolve(known: str) -> str | None:
        version = known if known in versions else state.aliases.get(known)
        return version if version in versions else None

    router = make_router(name, state.routing, versions, resolve, observers)
    aliases = {alias: v for alias, v in state.aliases.items() if v in versions}
    if isinstance(router, Model):
        return Loaded(versions, aliases, only=router)
    return Loaded(versions, aliases, router=router)
