"""What answers for one model at one moment: its versions, its aliases, its rule at work.

An entry is never changed, only replaced, so a request that reads one sees a whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dovetail.base.errors import ConflictError, DovetailError
from dovetail.serving.errors import UnknownModelError
from dovetail.serving.model import Model
from dovetail.serving.questions import Question, new_name
from dovetail.serving.routing.router import Observers, Router, make_router
from dovetail.serving.traffic import newest

if TYPE_CHECKING:
    from dovetail.serving.routing.document import State

__all__ = ["Loaded", "Table"]


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


class Table:
    """The entries of all models, and what reads them; `Repository` changes them.

    Args:
        observers: gives rules what they need beside themselves.
    """

    def __init__(self, observers: Observers) -> None:
        self._observers = observers
        self._table: dict[str, Loaded] = {}
        self._states: dict[str, State] = {}
        self._graphs: dict[str, Model] = {}

    def choose(self, name: str, version: str = "") -> Model:
        """Return a version of a model.

        Args:
            name: the model, or `MODEL@ALIAS`.
            version: the version or alias; empty for the one that answers most.

        Raises:
            UnknownModelError: there is no such model or version.
            NotReadyError: it is known but not loaded.
        """
        loaded = self._table.get(name)
        if loaded is None:
            base, at, alias = name.rpartition("@")
            if at and base in self._table and not version:
                return self.choose(base, alias)
            raise self._missing(name, version)
        if version:
            model = loaded.versions.get(version) or loaded.named(version)
            if model is None:
                raise self._missing(name, version)
            return model
        if loaded.router is not None:
            weights = loaded.router.weights()
            return loaded.versions[max(weights, key=lambda v: weights[v])]
        if loaded.only is None:
            raise self._missing(name, version)
        return loaded.only

    def pick(self, question: Question) -> Model:
        """Return the version that answers a question; one look at the table, whatever changes.

        Raises:
            UnknownModelError: there is no such model or version.
            NotReadyError: it is known but not loaded.
        """
        loaded = self._table.get(question.model)
        if loaded is None or question.version:
            return self.choose(question.model, question.version)
        if loaded.only is not None:
            return loaded.only
        if question.id is None:
            question.id = new_name(question)
        if loaded.router is None:
            raise self._missing(question.model, "")
        return loaded.router.pick(question)

    def divides(self, name: str) -> bool:
        """Whether a rule decides about each unversioned request for a model."""
        loaded = self._table.get(name)
        return loaded is not None and loaded.only is None

    def loaded(self, name: str = "") -> list[Model]:
        """Return the versions that can answer, of one model or all, in order."""
        tables = self._table
        names = [name] if name else sorted(tables)
        return [
            tables[n].versions[v]
            for n in names
            if n in tables
            for v in sorted(tables[n].versions, key=lambda v: (len(v), v))
        ]

    def versions(self, name: str) -> tuple[str, ...]:
        """Return the loaded versions of a model."""
        return tuple(model.version for model in self.loaded(name))

    def weights(self, name: str) -> dict[str, float]:
        """Return how unversioned requests are divided.

        Raises:
            UnknownModelError: there is no such model.
            NotReadyError: no version of it is loaded.
        """
        loaded = self._table.get(name)
        if loaded is None:
            raise self._missing(name, "")
        if loaded.router is None:
            shares = {loaded.only.version: 1.0} if loaded.only is not None else {}
        else:
            shares = loaded.router.weights()
        return {version: shares.get(version, 0.0) for version in self.versions(name)}

    def router(self, name: str) -> Router | None:
        """Return the rule at work; None where one version answers everything."""
        loaded = self._table.get(name)
        if loaded is None:
            raise self._missing(name, "")
        return loaded.router

    def graphs(self) -> list[Model]:
        """Return the graphs that answer, by name."""
        return [self._graphs[name] for name in sorted(self._graphs)]

    def refuse_graph(self, name: str) -> None:
        """Refuse to do with a graph what is done with models.

        Raises:
            ConflictError: the name is a graph's.
        """
        if name in self._graphs:
            raise ConflictError(f"{name!r} is a graph", fix=f"use /v2/graphs/{name}")

    def _missing(self, name: str, version: str) -> DovetailError:
        """Return why a model or a version cannot answer."""
        return UnknownModelError(name, version)

    def _put_graph(self, name: str, graph: Model | None) -> None:
        """Let a graph answer under a name, or no longer, in one step."""
        table, graphs = dict(self._table), dict(self._graphs)
        if graph is None:
            table.pop(name, None)
            graphs.pop(name, None)
        else:
            table[name] = Loaded({graph.version: graph}, only=graph)
            graphs[name] = graph
        self._table, self._graphs = table, graphs

    def _swap(self, name: str, versions: Mapping[str, Model]) -> None:
        """Let versions answer by the model's rule, in one step."""
        table = dict(self._table)
        if versions:
            table[name] = self._ruled(name, versions)
        else:
            table.pop(name, None)
        self._table = table

    def _ruled(self, name: str, versions: Mapping[str, Model]) -> Loaded:
        """Return the entry of a model with at least one version."""
        state = self._states.get(name)
        if state is None:
            return Loaded(versions, only=versions[newest(versions)])

        def resolve(known: str) -> str | None:
            version = known if known in versions else state.aliases.get(known)
            return version if version in versions else None

        router = make_router(name, state.routing, versions, resolve, self._observers)
        aliases = {alias: v for alias, v in state.aliases.items() if v in versions}
        if isinstance(router, Model):
            return Loaded(versions, aliases, only=router)
        return Loaded(versions, aliases, router=router)
