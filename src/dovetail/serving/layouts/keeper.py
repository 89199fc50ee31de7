"""Loads what a repository holds when the server starts, and looks again where that is wished."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from dovetail.base.errors import DovetailError
from dovetail.base.telemetry import logger
from dovetail.serving.follow import AT_ONCE
from dovetail.serving.layouts.catalog import Catalog
from dovetail.serving.repository import Repository

__all__ = ["Keeper"]

log = logger("serving")


class Keeper:
    """A thread that keeps a server's models those of its repository folders.

    Args:
        repository: where models are loaded.
        catalog: what the folders hold; None where the server has none.
        seconds: between two looks for what changed; 0 looks only at the start.
        loads: whether models are loaded at the start.
        at_once: how many at the same time.
    """

    def __init__(
        self,
        repository: Repository,
        catalog: Catalog | None,
        seconds: float,
        *,
        loads: bool,
        at_once: int = AT_ONCE,
    ) -> None:
        self._repository, self._catalog, self._seconds = repository, catalog, seconds
        self._loads = loads and (catalog is None or catalog.loads_at_start)
        self._at_once = at_once
        self._stamps: dict[str, tuple[object, ...]] = {}
        self.has_looked = catalog is None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="serving-keeper", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        if self._catalog is not None:
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def awaited(self) -> list[str]:
        """Return the models that the first look is to load, as long as it is not over."""
        if self.has_looked or not self._loads or self._catalog is None:
            return []
        return self._catalog.names()

    def look(self) -> None:
        """Load what is new or changed, unload what is gone."""
        catalog = self._catalog
        if catalog is None:
            return
        names = catalog.names()
        if catalog.has_root():
            self._repository.forget_missing(names)
        if self.has_looked:
            for name in names:
                self._keep(catalog, name)
        else:  # some are still to be compiled, each in a process of its own
            with ThreadPoolExecutor(self._at_once) as pool:
                list(pool.map(partial(self._keep, catalog), names))

    def _keep(self, catalog: Catalog, name: str) -> None:
        if self._stop.is_set():
            return
        stamp = catalog.stamp(name)
        if self._stamps.get(name) == stamp:
            return
        self._stamps[name] = stamp
        try:
            self._repository.load(name)
        except DovetailError:
            return  # the repository told why, and the index does
        except Exception:  # one model never keeps the others from being loaded
            log.exception("model not available", model=name)

    def _run(self) -> None:
        if self._loads:
            self.look()
        self.has_looked = True
        while self._seconds and not self._stop.wait(self._seconds):
            self.look()
