"""A service asked for by version: `flights@3` answers if that is what is loaded, or not at all.

Serves `catalog`, which passes such names on. A server asks a `Snapshot`, which is refreshed beside
the requests; scripts and commands read the registry each time.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from dovetail.base import telemetry
from dovetail.base.clock import Clock
from dovetail.base.errors import UnavailableError
from dovetail.features.applied.changes import differences
from dovetail.features.applied.ledger import Ledger
from dovetail.features.applied.place import is_held, place
from dovetail.features.applied.planned import Use
from dovetail.features.applied.records import Version
from dovetail.features.applied.things import Thing, meaning_of
from dovetail.features.catalog import Definitions
from dovetail.features.errors import ServiceNotFoundError, VersionNotLoadedError
from dovetail.features.views import FeatureService

__all__ = ["Snapshot", "Versions", "at_version"]

SHOWN = 3
REFRESH_EVERY_S, PATIENCE_S = 15.0, 5.0
log = telemetry.logger("features")


class Versions(Protocol):
    """Whatever knows which versions of services were applied."""

    def of(self, service: str) -> Sequence[Version]:
        """Return the versions of a service, oldest first.

        Raises:
            UnavailableError: The registry cannot be read.
        """


class Registry:
    """The versions in a registry, read whenever they are asked for.

    Args:
        url: Where the registry is.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def of(self, service: str) -> Sequence[Version]:
        """Return the versions of a service, oldest first."""
        if not is_held(self._url):
            return ()
        with Ledger(self._url) as ledger:
            return ledger.versions(service)


class Snapshot:
    """What a server knows of versions, so that no request waits for the registry.

    Args:
        url: Where the registry is.
        definitions: What the server has loaded.
        server: What the server is called in the registry.
        clock: What time it is.
    """

    def __init__(self, url: str, definitions: Definitions, server: str, clock: Clock) -> None:
        self._url, self._definitions, self._server = url, definitions, server
        self._clock = clock
        self._known: dict[str, list[Version]] = {}
        self._uses: list[Use] = []
        self._said: dict[str, int] | None = None
        self._problem = "it has not been read yet"
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()
        self._is_read, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="features-versions", daemon=True)

    def of(self, service: str) -> Sequence[Version]:
        """Return the versions of a service, oldest first."""
        if self._problem and not self._known:
            raise UnavailableError(
                "The registry of applied definitions cannot be read", why=self._problem
            )
        return self._known.get(service, ())

    def uses(self, service: str) -> Sequence[Use]:
        """Return the models that take a service, as last read; none before it was."""
        return [use for use in self._uses if use.service == service]

    def start(self) -> None:
        """Go on reading in a thread; wait a little for the first time, and never for a lost one."""
        self._thread.start()
        self._is_read.wait(PATIENCE_S)

    def refresh(self) -> None:
        """Read the registry, and record there which versions are served when that is new.

        Where it cannot be read, what was known stays known, and the log says so once.
        """
        with self._lock:
            problem = ""
            try:
                if self._ledger is not None or is_held(self._url):
                    self._read()
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
                if problem != self._problem:
                    log.warning("the registry of definitions cannot be read", error=problem)
            self._problem = problem

    def close(self) -> None:
        """Stop reading."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_S)

    def _watch(self) -> None:
        while True:
            self.refresh()
            self._is_read.set()
            if self._over.wait(REFRESH_EVERY_S):
                break
        if self._ledger is not None:
            with suppress(Exception):  # the registry may be lost; nobody waits for this
                self._ledger.serving(self._server, {})
            self._ledger.close()

    def _read(self) -> None:
        self._ledger = self._ledger or Ledger(self._url, self._clock)
        known: dict[str, list[Version]] = {}
        for version in self._ledger.versions():
            known.setdefault(version.service, []).append(version)
        self._known, self._uses = known, self._ledger.uses()
        served = {
            name: loaded_version(self._definitions, name, known[name])
            for name in self._definitions.services
            if name in known
        }
        if served != self._said:
            self._ledger.serving(self._server, served)
            self._said = served


def at_version(definitions: Definitions, asked: str) -> FeatureService:
    """Return the service of a name such as `flights@3` if that version is what is loaded.

    Args:
        definitions: What is loaded.
        asked: The name of a service, `@`, and a version.

    Raises:
        ServiceNotFoundError: There is no such service, or it has no such version.
        VersionNotLoadedError: What is loaded differs from that version.
        UnavailableError: The registry cannot be read.
    """
    name, _, number = asked.rpartition("@")
    service = definitions.service(name)
    versions = (definitions.versions or Registry(place())).of(name)
    wanted = [v for v in versions if number.isdecimal() and str(v.version) == number]
    if not wanted:
        known = ", ".join(f"{name}@{v.version}" for v in versions)
        raise ServiceNotFoundError(
            f"Feature service {name} has no version {number!r}",
            fix=f"Applied: {known}" if known else "Apply the definitions: dovetail features apply",
        )
    loaded = _digest(definitions, name)
    if wanted[0].digest == loaded:
        return service
    raise _not_loaded(asked, wanted[0], meaning_of(service, definitions), versions, loaded)


def loaded_version(definitions: Definitions, service: str, versions: Sequence[Version]) -> int:
    """Return the newest version that equals what is loaded; 0 where none does."""
    loaded = _digest(definitions, service)
    return max((v.version for v in versions if v.digest == loaded), default=0)


def _digest(definitions: Definitions, service: str) -> str:
    meaning = meaning_of(definitions.service(service), definitions)
    return Thing("service", service, {}, meaning).digest


def _not_loaded(
    asked: str,
    wanted: Version,
    loaded: Mapping[str, object],
    versions: Sequence[Version],
    digest: str,
) -> VersionNotLoadedError:
    same = [v for v in versions if v.digest == digest]
    is_now = f"{wanted.service}@{same[-1].version}" if same else "no version that was applied"
    every = differences(wanted.meaning, loaded)
    found = [d for d in every if not (d.field.startswith("views.") and None in (d.old, d.new))]
    found = found or list(every)  # the list of features tells what only comes or goes
    more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return VersionNotLoadedError(
        f"{asked} is asked for, and {is_now} is loaded",
        why="; ".join([*(f"{d}" for d in found[:SHOWN]), *more]),
        fix=f"Ask for {is_now}, or load the definitions of {asked}"
        if same
        else f"Apply what is loaded, or load the definitions of {asked}",
    )
