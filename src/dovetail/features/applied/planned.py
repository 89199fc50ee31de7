"""What applying would do: the changes, the services that they touch, and what they break.

Serves `ledger`, which computes a plan of what it holds, and the commands, which show it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dovetail.features.applied.changes import Change, Difference, broken, changes, differences
from dovetail.features.applied.things import Kind, Thing

__all__ = ["Broken", "Held", "Plan", "Touched", "Use", "planned"]

Key = tuple[Kind, str]


@dataclass(frozen=True)
class Held:
    """A thing as it was last recorded.

    Attributes:
        thing: The thing.
        revision: How often it was recorded.
        version: How often its meaning was another one.
        is_gone: Whether it was removed since.
    """

    thing: Thing
    revision: int
    version: int
    is_gone: bool


@dataclass(frozen=True)
class Use:
    """A model that takes a service.

    Attributes:
        service: The service.
        version: Which version the model was made with.
        model: Name of the model.
        model_version: Its version; empty where it has none.
        run: The run that trained it; empty where none is known.
        at_us: When the use was recorded, in microseconds since 1970.
    """

    service: str
    version: int
    model: str
    model_version: str = ""
    run: str = ""
    at_us: int = 0

    def __str__(self) -> str:
        """Say who uses what."""
        model = f"{self.model} {self.model_version}".strip()
        run = f", run {self.run}" if self.run else ""
        return f"{model} ({self.service}@{self.version}{run})"


@dataclass(frozen=True)
class Broken:
    """A use that could no longer rely on what it takes.

    Attributes:
        use: The use.
        by: What would be otherwise.
    """

    use: Use
    by: tuple[Difference, ...]


@dataclass(frozen=True)
class Touched:
    """A service whose values change.

    Attributes:
        service: Its name.
        version: Its version now; 0 for a new one.
        next_version: Its version after; 0 for one that is removed.
        fields: What it takes otherwise, down to its views and their sources.
        by: The views and sources among them.
        uses: Models that take it.
        breaks: Which of them it breaks.
    """

    service: str
    version: int
    next_version: int
    fields: tuple[Difference, ...] = ()
    by: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    breaks: tuple[Broken, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What applying would do.

    Attributes:
        changes: What comes, goes and differs.
        services: Services that get a new version, come or go.
    """

    changes: tuple[Change, ...]
    services: tuple[Touched, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not self.changes and not self.services

    @property
    def is_breaking(self) -> bool:
        """Whether a model in use would be broken."""
        return any(touched.breaks for touched in self.services)


def planned(
    held: Mapping[Key, Held],
    new: Mapping[Key, Thing],
    uses: Sequence[Use],
    meanings: Mapping[tuple[str, int], Mapping[str, Any]],
) -> Plan:
    """Compare what is held with what is defined.

    Args:
        held: What was last recorded, also of what is gone.
        new: What is defined.
        uses: Which models take which services.
        meanings: What the versions meant that models take, by service and version.
    """
    old = {key: h.thing for key, h in held.items() if not h.is_gone}
    services = []
    for name in dict.fromkeys(n for kind, n in (*new, *old) if kind == "service"):
        last, then = held.get(("service", name)), new.get(("service", name))
        before = old.get(("service", name))
        if before is not None and then is not None and before.digest == then.digest:
            continue
        taking = tuple(u for u in uses if u.service == name)
        services.append(_touched(name, last, then, taking, meanings))
    return Plan(changes(old, new), tuple(services))


def next_version(last: Held | None, then: Thing) -> int:
    """Return the version of a thing once it is recorded."""
    if last is None:
        return 1
    return last.version + (last.thing.digest != then.digest)


def _touched(
    name: str,
    last: Held | None,
    then: Thing | None,
    uses: tuple[Use, ...],
    meanings: Mapping[tuple[str, int], Mapping[str, Any]],
) -> Touched:
    was = last.thing.meaning if last and not last.is_gone else None
    now = then.meaning if then else None
    fields = differences(was, now) if was and now else ()
    breaks = []
    for use in uses if was is not None else ():
        took = meanings[name, use.version]
        since = set(map(str, broken(took, was)))  # what an earlier apply broke is not broken now
        if fresh := tuple(d for d in broken(took, now) if str(d) not in since):
            breaks.append(Broken(use, fresh))
    return Touched(
        name,
        last.version if last else 0,
        next_version(last, then) if then else 0,
        fields,
        _by(was, now),
        uses,
        tuple(breaks),
    )


def _by(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the views and sources that a service takes otherwise."""
    if not was or not now:
        return ()
    return tuple(
        f"{kind} {name}"
        for kind, table in (("view", "views"), ("source", "sources"))
        for name in dict.fromkeys((*now[table], *was[table]))
        if now[table].get(name) != was[table].get(name)
    )
