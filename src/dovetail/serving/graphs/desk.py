"""The graphs of a server: put, listed, deleted, and there again after a restart."""

import re
import threading
from collections.abc import Collection
from datetime import UTC, datetime

import msgspec

from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import (
    ConflictError,
    DovetailError,
    InvalidInputError,
    NotFoundError,
)
from dovetail.base.telemetry import logger
from dovetail.serving.engine import Engine
from dovetail.serving.graphs.document import Graph
from dovetail.serving.graphs.model import GraphModel
from dovetail.serving.graphs.remote import Remotes
from dovetail.serving.graphs.run import Runner
from dovetail.serving.graphs.store import GraphStore, Kept
from dovetail.serving.limits import Limits

__all__ = ["GraphDesk", "GraphEntry"]

log = logger("serving")
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,99}")


class GraphEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A graph as the API shows it.

    Attributes:
        name: of the graph.
        revision: how often it was put; the version that answers name.
        since: RFC 3339.
        actor: who put it.
        graph: what it is; it can be put again as it is.
    """

    name: str
    revision: int
    since: str
    actor: str
    graph: Graph


class GraphDesk:
    """Keeps and changes graphs.

    Args:
        engine: answers their steps.
        store: where they are kept.
        allowed: URLs of other servers that steps may ask.
        limits: how much of the server one graph may take.
        clock: what time it is.
    """

    def __init__(
        self,
        engine: Engine,
        store: GraphStore,
        allowed: Collection[str],
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._engine, self._store, self._clock = engine, store, clock
        self._repository, self._allowed, self._limits = engine.repository, allowed, limits
        self._remotes = Remotes()
        self._kept: dict[str, Kept] = {}
        self._generation = -1
        self._change = threading.RLock()

    def refresh(self) -> None:
        """Become what the store says, if something changed it."""
        with self._change:
            generation = self._store.generation()
            if generation == self._generation:
                return
            kept = {one.name: one for one in self._store.all()}
            for name in set(self._kept) - set(kept):
                self._repository.put_graph(name, None)
            for name, one in kept.items():
                if self._kept.get(name) == one:
                    continue
                try:
                    self._open(one)
                except DovetailError as error:  # a model took the name meanwhile
                    log.error("graph not served", graph=name, why=str(error))
            self._kept, self._generation = kept, generation

    def list(self) -> list[GraphEntry]:
        """Return every graph, by name."""
        return [_entry(self._kept[name]) for name in sorted(self._kept)]

    def get(self, name: str) -> GraphEntry:
        """Return one graph.

        Raises:
            NotFoundError: there is none of that name.
        """
        if name not in self._kept:
            raise NotFoundError(f"graph {name!r} is not known", fix="GET /v2/graphs lists them")
        return _entry(self._kept[name])

    def put(self, name: str, graph: Graph, actor: str = "") -> GraphEntry:
        """Serve a graph, in place of the one of that name; requests that run are finished on it.

        Raises:
            InvalidInputError: it cannot run, or the name is not one.
            ConflictError: a model has the name.
        """
        if not _NAME.fullmatch(name) or graph.name not in ("", name):
            raise InvalidInputError(
                f"{graph.name or name!r} cannot be the name of graph {name!r}",
                fix="letters, digits, dots, dashes and underscores, the same in path and file",
            )
        graph.check(self._allowed)
        with self._change:
            self.refresh()
            self._check_models(name, graph)
            if name in self._repository.names():
                raise ConflictError(f"{name!r} is a model", fix="give the graph another name")
            kept = self._store.put(name, graph, now_ms(self._clock), actor)
            self._open(kept)
            self._kept = {**self._kept, name: kept}
        log.info("graph put", graph=name, revision=kept.revision, actor=actor or None)
        return _entry(kept)

    def delete(self, name: str) -> None:
        """Serve a graph no longer; requests that run are finished.

        Raises:
            NotFoundError: there is none of that name.
            ConflictError: another graph asks it.
        """
        with self._change:
            self.refresh()
            self.get(name)
            for other in self._kept.values():
                if other.name != name and name in other.graph.models():
                    raise ConflictError(
                        f"graph {other.name!r} asks graph {name!r}", fix="change that one first"
                    )
            self._store.delete(name)
            self._repository.put_graph(name, None)
            self._kept = {n: kept for n, kept in self._kept.items() if n != name}

    def close(self) -> None:
        """Close connections to other servers."""
        self._remotes.close()

    def _open(self, kept: Kept) -> None:
        """Let a kept graph answer."""
        repository = self._repository
        runner = Runner(kept.name, kept.graph, self._engine.ask, self._remotes, self._is_quick)
        models = {name: m for name in kept.graph.models() for m in repository.loaded(name)[-1:]}
        revision = str(kept.revision)
        model = GraphModel(kept.name, revision, kept.graph, runner, models, self._limits)
        repository.put_graph(kept.name, model)

    def _is_quick(self, name: str) -> bool:
        return all(model.is_quick for model in self._repository.loaded(name))

    def _check_models(self, name: str, graph: Graph) -> None:
        """Refuse models that are not there, and graphs that ask each other in a circle."""
        for _, _, step in graph.steps():
            if step.model is not None and step.url is None and step.model != name:
                self._repository.choose(step.model, step.version)
        asks = {one.name: one.graph.models() for one in self._kept.values()}
        asks[name] = graph.models()
        waiting, seen = list(asks[name]), set()
        while waiting:
            one = waiting.pop()
            if one == name:
                raise InvalidInputError(
                    f"graph {name!r} would ask itself", fix="let no graph that it asks lead back"
                )
            if one not in seen:
                seen.add(one)
                waiting += asks.get(one, ())


def _entry(kept: Kept) -> GraphEntry:
    since = datetime.fromtimestamp(kept.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return GraphEntry(
        name=kept.name,
        revision=kept.revision,
        since=since.replace("+00:00", "Z"),
        actor=kept.actor,
        graph=kept.graph,
    )
