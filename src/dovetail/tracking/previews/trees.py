"""JSON and YAML documents as a tree that can be folded, bounded in depth and in size."""

import json
from collections.abc import Iterator
from typing import Any

from dovetail.base.extras import require
from dovetail.tracking.previews.values import Node, Preview

__all__ = ["LARGEST", "LARGEST_YAML", "from_json", "from_yaml", "load_yaml", "tree"]

LARGEST = 512 << 10
LARGEST_YAML = 128 << 10
DEEPEST_YAML = 100
NODES, DEPTH, LEAF = 1000, 40, 500
_KINDS = {str: "text", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def from_json(text: str) -> Preview | None:
    """Return the tree of a JSON document, or None if it is none."""
    try:
        return _preview(json.loads(text))
    except (ValueError, RecursionError):
        return None


def from_yaml(text: str) -> Preview | None:
    """Return the tree of a YAML document, or None if it is none or refers to itself."""
    try:
        return _preview(load_yaml(text))
    except (ValueError, RecursionError):
        return None


def load_yaml(text: str) -> Any:
    """Return what a YAML document holds: plain values only, nothing is made or called.

    Args:
        text: the document. One with references is refused: few bytes could stand for very many.

    Raises:
        ValueError: it is not YAML, or has references.
        MissingExtraError: PyYAML is not installed.
    """
    yaml = require("yaml", extra="tracking", feature="reading YAML")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("the document has references")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST_YAML:  # the loader in C has no limit of its own and would crash
                raise ValueError("the document is too deep")
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _preview(document: Any) -> Preview:
    found, is_cut = tree(document)
    notes = [f"The first {NODES:,} values are shown."] if is_cut else []
    return Preview(kind="tree", tree=found, notes=notes)


def tree(document: Any) -> tuple[Node, bool]:
    """Return a document as a tree, and whether some of it was left out."""
    left = [NODES]
    made = _node("", document, 0, left)
    return made, left[0] < 0


def _node(key: str, value: Any, depth: int, left: list[int]) -> Node:
    left[0] -= 1
    if isinstance(value, dict | list):
        return _inner(key, value, depth, left)
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    cut = len(text) > LEAF
    kind = _KINDS.get(type(value), "text")
    return Node(key=key, kind=kind, text=text[:LEAF] + "…" if cut else text, cut=cut)


def _inner(key: str, value: Any, depth: int, left: list[int]) -> Node:
    kind = "object" if isinstance(value, dict) else "list"
    noun = "field" if kind == "object" else "item"
    text = f"{len(value):,} {noun}{'' if len(value) == 1 else 's'}"
    if depth >= DEPTH:
        return Node(key=key, kind=kind, text=text, cut=bool(value))
    children: list[Node] = []
    for name, child in _items(value):
        if left[0] <= 0:
            left[0] = -1
            return Node(key=key, kind=kind, text=text, children=children, cut=True)
        children.append(_node(name[:LEAF], child, depth + 1, left))
    return Node(key=key, kind=kind, text=text, children=children)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in pairs:
        yield str(key), child
