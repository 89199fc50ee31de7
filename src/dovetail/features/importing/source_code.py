"""Reads Feast's Python definitions without running them.

A definitions file is a list of assignments of constructor calls, nearly always with constants and
names. That much is read from the syntax tree; what needs more is told, not guessed.
"""

import ast
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from dovetail.features.importing.found import (
    FoundRepository,
    FoundService,
    FoundSource,
    FoundView,
    file_kind,
)

__all__ = ["read_source"]

PORT = "write it as an expression or compute it in the model's own code"
ODD = object()
"""A value that only running the file would tell."""
_MICROSECOND = timedelta(microseconds=1)


class _Made:
    """A call of a constructor: its name and its arguments."""

    def __init__(self, kind: str, arguments: Mapping[str, Any], first: Any, wanted: Any = None):
        self.kind, self.arguments, self.first, self.wanted = kind, arguments, first, wanted

    def get(self, *names: str, default: Any = None) -> Any:
        for name in names:
            if name in self.arguments:
                return self.arguments[name]
        return default

    @property
    def name(self) -> str:
        found = self.get("name", default=self.first)
        return found if isinstance(found, str) else ""

    def narrowed(self, wanted: Any) -> "_Made":
        return _Made(self.kind, self.arguments, self.first, wanted)


def read_source(files: Mapping[Path, str], read_from: str) -> FoundRepository:
    """Read definitions files.

    Args:
        files: Their texts.
        read_from: What to call them.
    """
    found, names = FoundRepository(read_from=read_from), _Names()
    made: list[_Made] = []
    for path, text in files.items():
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            found.lose(f"file {path.name}", f"line {error.lineno} is no Python: {error.msg}")
            continue
        for statement in tree.body:
            made += names.take(statement, text, found)
    views: dict[str, FoundView] = {}
    for one in made:
        if one.kind in ("FeatureView", "BatchFeatureView") and (view := _view(one, found)):
            views[view.name] = view
    found.views += views.values()
    found.services += [s for one in made if one.kind == "FeatureService"
                       if (s := _service(one, views, found))]  # fmt: skip
    for one in made:
        if one.kind in ("StreamFeatureView", "OnDemandFeatureView"):
            found.lose(f"view {one.name!r}", PORT)
        elif one.kind == "LabelView":
            found.lose(f"label view {one.name!r}", "labels belong to the data piece")
    return found


class _Names:
    """What names stand for, as far as constants and constructor calls tell."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def take(self, statement: ast.stmt, text: str, found: FoundRepository) -> list[_Made]:
        """Take one statement in; returns the objects that it makes."""
        if isinstance(statement, ast.FunctionDef):
            if any("on_demand_feature_view" in ast.unparse(d) for d in statement.decorator_list):
                code = ast.get_source_segment(text, statement) or ""
                found.lose(f"on-demand view {statement.name!r}", PORT, code)
                self._known[statement.name] = _Made("OnDemandFeatureView", {}, statement.name)
            return []
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            value = self.value(statement.value)
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    self._known[target.id] = value
            return [value] if isinstance(value, _Made) else []
        return []

    def value(self, node: ast.expr) -> Any:
        """Return what an expression stands for; ODD where only running it would tell."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.List | ast.Tuple):
            return [self.value(one) for one in node.elts]
        if isinstance(node, ast.Name):
            return self._known.get(node.id, ODD)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Subscript):
            of, wanted = self.value(node.value), self.value(node.slice)
            return of.narrowed(wanted) if isinstance(of, _Made) else ODD
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            left, right = self.value(node.left), self.value(node.right)
            numbers = isinstance(left, int | timedelta) and isinstance(right, int | timedelta)
            return left * right if numbers and {type(left), type(right)} != {timedelta} else ODD
        return ODD

    def _call(self, node: ast.Call) -> Any:
        kind = ast.unparse(node.func).rpartition(".")[2]
        arguments = {k.arg: self.value(k.value) for k in node.keywords if k.arg}
        if kind == "timedelta":
            if node.args or not all(isinstance(v, int | float) for v in arguments.values()):
                plain = [self.value(a) for a in node.args]
                return timedelta(days=plain[0]) if plain and isinstance(plain[0], int) else ODD
            return timedelta(**arguments)
        return _Made(kind, arguments, self.value(node.args[0]) if node.args else None)


def _view(made: _Made, found: FoundRepository) -> FoundView | None:
    source = made.get("source", "batch_source", "stream_source")
    entities, schema = made.get("entities", default=[]), made.get("schema", "features", default=[])
    told = isinstance(source, _Made) and source.kind.endswith("Source")
    if not made.name or not told or not isinstance(entities, list):
        found.lose(f"view {made.name!r}", "its source or entities are made by code; define it here")
        return None
    keys: list[tuple[str, str]] = []
    for entity in entities:
        if isinstance(entity, _Made):
            joined = entity.get("join_keys", default=None) or [
                entity.get("join_key") or entity.name
            ]
            keys += [(entity.name, key) for key in joined if isinstance(key, str)]
        elif isinstance(entity, str):
            keys.append((entity, entity))
    fields = schema if isinstance(schema, list) else []
    columns = [one.name for one in fields if isinstance(one, _Made) and one.name]
    features = tuple(c for c in columns if c not in {key for _, key in keys})
    if not features:
        found.lose(f"view {made.name!r}", "it has no schema in the file: run feast apply first")
        return None
    ttl = made.get("ttl")
    return FoundView(
        name=made.name,
        entities=tuple(keys),
        features=features,
        ttl_us=ttl // _MICROSECOND if isinstance(ttl, timedelta) else 0,
        source=_source(source, made.name, found),
        description=_string(made.get("description")),
        owner=_string(made.get("owner")),
    )


def _source(made: _Made, view: str, found: FoundRepository) -> FoundSource:
    batch = made.get("batch_source") if made.kind != "FileSource" else made
    name = made.name or f"{view}_source"
    if not isinstance(batch, _Made) or batch.kind != "FileSource":
        if made.kind != "PushSource":
            found.lose(
                f"table behind source {name!r} ({made.kind})",
                "export it to Parquet or Delta, or push its rows",
            )
        batch = batch if isinstance(batch, _Made) else made
        path = ""
    else:
        path = _string(batch.get("path", default=batch.first)).removeprefix("file://")
        if not path:
            found.lose(f"path of source {name!r}", "it is made by code; write it here")
    if batch.get("field_mapping"):
        found.lose(f"field mapping of source {name!r}", "rename the columns in the table")
    is_delta = (
        isinstance(batch.get("file_format"), _Made) and "Delta" in batch.get("file_format").kind
    )
    return FoundSource(
        name=name,
        path=path,
        kind=("delta" if is_delta else file_kind(path)) if path else "push",
        event_time=_string(batch.get("timestamp_field", "event_timestamp_column"))
        or "event_timestamp",
        created=_string(batch.get("created_timestamp_column")),
    )


def _service(
    made: _Made, views: Mapping[str, FoundView], found: FoundRepository
) -> FoundService | None:
    parts: list[tuple[str, tuple[str, ...]]] = []
    listed = made.get("features", default=[])
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, _Made) or one.name not in views:
            name = one.name if isinstance(one, _Made) else "?"
            found.lose(f"features of {name!r} in service {made.name!r}", "it is not carried over")
            continue
        wanted = one.wanted if isinstance(one.wanted, list) else views[one.name].features
        parts.append((one.name, tuple(f for f in wanted if isinstance(f, str))))
    if not parts:
        found.lose(f"service {made.name!r}", "none of its views is carried over")
        return None
    described = _string(made.get("description"))
    return FoundService(name=made.name, features=tuple(parts), description=described)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
