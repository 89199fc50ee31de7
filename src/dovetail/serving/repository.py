"""Models by version: loading, unloading, and which version answers.

Requests read one immutable table and never wait. A change loads the new version first, writes the
store, then swaps the table; whoever still runs on the old version finishes on it, and it is let go
when the last of them is done. A model that cannot be loaded fails alone and keeps the reason.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import DovetailError, InvalidInputError
from dovetail.base.telemetry import logger
from dovetail.serving.errors import BadModelError, NotReadyError, UnknownModelError, rename
from dovetail.serving.files import Files
from dovetail.serving.isolation import Forms
from dovetail.serving.layouts import shelf
from dovetail.serving.layouts.card import Placed, asked
from dovetail.serving.layouts.catalog import Catalog
from dovetail.serving.limits import Limits
from dovetail.serving.model import Model
from dovetail.serving.sources import Sources, parse_uri
from dovetail.serving.store import Store, Version
from dovetail.serving.traffic import check_weights, choose_version, newest, without_version
from dovetail.serving.trust import Trust
from dovetail.wire.http import WireError
from dovetail.wire.open_inference import IndexEntry

__all__ = ["Repository"]

log = logger("serving")
_NOTHING = Trust()


@dataclass(frozen=True)
class _Loaded:
    """The versions of one model that can answer, and their shares."""

    versions: Mapping[str, Model] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    only: Model | None = None


class Repository:
    """All models of a server.

    Args:
        store: what is remembered.
        files: where the models' files are kept.
        sources: where they come from.
        compile: whether compiled forms may serve.
        forms: where they are kept; None compiles in this process.
        clock: what time it is.
        trust: what may execute code when it is loaded.
        limits: how much of the server one model may take.
        catalog: the repository folders that models are found in; None where there are none.
    """

    def __init__(
        self,
        store: Store,
        files: Files,
        sources: Sources,
        *,
        compile: bool,
        forms: Forms | None,
        clock: Clock,
        trust: Trust = _NOTHING,
        limits: Limits | None = None,
        catalog: Catalog | None = None,
    ) -> None:
        self._store, self._files, self._sources = store, files, sources
        self._compile, self._forms, self._clock = compile, forms, clock
        self._limits = limits or Limits()
        self._trust, self._catalog = trust, catalog
        self._table: dict[str, _Loaded] = {}
        self._known: dict[tuple[str, str], Version] = {}
        self._reasons: dict[tuple[str, str], str] = {}
        self._change = threading.Lock()
        self._loading: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)

    # What answers

    def choose(self, name: str, version: str = "", request_id: str = "") -> Model:
        """Return the model that answers a request.

        Args:
            name: the model.
            version: the version that the caller asks for; empty leaves it to the traffic.
            request_id: what the traffic is divided by.

        Raises:
            UnknownModelError: there is no such model or version.
            NotReadyError: it is known but not loaded.
        """
        loaded = self._table.get(name)
        if loaded is None:
            raise self._missing(name, version)
        if version:
            model = loaded.versions.get(version)
            if model is None:
                raise self._missing(name, version)
            return model
        if loaded.only is not None:
            return loaded.only
        return loaded.versions[choose_version(name, request_id, loaded.weights)]

    def divides(self, name: str) -> bool:
        """Whether unversioned requests for a model are shared between versions."""
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

    def index(self) -> list[IndexEntry]:
        """List every version that is loaded or was, with the reason where it is not."""
        entries = []
        for key in sorted({*self._known, *self._reasons}):
            name, version = key
            ready = name in self._table and version in self._table[name].versions
            reason = "" if ready else self._reasons.get(key, "unloaded")
            state = "READY" if ready else "UNAVAILABLE"
            entries.append(IndexEntry(name=name, version=version, state=state, reason=reason))
        if self._catalog is not None:
            entries += shelf.not_loaded(self._catalog, self.names())
        return entries

    def names(self) -> set[str]:
        """Return the names of all models that are loaded, were, or could not be."""
        return {name for name, _ in (*self._known, *self._reasons)}

    def _missing(self, name: str, version: str) -> DovetailError:
        keys = [key for key in {*self._known, *self._reasons} if key[0] == name]
        if version and (name, version) not in keys:
            return UnknownModelError(name, version, self.versions(name))
        if not keys:
            return UnknownModelError(name)
        reasons = {self._reasons.get(key, "") for key in keys if version in ("", key[1])} - {""}
        if not reasons:
            return UnknownModelError(name, version, self.versions(name), unloaded=True)
        return NotReadyError(name, "; ".join(sorted(reasons)))

    # Traffic

    def weights(self, name: str) -> dict[str, float]:
        """Return how unversioned requests are divided.

        Raises:
            UnknownModelError: there is no such model.
            NotReadyError: no version of it is loaded.
        """
        loaded = self._table.get(name)
        if loaded is None:
            raise self._missing(name, "")
        return {version: loaded.weights.get(version, 0.0) for version in self.versions(name)}

    def put_weights(self, name: str, weights: Mapping[str, float]) -> dict[str, float]:
        """Divide unversioned requests anew, and keep it.

        Raises:
            UnknownModelError: the model or a version is not loaded.
            InvalidInputError: a weight is not one, or nothing would be left to answer.
        """
        with self._change:
            loaded = self._table.get(name)
            if loaded is None:
                raise self._missing(name, "")
            checked = check_weights(name, weights, loaded.versions)
            self._store.put_weights(name, checked)
            self._swap(name, loaded.versions, checked)
        return self.weights(name)

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
            raise UnknownModelError(name)
        for one in found:
            self._admit(replace(one, wanted=True))
        return [one.version for one in found]

    def _fetch_and_load(
        self, name: str, version: str, uri: str, pinned: bool, fetch: Callable[[Path], None]
    ) -> None:
        with self._loading[name, version]:
            known = self._known.get((name, version))
            is_same = known is not None and known.uri == uri and uri.startswith("models:/")
            if is_same and known is not None and version in self.versions(name):
                if pinned and not known.pinned:
                    self._keep(replace(known, pinned=True), self._table[name].weights)
                return
            try:
                digest = self._files.put(name, version, fetch)
            except (DovetailError, WireError, OSError) as error:
                self._reasons[name, version] = str(error)
                raise
            pinned = pinned or (known is not None and known.pinned and known.wanted)
            fresh = Version(name, version, uri, digest, pinned, True, now_ms(self._clock))
            if known is not None and known.digest == digest and version in self.versions(name):
                self._keep(fresh, self._table[name].weights)
            else:
                self._admit(fresh)

    def _admit(self, version: Version) -> None:
        """Open a version and let it answer beside the others; its traffic is not touched."""
        model = self._open(version)
        with self._change:
            old = self._table.get(version.model, _Loaded())
            versions = {**old.versions, version.version: model}
            weights = old.weights or {version.version: 1.0}
            self._keep(version, weights)
            self._swap(version.model, versions, weights)

    def _open(self, version: Version) -> Model:
        """Load the kept files of a version, or remember why they cannot be."""
        key = version.model, version.version
        kept = self._files.folder(*key)
        try:
            path = self._files.check(version.model, version.version, version.digest)
            model = Model.load(
                path,
                name=version.model,
                version=version.version,
                compile=self._compile,
                forms=self._forms,
                uri=version.uri,
                digest=version.digest,
                trusted=self._trust.covers(version.uri),
                limits=self._limits.with_own(**asked(path)),
            )
        except Exception as caught:  # a library may raise anything; the others are to load
            error = caught if isinstance(caught, DovetailError) else _unreadable(version, caught)
            rename(error, kept, version.uri)
            if self._reasons.get(key) != str(error):  # a follower tries again and again
                log.error("model not loaded", model=key[0], version=key[1], why=str(error))
            self._reasons[key] = str(error)
            raise error from caught
        self._reasons.pop(key, None)
        log.info("model loaded", model=key[0], version=key[1], serves=model.compilation.serves)
        return model

    def unload(self, name: str, version: str = "") -> None:
        """Stop serving a model or one version; requests that run are finished.

        Raises:
            UnknownModelError: it is not loaded.
        """
        with self._change:
            loaded = self._table.get(name)
            if loaded is None or (version and version not in loaded.versions):
                raise UnknownModelError(name, version, tuple(loaded.versions) if loaded else ())
            versions, weights = dict(loaded.versions), dict(loaded.weights)
            for gone in [version] if version else list(versions):
                del versions[gone]
                weights = without_version(weights, gone, versions)
                self._keep(replace(self._known[name, gone], wanted=False, pinned=False), weights)
            self._swap(name, versions, weights)

    # Repository folders

    def bring(self, placed: Placed) -> None:
        """Load a version that a folder holds; if it cannot be loaded, the index says why.

        Raises:
            DovetailError: it cannot be loaded.
        """
        self._fetch_and_load(placed.name, placed.version, placed.uri, True, placed.write)
        self._reasons.pop((placed.name, ""), None)

    def known_below(self, name: str, owns: Callable[[str], bool]) -> list[str]:
        """Return the versions of a model that came from where `owns` says."""
        known = [
            v.version for (model, _), v in self._known.items() if model == name and owns(v.uri)
        ]
        return known + [v for model, v in self._reasons if model == name and v not in known]

    def retire(self, name: str, version: str, why: str) -> None:
        """Unload a version that is gone where it came from; the index says why."""
        if version in self.versions(name):
            self.unload(name, version)
        known = self._known.get((name, version))
        if known is None:
            self._reasons.pop((name, version), None)
            return
        if known.wanted:
            with self._change:
                loaded = self._table.get(name, _Loaded())
                self._keep(replace(known, wanted=False, pinned=False), loaded.weights)
        self._reasons[name, version] = why

    def forget_missing(self, names: Sequence[str]) -> None:
        """Unload the models of folders that are not among the names."""
        if self._catalog is not None:
            shelf.retire_missing(self, self._catalog, names)

    def restore(self) -> None:
        """Load what was loaded when the server stopped; the registry is not asked."""
        weights = self._store.all_weights()
        known = self._store.all_versions()
        self._known = {(v.model, v.version): v for v in known}
        models: defaultdict[str, dict[str, Model]] = defaultdict(dict)
        for version in known:
            if version.wanted:
                with suppress(DovetailError):  # it is in the index, with the reason
                    models[version.model][version.version] = self._open(version)
        with self._change:
            for name, versions in models.items():
                kept = {v: w for v, w in weights.get(name, {}).items() if v in versions}
                self._swap(name, versions, kept or {newest(versions): 1.0} if versions else {})

    # Following an alias

    def follow(self, uri: str, name: str, version: str) -> bool:
        """Serve the version that an alias names now, all traffic to it, if it moved.

        The version that the alias brought before is let go, unless someone asked for it by name.

        Args:
            uri: the followed URI.
            name: the model's name here.
            version: what the alias names now.

        Returns:
            Whether something changed.
        """
        before = self._store.followed(uri)
        if before == version and version in self.versions(name):
            return False
        named = parse_uri(uri)
        if named is None or not named.alias:
            raise InvalidInputError(f"{uri!r} names no alias to follow")
        self.load(name, named.at(version), pinned=False)
        if before != version:
            self.put_weights(name, {version: 1.0})
            self._store.put_followed(uri, version)
            if before in self.versions(name) and not self._known[name, before].pinned:
                self.unload(name, before)
        log.info("alias followed", uri=uri, version=version, before=before or None)
        return True

    # Inside

    def _keep(self, version: Version, weights: Mapping[str, float]) -> None:
        self._store.put_version(version, weights)
        self._known[version.model, version.version] = version

    def _swap(self, name: str, versions: Mapping[str, Model], weights: Mapping[str, float]) -> None:
        table = dict(self._table)
        if versions:
            only = versions[next(iter(weights))] if len(weights) == 1 else None
            table[name] = _Loaded(versions, dict(weights), only)
        else:
            table.pop(name, None)
        self._table = table


def _unreadable(version: Version, error: Exception) -> BadModelError:
    why = f"{type(error).__name__}: {error}"
    return BadModelError(version.uri or version.model, f"reading it failed with {why}")
