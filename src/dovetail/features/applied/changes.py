"""What differs between two recordings of definitions, and what of it breaks a model.

Serves `planned` and `versions`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from dovetail.features.applied.things import Kind, Thing

__all__ = ["Change", "Difference", "broken", "changes", "differences"]

What = Literal["added", "changed", "removed"]
WHERE_ROWS_LIE = ("type", "path", "url")
_VIEWS: tuple[Kind, ...] = ("view", "on-demand view")


@dataclass(frozen=True)
class Difference:
    """One field that is written otherwise.

    Attributes:
        field: Its path, `tile` or `features.delay_mean_3h.window`.
        old: Its JSON value before; None where it was not there.
        new: Its JSON value now; None where it is not there any more.
    """

    field: str
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        """Say it in a line; of lists only what comes and goes."""
        if isinstance(self.old, list) and isinstance(self.new, list):
            gone = [f"without {_said(v)}" for v in self.old if v not in self.new]
            come = [f"with {_said(v)}" for v in self.new if v not in self.old]
            return f"{self.field}: {', '.join([*gone, *come]) or 'in another order'}"
        return f"{self.field}: {_said(self.old)} -> {_said(self.new)}"


@dataclass(frozen=True)
class Change:
    """A thing, or a feature of a view, that comes, goes or is defined otherwise.

    Attributes:
        what: `added`, `changed` or `removed`.
        kind: `entity`, `source`, `view`, `on-demand view`, `feature` or `service`.
        name: Its name; `view:feature` for features.
        fields: What is written otherwise; empty for what comes or goes.
        renamed: The name of the removed feature that an added one equals; empty for none.
    """

    what: What
    kind: str
    name: str
    fields: tuple[Difference, ...] = ()
    renamed: str = ""


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return each field that differs between two JSON objects, in the order of the new one."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    return tuple(
        Difference(path, before.get(path), after.get(path))
        for path in dict.fromkeys((*after, *before))
        if before.get(path) != after.get(path)
    )


def changes(
    old: Mapping[tuple[Kind, str], Thing], new: Mapping[tuple[Kind, str], Thing]
) -> tuple[Change, ...]:
    """Return what comes, goes and differs, features told one by one."""
    found: list[Change] = []
    for key in dict.fromkeys((*new, *old)):
        before, after = old.get(key), new.get(key)
        if before is not None and after is not None and before.mark == after.mark:
            continue
        first, then = _own(before), _own(after)
        fields = differences(first, then) if before and after else ()
        if fields or not (before and after):
            what: What = "changed" if before and after else "added" if after else "removed"
            found.append(Change(what, *key, fields))
        if key[0] in _VIEWS:
            found += _features(key[1], before, after)
    return tuple(found)


def broken(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> tuple[Difference, ...]:
    """Return what a model that takes the old meaning of a service can no longer rely on.

    Features that are gone, and everything that makes a value of one that stays another value.
    What is only added, the order, and the place where rows lie break nothing.

    Args:
        old: The meaning of the service that the model takes.
        new: Its meaning now; None where the service is gone.
    """
    if new is None:
        return (Difference("service", "there", "gone"),)
    kept = set(new["features"])
    found = [
        Difference(ref, "there", _fate(ref, old, new)) for ref in old["features"] if ref not in kept
    ]
    for name, view in old["views"].items():
        if (now := new["views"].get(name)) is not None:
            stays = {f: d for f, d in now["features"].items() if f in view["features"]}
            was = {f: d for f, d in view["features"].items() if f in stays}
            pair = ({**view, "features": was}, {**now, "features": stays})
            found += _under(name, differences(*pair))
    for name, source in old["sources"].items():
        if (now := new["sources"].get(name)) is not None:
            derive = {c: text for c, text in now["derive"].items() if c in source["derive"]}
            pair = (_rows(source), _rows({**now, "derive": derive}))
            found += _under(f"source {name}", differences(*pair))
    return tuple(found)


def _fate(reference: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Say what became of a feature: gone, or called otherwise."""
    view, _, feature = reference.partition(":")
    if now := new["views"].get(view):
        was = _nameless(old["views"][view]["features"][feature])
        for name, body in now["features"].items():
            if f"{view}:{name}" not in old["features"] and _nameless(body) == was:
                return f"renamed {view}:{name}"
    return "gone"


def _own(thing: Thing | None) -> dict[str, Any]:
    """Return the fields of a thing, without the features of a view."""
    if thing is None:
        return {}
    skip = "features" if thing.kind in _VIEWS else ""
    return {name: value for name, value in thing.body.items() if name != skip}


def _features(view: str, before: Thing | None, after: Thing | None) -> list[Change]:
    old: Mapping[str, Any] = before.body["features"] if before else {}
    new: Mapping[str, Any] = after.body["features"] if after else {}
    gone = {name: _nameless(body) for name, body in old.items() if name not in new}
    found: list[Change] = []
    for name in dict.fromkeys((*new, *old)):
        if name not in old:
            same = [g for g, body in gone.items() if body == _nameless(new[name])]
            was = f"{view}:{same[0]}" if same else ""
            found.append(Change("added", "feature", f"{view}:{name}", renamed=was))
        elif name not in new:
            found.append(Change("removed", "feature", f"{view}:{name}"))
        elif fields := differences(old[name], new[name]):
            found.append(Change("changed", "feature", f"{view}:{name}", fields))
    return found


def _nameless(feature: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in feature.items() if key != "name"}


def _rows(source: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in source.items() if key not in WHERE_ROWS_LIE}


def _under(name: str, found: tuple[Difference, ...]) -> Iterator[Difference]:
    for one in found:
        yield Difference(f"{name}: {one.field.removeprefix('features.')}", one.old, one.new)


def _leaves(body: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) and value else orjson.dumps(value).decode()
