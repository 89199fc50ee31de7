"""Definitions as plain JSON: what is recorded of each, and what its values depend on.

Serves `ledger`, which keeps them, and `changes`, which compares them. What is written is the same
for the same definitions on every machine: no password, no order of a mapping, no memory address.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import orjson

from dovetail.features.aggregations import Aggregation
from dovetail.features.applied.functions import function_hash
from dovetail.features.catalog import Definitions
from dovetail.features.errors import DefinitionError
from dovetail.features.expressions import expression
from dovetail.features.moments import span_text
from dovetail.features.ondemand import OnDemandView
from dovetail.features.sources import Source
from dovetail.features.views import (
    Entity,
    FeatureGroup,
    FeatureService,
    LatestView,
    View,
    WindowView,
)

__all__ = ["Kind", "Thing", "meaning_of", "things_of"]

Kind = Literal["entity", "source", "view", "on-demand view", "service"]
Body = dict[str, Any]
WORDS = ("description", "owner", "tags")
_USER = re.compile(r"(?<=://)[^/@\s]*@")
_ADDRESS = re.compile(r"\w+://")


@dataclass(frozen=True)
class Thing:
    """One definition.

    Attributes:
        kind: What it is.
        name: Its name among its kind.
        body: All its fields, as JSON values.
        meaning: What values depend on: the fields without words for people; of a service, the
            features that it takes and all that they are computed by.
    """

    kind: Kind
    name: str
    body: Mapping[str, Any]
    meaning: Mapping[str, Any]

    @cached_property
    def mark(self) -> str:
        """SHA-256 of the body: another one where anything was written otherwise."""
        return _hash(self.body)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the meaning: another one where values may be others."""
        return _hash(self.meaning)


def things_of(definitions: Definitions) -> dict[tuple[Kind, str], Thing]:
    """Return everything that is defined, by kind and name.

    Raises:
        DefinitionError: Two entities of one name differ, a service's name cannot have versions,
            or the source of a function is not to be had.
    """
    found: dict[tuple[Kind, str], Thing] = {}
    for entity in _entities(definitions.views.values()):
        _add(found, "entity", entity.name, _fields(entity))
    for name, source in definitions.sources.items():
        _add(found, "source", name, _source(source, _own_derive(definitions, name)))
    for view in definitions.views.values():
        _add(found, "view", view.name, _view(view))
    for on_demand in definitions.on_demand.values():
        _add(found, "on-demand view", on_demand.name, _on_demand(on_demand))
    for service in definitions.services.values():
        _check_name(service.name)
        body = {**_words(service), "features": _references(service)}
        found["service", service.name] = Thing(
            "service", service.name, body, meaning_of(service, definitions)
        )
    return found


def meaning_of(service: FeatureService, definitions: Definitions) -> Body:
    """Return what the values of a service depend on, and nothing else.

    Args:
        service: The service.
        definitions: Where its views are defined; their sources with all that is derived.
    """
    taken: dict[str, tuple[FeatureGroup, dict[str, None]]] = {}

    def take(group: FeatureGroup, features: Iterable[str]) -> None:
        taken.setdefault(group.name, (group, {}))[1].update(dict.fromkeys(features))
        if isinstance(group, OnDemandView):
            inputs = {part.view.name: part.view for part in group.selections}
            for reference in _uses(group, features).values():
                of, _, feature = reference.partition(":")
                take(inputs[of], [feature])

    for part in service.selections:
        take(part.view, part.features)
    views: dict[str, Body] = {}
    sources: dict[str, dict[str, str]] = {}
    for name, (group, features) in taken.items():
        body = _view(group) if isinstance(group, View) else _on_demand(group)
        body["features"] = {f: body["features"][f] for f in features}
        if isinstance(group, OnDemandView):
            body["uses"] = _uses(group, features)
        views[name] = {k: v for k, v in body.items() if k not in (*WORDS, "entities", "inputs")}
        if isinstance(group, View):
            used = sources.setdefault(group.source.name, {})
            used.update(_used_derive(definitions.source(group.source.name), group))
    told = {}
    for name, derive in sources.items():
        body = _source(definitions.source(name), derive)
        told[name] = {k: v for k, v in body.items() if k not in WORDS}
    return {"features": _references(service), "views": views, "sources": told}


def _add(found: dict[tuple[Kind, str], Thing], kind: Kind, name: str, body: Body) -> None:
    meaning = {k: v for k, v in body.items() if k not in WORDS}
    found[kind, name] = Thing(kind, name, body, meaning)


def _hash(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _entities(views: Iterable[View]) -> list[Entity]:
    found: dict[str, Entity] = {}
    for entity in (e for view in views for e in view.entities):
        if found.setdefault(entity.name, entity) != entity:
            raise DefinitionError(
                f"Two different entities are called {entity.name!r}",
                fix="Define it once, and use that in every view",
            )
    return list(found.values())


def _check_name(service: str) -> None:
    if "@" in service:
        raise DefinitionError(
            f"Service {service!r} cannot have versions",
            why="What follows an @ in the name of a service is its version",
            fix="Take the @ out of its name",
        )


def _fields(thing: Any) -> Body:
    """Return the fields of a dataclass, beside its name, as JSON values."""
    return {f.name: _plain(getattr(thing, f.name)) for f in fields(thing) if f.name != "name"}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Aggregation):
        own = {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        return {"type": type(value).__name__, **own}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _words(thing: Any) -> Body:
    return {name: _plain(getattr(thing, name)) for name in WORDS}


def _source(source: Source, derive: Mapping[str, str]) -> Body:
    body = {"type": type(source).__name__, **_fields(source), "derive": dict(derive)}
    if _ADDRESS.match(source.path):  # credentials stand in addresses, and are nobody's business
        body["path"] = _USER.sub("", source.path)
    if "url" in body:
        body["url"] = _USER.sub("", body["url"]).partition("?")[0]
    return body


def _view(view: View) -> Body:
    """Return a view with each of its features told in full."""
    body = _words(view) | {
        "entities": [e.name for e in view.entities],
        "keys": list(view.keys),
        "source": view.source.name,
        "derive": dict(view.derive),
        "where": view.where,
    }
    if isinstance(view, WindowView):
        features = {
            f"{a.stem}_{w.name}": {**_plain(a), "window": w.name}
            for a in view.aggregations
            for w in view.spans
        }
        told = {"tile": span_text(view.tile_us), "kind": view.kind}
        return {**body, "type": "windows", **told, "features": features}
    assert isinstance(view, LatestView)
    ttl = span_text(view.ttl_us) if view.ttl_us else ""
    features = {name: {"column": name} for name in view.features}
    return {**body, "type": "latest", "ttl": ttl, "features": features}


def _on_demand(view: FeatureGroup) -> Body:
    assert isinstance(view, OnDemandView)
    if view.compute is None:
        texts = dict(view.features) if isinstance(view.features, Mapping) else {}
        features = {name: {"expression": text} for name, text in texts.items()}
    else:
        text = function_hash(view.compute, of=f"on-demand view {view.name!r}")
        features = {name: {"function": text} for name in view.feature_names}
    return _words(view) | {
        "type": "on demand",
        "inputs": [f"{part.view.name}:{f}" for part in view.selections for f in part.features],
        "uses": _uses(view, view.feature_names),
        "request": {name: kind.__name__ for name, kind in view.request.items()},
        "features": features,
    }


def _uses(view: OnDemandView, features: Iterable[str]) -> dict[str, str]:
    """Return the inputs that features need: the name in expressions, and `view:feature`."""
    read = view.expressions
    names = {c for f in features for c in read[f].columns} if read else set(view.used)
    return {name: ":".join(view.taken[name]) for name in view.used if name in names}


def _references(service: FeatureService) -> list[str]:
    return [f"{part.view.name}:{f}" for part in service.selections for f in part.features]


def _own_derive(definitions: Definitions, source: str) -> dict[str, str]:
    """Return what a source derives itself: not what a view brought along."""
    return {
        name: text
        for view in definitions.views_of(source)
        for name, text in view.source.derive.items()
        if name not in view.derive
    }


def _used_derive(source: Source, view: View) -> dict[str, str]:
    """Return the derived columns that a view needs, and those that they are derived from."""
    found: dict[str, str] = {}
    start = expression(source.where, "boolean").columns if source.where else ()
    waiting = [*view.columns, *source.time_columns, *source.id_columns, *start]
    while waiting:
        name = waiting.pop()
        if name in source.derive and name not in found:
            found[name] = source.derive[name]
            waiting += expression(found[name]).columns
    return found
