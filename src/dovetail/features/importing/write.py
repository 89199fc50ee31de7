"""Writes what was found in a Feast repository as a definitions file of ours.

Names and texts of the repository become Python literals and comments, never code.
"""

import keyword
import re
from collections.abc import Sequence

from dovetail.features.importing.found import FoundRepository, FoundSource, FoundView
from dovetail.features.moments import span_text

__all__ = ["written"]

WIDTH = 100
_CLASSES = {
    "parquet": "ParquetSource",
    "csv": "CsvSource",
    "delta": "DeltaSource",
    "push": "PushSource",
}


def written(found: FoundRepository) -> str:
    """Return the text of a definitions file."""
    names = _Identifiers()
    entities = dict(pair for view in found.views for pair in view.entities)
    keys: dict[str, list[str]] = {}
    for view in found.views:
        for name, key in view.entities:
            held = keys.setdefault(name, [])
            if key not in held:
                held.append(key)
    sources = {view.source.name: view.source for view in found.views}
    called = {("entity", name): names.give(name) for name in entities}
    called |= {("source", name): names.give(name, "source") for name in sources}
    called |= {("view", view.name): names.give(view.name, "view") for view in found.views}
    used = {"Entity"} if entities else set()
    used |= {_CLASSES[source.kind] for source in sources.values()}
    used |= {"LatestView"} if found.views else set()
    used |= {"FeatureService"} if found.services else set()
    whole = {view.name: view.features for view in found.views}
    parts = [
        f'"""Features, taken over from {_comment(found.read_from)}."""',
        "from datetime import timedelta" if any(v.ttl_us % 1_000_000 for v in found.views) else "",
        f"from dovetail.features import {', '.join(sorted(used))}",
        "\n".join(
            f"{called['entity', name]} = {_entity(name, joined)}" for name, joined in keys.items()
        ),
        "\n".join(f"{called['source', n]} = {_source(one)}" for n, one in sources.items()),
        *(f"{called['view', view.name]} = {_view(view, called)}" for view in found.views),
    ]
    for service in found.services:
        chosen = [
            called["view", view] + (f"[{_listed([_text(f) for f in features])}]"
                                    if features and features != whole[view] else "")
            for view, features in service.features
        ]  # fmt: skip
        call = _call("FeatureService", [_text(service.name), _listed(chosen)])
        parts.append(f"{names.give(service.name, 'service')} = {call}")
    parts += [_lost(one.what, one.why, one.text) for one in found.lost]
    return "\n\n".join(part for part in parts if part) + "\n"


def _entity(name: str, keys: Sequence[str]) -> str:
    return (
        f"Entity({_text(name)})"
        if list(keys) == [name]
        else f"Entity({_text(name)}, {_listed([_text(k) for k in keys])})"
    )


def _source(source: FoundSource) -> str:
    arguments = [_text(source.name)]
    if source.path:
        arguments.append(f"path={_text(source.path)}")
    arguments.append(f"event_time={_text(source.event_time)}")
    if source.created and source.created != source.event_time:
        arguments.append(f"known_at={_text(source.created)}")
    return _call(_CLASSES[source.kind], arguments)


def _view(view: FoundView, called: dict[tuple[str, str], str]) -> str:
    entities = list(dict.fromkeys(called["entity", name] for name, _ in view.entities))
    arguments = [
        _text(view.name),
        f"entities=[{', '.join(entities)}]",
        f"source={called['source', view.source.name]}",
        f"features={_listed([_text(f) for f in view.features])}",
    ]
    if view.ttl_us:
        arguments.append(f"ttl={_span(view.ttl_us)}")
    return _call("LatestView", arguments)


def _span(length: int) -> str:
    if length % 1_000_000:
        return f"timedelta(microseconds={length})"
    return _text(span_text(length))


def _call(name: str, arguments: Sequence[str]) -> str:
    line = f"{name}({', '.join(arguments)})"
    if len(line) <= WIDTH - 30 and "\n" not in line:
        return line
    inside = "".join(f"    {one},\n" for one in arguments)
    return f"{name}(\n{inside})"


def _listed(parts: Sequence[str]) -> str:
    line = f"[{', '.join(parts)}]"
    if len(line) <= WIDTH - 20:
        return line
    return "[\n" + "".join(f"        {one},\n" for one in parts) + "    ]"


def _lost(what: str, why: str, text: str) -> str:
    lines = [f"# Not carried over: {_comment(what)}; {_comment(why)}."]
    lines += [f"#     {_printable(line)}".rstrip() for line in text.splitlines()]
    return "\n".join(lines)


def _comment(text: str) -> str:
    """Return a text as one harmless line."""
    return _printable(" ".join(text.split())).replace('"', "'").replace("\\", "/")


def _text(text: str) -> str:
    """Return a text as a literal, in double quotes where that needs no escapes."""
    literal = repr(text)
    return f'"{text}"' if literal == f"'{text}'" and '"' not in text else literal


def _printable(line: str) -> str:
    return "".join(c for c in line.replace("\t", "    ") if c.isprintable())


class _Identifiers:
    """Gives each thing a Python name of its own."""

    def __init__(self) -> None:
        self._given: set[str] = set(_CLASSES.values()) | {"Entity", "LatestView", "FeatureService"}
        self._given.add("timedelta")

    def give(self, name: str, kind: str = "") -> str:
        """Return a free identifier that is like a name."""
        plain = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "thing"
        if plain[0].isdigit() or keyword.iskeyword(plain):
            plain = f"_{plain}"
        wanted = plain if plain not in self._given else f"{plain}_{kind or 'entity'}"
        number = 2
        while wanted in self._given:
            wanted, number = f"{plain}_{number}", number + 1
        self._given.add(wanted)
        return wanted
