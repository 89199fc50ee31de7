"""The definitions file of a suggestion, as a person would write and keep it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dovetail.features.sources import Source
from dovetail.features.views import LatestView, StaticView, View, WindowView

WIDTH = 100


@dataclass(frozen=True)
class Call:
    """A call in Python, written on one line if it fits and one argument a line if not."""

    name: str
    args: Sequence[str]

    def text(self, before: str = "", after: str = "") -> str:
        """Write it between what comes before and after it on its line."""
        line = f"{before}{self.name}({', '.join(self.args)}){after}"
        if len(line) <= WIDTH:
            return line
        inner = "".join(f"    {_long(argument)},\n" for argument in self.args)
        return f"{before}{self.name}(\n{inner}){after}"


def source_text(source: Source, out: Path) -> str:
    """Write a source; its path becomes relative to the folder of the file."""
    args = [quoted(source.name), f"path={quoted(_relative(source.path, out))}"]
    args.append(f"event_time={quoted(source.event_time)}")
    if source.known_at and source.known_at != source.event_time:
        args.append(f"known_at={quoted(source.known_at)}")
    if source.id_columns:
        args.append(f"id={_names(source.id_columns)}")
    if source.derive:
        args.append(f"derive={_table(source.derive)}")
    return Call(type(source).__name__, args).text(f"{source.name} = ")


def view_text(view: View) -> str:
    """Write a view, by the names of its entities and its source."""
    keys = ", ".join(key for key in view.keys)
    args = [quoted(view.name), f"entities=[{keys}]", f"source={view.source.name}"]
    if isinstance(view, WindowView):
        args.append(f"tile={quoted(str(view.tile))}")
        args.append(f"windows={_list(map(quoted, map(str, view.windows)))}")
        args.append(f"aggregations={_list(map(repr_of, view.aggregations))}")
    elif isinstance(view, LatestView):
        args.append(f"features={_list(map(quoted, view.features))}")
        if view.ttl and not isinstance(view, StaticView):
            args.append(f"ttl={quoted(str(view.ttl))}")
    return Call(type(view).__name__, args).text(f"{view.name} = ")


def repr_of(aggregation: object) -> str:
    """Write an aggregation with the arguments that are not as by default."""
    from dataclasses import MISSING, fields

    args = []
    for field in fields(aggregation):  # type: ignore[arg-type]
        value = getattr(aggregation, field.name)
        if field.default is MISSING:
            args.append(_value(value))
        elif value != field.default:
            args.append(
                _value(value) if field.name == "column" else f"{field.name}={_value(value)}"
            )
    return f"{type(aggregation).__name__}({', '.join(args)})"


def _value(value: object) -> str:
    return quoted(value) if isinstance(value, str) else f"{value!r}".removesuffix(".0")


def quoted(text: str) -> str:
    """Write a text as Python does, in double quotes."""
    import json

    return json.dumps(text, ensure_ascii=False)


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"


def _names(names: Sequence[str]) -> str:
    return quoted(names[0]) if len(names) == 1 else _list(map(quoted, names))


def _table(entries: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{quoted(k)}: {quoted(v)}" for k, v in entries.items()) + "}"


def _long(argument: str) -> str:
    """Break a list that does not fit on a line of its own, one item a line."""
    if len(argument) + 5 <= WIDTH or not argument.endswith(("]", "}")):
        return argument
    start = argument.index("=") + 1
    opening, body, closing = argument[start], argument[start + 1 : -1], argument[-1]
    items = "".join(f"        {item},\n" for item in _items(body))
    return f"{argument[:start]}{opening}\n{items}    {closing}"


def _items(body: str) -> list[str]:
    """Split what stands between brackets at its outer commas."""
    found, depth, start, quoted = [], 0, 0, False
    for at, letter in enumerate(body):
        if letter == '"' and body[at - 1 : at] != "\\":
            quoted = not quoted
        elif quoted:
            continue
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and not depth:
            found.append(body[start:at].strip())
            start = at + 1
    return [*found, body[start:].strip()]


def _relative(path: str, out: Path) -> str:
    return Path(os.path.relpath(Path(path).resolve(), out.resolve().parent)).as_posix()
