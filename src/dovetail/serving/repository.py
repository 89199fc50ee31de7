"""Models by version: loading, unloading, and which version answers.

Requests read one immutable table and never wait. A change loads the new version first, writes the
store, then swaps the table; whoever still runs on the old version finishes on it, and it is let go
when the last of them is done. A model that cannot be loaded fails alone and keeps the reason.
`routing.desk` changes the rules by which versions share the requests.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import ConflictError, DovetailError
from dovetail.base.telemetry import logger
from dovetail.serving.errors import NotReadyError, UnknownModelError
from dovetail.serving.files import Files
from dovetail.serving.layouts import shelf
from dovetail.serving.layouts.card import Placed
from dovetail.serving.layouts.catalog import Catalog
from dovetail.serving.model import Model
from dovetail.serving.opening import Opener
from dovetail.serving.reasons import Reasons
from dovetail.serving.routing.document import (
    Fixed,
    Routing,
    State,
    answers,
    check_routing,
    without,
)
from dovetail.serving.routing.router import Observers
from dovetail.serving.routing.table import Loaded, Table
from dovetail.serving.sources import Sources, parse_uri
from dovetail.serving.store import Store, Version
from dovetail.serving.traffic import newest
from dovetail.wire.http import WireError
from dovetail.wire.open_inference import IndexEntry

__all__ = ["Repository"]

log = logger("serving")


class Repository(Table):
    """All models of a server.

    Args:
        store: what is remembered.
        files: where the models' files are kept.
        sources: where they come from.
        opener: opens what is kept.
        clock: what time it is.
        catalog: the repository folders that models are found in; None where there are none.
        observers: gives rules what they learn with.
    """

    def __init__(
        self,
        store: Store,
        files: Files,
        sources: Sources,
        *,
        opener: Opener,
        clock: Clock,
        catalog: Catalog | None = None,
        observers: Observers,
    ) -> None:
        super().__init__(observers)
        self._store, self._files, self._sources, self._opener = store, files, sources, opener
        self._clock, self._catalog = clock, catalog
        self._known: dict[tuple[str, str], Version] = {}
        self._reasons = Reasons(store)
        self._brought: set[tuple[str, str]] = set()
        self._generation = -1
        self._ahead: dict[tuple[str, str], Model] = {}
        """What a look opened that came to nothing, since the store changed meanwhile."""
        self._change = threading.RLock()
        self.awaited: Callable[[], Mapping[str, str]] = dict
        """Models that are to come, and what keeps each; empty where it is just being loaded."""
        self._loading: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)

    # What is there

    def put_graph(self, name: str, graph: Model | None) -> None:
        """Let a graph answer under a name, or no longer.

        Raises:
            ConflictError: a model has that name.
        """
        with self._change:
            if name in self.names():
                raise ConflictError(f"{name!r} is a model", fix="give the graph another name")
            self._put_graph(name, graph)

    def index(self) -> list[IndexEntry]:
        """List every version that is loaded or was, with the reason where it is not."""
        entries = []
        for key in sorted({*self._known, *self._reasons}):
            name, version = key
            ready = name in self._table and version in self._table[name].versions
            reason = "" if ready else self._reasons.get(key, "unloaded")
            state = "READY" if ready else "UNAVAILABLE"
            entries.append(IndexEntry(name=name, version=version, state=state, reason=reason))
        for graph in self.graphs():
            entries.append(IndexEntry(name=graph.name, version=graph.version, state="READY"))
        known = self.names()
        awaited = {name: why for name, why in self.awaited().items() if name not in known}
        entries += [
            IndexEntry(name=name, state="UNAVAILABLE" if why else "LOADING", reason=why)
            for name, why in awaited.items()
        ]
        if self._catalog is not None:
            entries += shelf.not_loaded(self._catalog, known | awaited.keys())
        return sorted(entries, key=lambda entry: entry.name)

    def tells(self, why: str) -> bool:
        """Whether a reason is one that the index gives, and the log has given."""
        return any(self._reasons.get(key) == why for key in list(self._reasons))

    def names(self) -> set[str]:
        """Return the names of all models that are loaded, were, or could not be."""
        return {name for name, _ in (*self._known, *self._reasons)}

    def _missing(self, name: str, version: str) -> DovetailError:
        keys = [key for key in {*self._known, *self._reasons} if key[0] == name]
        if version and keys and (name, version) not in keys:
            return UnknownModelError(name, version, self.versions(name))
        if not keys:
            awaited = self.awaited()
            if name in awaited:
                why, again = awaited[name] or "it is being loaded", "the server tries; ask again"
                return NotReadyError(name, why, fix=again)
            return UnknownModelError(name, names=self.names())
        reasons = {self._reasons.get(key, "") for key in keys if version in ("", key[1])} - {""}
        if not reasons:
            return UnknownModelError(name, version, self.versions(name), unloaded=True)
        return NotReadyError(name, "; ".join(sorted(reasons)))

    # Rules

    def state(self, name: str) -> State:
        """Return the rule and the aliases that are in force.

        Raises:
            UnknownModelError: there is no such model.
            NotReadyError: no version of it is loaded.
        """
        if name not in self._table or name not in self._states:
            raise self._missing(name, "")
        return self._states[name]

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other changes away while a rule is made from the one in force."""
        with self._change:
            self.refresh()
            yield

    def put_state(self, state: State) -> State:
        """Put a rule and aliases in force, and keep them.

        Raises:
            UnknownModelError: no version of the model is loaded, or one that it names is not.
            InvalidInputError: it makes no sense.
        """
        with self._change:
            loaded = self._table.get(state.model)
            if loaded is None:
                raise self._missing(state.model, "")
            for version in state.aliases.values():
                if version not in loaded.versions:
                    raise UnknownModelError(state.model, version, tuple(loaded.versions))
            known = {*loaded.versions, *state.aliases}
            routing = check_routing(state.model, state.routing, known)
            state = msgspec.structs.replace(state, routing=routing, at_ms=now_ms(self._clock))
            self._states[state.model] = self._store.put_state(state)
            self._swap(state.model, loaded.versions)
            return self._states[state.model]

    # Loading and unloading

    def load(
        self, name: str, uri: str = "", *, version: str = "", anywhere: bool = False,
        pinned: bool = True,
    ) -> list[str]:  # fmt: skip
        """Load a version beside the others, or again what a name was before.

        Args:
            name: the name under which it will be called.
            uri: `models:/NAME/VERSION`, `models:/NAME@ALIAS` or a path; empty loads what is known.
            version: the version's name; needed only for a path, where it is "1" by default.
            anywhere: whether the operator named the path, so that it may lie outside `folders`.
                Whether it may execute code is for `trust` alone to say.
            pinned: whether someone asked for this very version.

        Returns:
            The versions that were loaded.

        Raises:
            UnknownModelError: no URI is given and nothing is known of the name.
            DovetailError: it could not be fetched or loaded.
        """
        self.refuse_graph(name)
        if not uri:
            placed = self._catalog.find(name) if self._catalog is not None else []
            if self._catalog is not None and placed:
                return shelf.load_placed(self, self._catalog, placed, version)
            return self._load_known(name, version)
        named = parse_uri(uri)
        if named is None:
            chosen = version or "1"
            self._fetch_and_load(
                name, chosen, uri, pinned,
                lambda target: self._sources.fetch_path(uri, target, anywhere=anywhere),
            )  # fmt: skip
            return [chosen]
        chosen = named.version or self._sources.resolve_alias(named.name, named.alias)
        self._fetch_and_load(
            name, chosen, named.at(chosen), pinned,
            lambda target: self._sources.fetch_version(named.name, chosen, target),
        )  # fmt: skip
        return [chosen]

    def _load_known(self, name: str, version: str) -> list[str]:
        found = [
            v for (model, known), v in self._known.items()
            if model == name and version in ("", known)
            and (self._catalog is None or not self._catalog.owns(v.uri))
        ]  # fmt: skip
        if not found:
            why = "; ".join(sorted({self._reasons[key] for key in self._failed(name, version)}))
            if why:
                raise NotReadyError(name, why, fix="say with uri where to load it from")
            raise UnknownModelError(name, names=self.names())
        self._admit([replace(one, wanted=True) for one in found])
        return [one.version for one in found]

    def _fetch_and_load(
        self, name: str, version: str, uri: str, pinned: bool, fetch: Callable[[Path], None]
    ) -> None:
        with self._loading[name, version]:
            known = self._known.get((name, version))
            is_same = known is not None and known.uri == uri and uri.startswith("models:/")
            if is_same and known is not None and version in self.versions(name):
                if pinned and not known.pinned:
                    self._keep([replace(known, pinned=True)])
                return
            try:
                digest = self._files.put(name, version, fetch)
            except (DovetailError, WireError, OSError) as error:
                if self._reasons.get((name, version)) != str(error):
                    log.error("model not loaded", model=name, version=version, why=str(error))
                self._reasons[name, version] = str(error)
                raise
            pinned = pinned or (known is not None and known.pinned and known.wanted)
            fresh = Version(name, version, uri, digest, pinned, True, now_ms(self._clock))
            if known is not None and known.digest == digest and version in self.versions(name):
                self._keep([fresh])
            else:
                self._admit([fresh])

    def _admit(self, versions: list[Version]) -> None:
        """Open versions of a model and let them answer beside the others, by the rule it has."""
        name = versions[0].model
        opened, failed = {}, []
        for version in versions:
            try:
                opened[version.version] = self._open(version)
            except DovetailError as error:
                failed.append(error)
        if not opened:
            raise failed[0]
        with self._change:
            old = self._table.get(name, Loaded())
            for one in opened:
                if one in old.aliases:
                    raise ConflictError(
                        f"{one!r} is an alias of version {old.aliases[one]!r}",
                        fix="give the version another name",
                    )
            known = {**old.versions, **opened}
            first = (
                None if answers(self._states.get(name), known) else Fixed(version=newest(opened))
            )
            self._keep([v for v in versions if v.version in opened], first)
            self._swap(name, known)
        if failed:
            raise failed[0]

    def _open(self, version: Version) -> Model:
        """Load the kept files of a version, or remember why they cannot be."""
        key = version.model, version.version
        try:
            model = self._opener.open(version)
        except DovetailError as error:
            if self._opener.has_stopped:
                raise
            if self._reasons.get(key) != str(error):  # a follower tries again and again
                log.error("model not loaded", model=key[0], version=key[1], why=str(error))
            self._reasons[key] = str(error)
            raise
        self._reasons.pop(key, None)
        log.info("model loaded", model=key[0], version=key[1], serves=model.compilation.serves)
        return model

    def _failed(self, name: str, version: str) -> list[tuple[str, str]]:
        """Return the versions of a model, or that one, which are not loaded for a reason."""
        return [key for key in list(self._reasons) if key[0] == name and version in ("", key[1])]

    def _forget_failed(self, name: str, version: str) -> bool:
        """No longer want versions that could not be loaded; False where there are none."""
        failed = self._failed(name, version)
        kept = [self._known[key] for key in failed if key in self._known]
        for key in failed:
            self._reasons.pop(key, None)
        if kept:
            self._keep([replace(one, wanted=False, pinned=False) for one in kept])
        return bool(failed)

    def unload(self, name: str, version: str = "") -> None:
        """Stop serving a model or one version; requests that run are finished.

        One that could not be loaded is forgotten, and not tried at the next start.

        Raises:
            UnknownModelError: it is not loaded.
        """
        self.refuse_graph(name)
        with self._change:
            loaded = self._table.get(name)
            if loaded is None or (version and loaded.named(version) is None):
                if self._forget_failed(name, version):
                    return
                raise UnknownModelError(name, version, tuple(loaded.versions) if loaded else ())
            gone = set(loaded.versions) if not version else {loaded.aliases.get(version, version)}
            left = {v: model for v, model in loaded.versions.items() if v not in gone}
            changed = [
                replace(self._known[name, v], wanted=False, pinned=False) for v in sorted(gone)
            ]
            self._store.put_versions(changed)
            self._known.update({(v.model, v.version): v for v in changed})
            state = without(self._states.get(name), gone, left)
            if state is not None:
                state = msgspec.structs.replace(state, at_ms=now_ms(self._clock))
                self._states[name] = self._store.put_state(state)
            self._swap(name, left)

    # Repository folders

    def bring(self, placed: Placed) -> None:
        """Load a version that a folder holds; if it cannot be loaded, the index says why.

        Raises:
            DovetailError: it cannot be loaded.
        """
        self._brought.add((placed.name, placed.version))
        self._fetch_and_load(placed.name, placed.version, placed.uri, True, placed.write)
        self._reasons.pop((placed.name, ""), None)

    def known_below(self, name: str, owns: Callable[[str], bool]) -> list[str]:
        """Return the versions of a model that came from where `owns` says."""
        known = [
            v.version for (model, _), v in self._known.items() if model == name and owns(v.uri)
        ]
        return known + [v for n, v in self._brought if n == name and (n, v) not in self._known]

    def retire(self, name: str, version: str, why: str) -> None:
        """Unload a version that is gone where it came from; the index says why."""
        if version in self.versions(name):
            self.unload(name, version)
        known = self._known.get((name, version))
        self._brought.discard((name, version))
        if known is None:
            self._reasons.pop((name, version), None)
            return
        if known.wanted:
            with self._change:
                self._keep([replace(known, wanted=False, pinned=False)])
        self._reasons[name, version] = why

    def forget_missing(self, names: Sequence[str]) -> None:
        """Unload the models of folders that are not among the names."""
        if self._catalog is not None:
            shelf.retire_missing(self, self._catalog, names)

    def refresh(self) -> bool:
        """Become what the store says, if something changed it: this server before, or a worker.

        A version that cannot be opened is in the index with the reason.

        Returns:
            Whether that is done; False where the store changed meanwhile.
        """
        generation = self._store.generation()
        if generation == self._generation:
            return True
        known = {(v.model, v.version): v for v in self._store.all_versions()}
        opened = {}
        for key, version in known.items():
            loaded = self._loaded_as(version)
            if version.wanted and loaded is None and self._opener.leaves_to_rest():
                opened[key] = self._opener.rest(version)
            elif version.wanted and loaded is None:
                with suppress(DovetailError):
                    opened[key] = self._open(version)
            elif version.wanted and loaded is not None:
                opened[key] = loaded
        with self._change:
            if self._store.generation() != generation:
                self._ahead = opened
                return False  # the next look brings all of it
            self._ahead = {}
            self._known, self._states = known, self._store.states()
            self._reasons.refresh()
            models: defaultdict[str, dict[str, Model]] = defaultdict(dict)
            for (name, one), model in opened.items():
                models[name][one] = model
            for name in {*self._table, *models} - set(self._graphs):
                self._swap(name, models.get(name, {}))
            self._generation = generation
            return True

    def _loaded_as(self, version: Version) -> Model | None:
        """Return the loaded model of a version, if it is of the same files."""
        loaded = self._table.get(version.model)
        found = (
            loaded.versions.get(version.version) if loaded is not None else None,
            self._ahead.get((version.model, version.version)),
        )
        return next((m for m in found if m is not None and m.digest == version.digest), None)

    def may_go(self, name: str, version: str) -> bool:
        """Whether a loaded version is one that nobody asked for by name."""
        known = self._known.get((name, version))
        return version in self.versions(name) and known is not None and not known.pinned

    # Inside

    def _keep(self, versions: list[Version], rule: Fixed | None = None) -> None:
        """Keep versions, and with them the rule that the first version of a model brings."""
        name = versions[0].model
        state = None
        if rule is not None:
            old = self._states.get(name)
            state = State(
                model=name, routing=Routing(rule=rule), at_ms=now_ms(self._clock), cause="load",
                before=old.id if old is not None else None,
            )  # fmt: skip
        kept = self._store.put_versions(versions, state)
        if kept is not None:
            self._states[name] = kept
        self._known.update({(v.model, v.version): v for v in versions})
