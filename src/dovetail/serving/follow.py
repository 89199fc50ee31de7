"""Keeps the models of the settings loaded, and follows aliases as they move in the registry."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dovetail.base.errors import DovetailError
from dovetail.base.telemetry import logger
from dovetail.serving.repository import Repository
from dovetail.serving.routing.desk import Desk
from dovetail.serving.sources import Sources, parse_uri
from dovetail.wire.http import WireError

__all__ = ["AT_ONCE", "Follower", "name_of"]

log = logger("serving")
AT_ONCE = min(4, os.cpu_count() or 1)
"""How many models are loaded at the same time when the server starts."""


class Follower:
    """A thread that looks at the registry now and then.

    Args:
        repository: where models are loaded.
        desk: moves aliases, and traffic with them.
        sources: where aliases are resolved.
        models: the setting `models`.
        seconds: between two looks.
        at_once: how many models are loaded at the same time by the first look.
    """

    def __init__(
        self,
        repository: Repository,
        desk: Desk,
        sources: Sources,
        models: Sequence[str],
        seconds: float,
        at_once: int = AT_ONCE,
    ) -> None:
        self._repository, self._desk, self._sources = repository, desk, sources
        self._models, self._seconds, self._at_once = tuple(models), seconds, at_once
        self.problems: dict[str, str] = {}
        self.has_looked = not self._models
        self._done: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="serving-follow", daemon=True)

    def start(self) -> None:
        """Begin to look, in the background."""
        if self._models:
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def awaited(self) -> dict[str, str]:
        """Return the models that are to come, and what keeps each; empty where nothing does."""
        waits = [uri for uri in self._models if uri in self.problems or not self.has_looked]
        return {name_of(uri)[0]: self.problems.get(uri, "") for uri in waits}

    def look(self) -> None:
        """Load what is not loaded, and move where an alias has moved."""
        wanted = [uri for uri in self._models if uri not in self._done]
        if self.has_looked:
            for uri in wanted:
                self._try(uri)
        else:  # some are still to be compiled, each in a process of its own
            with ThreadPoolExecutor(self._at_once) as pool:
                list(pool.map(self._try, wanted))

    def _try(self, uri: str) -> None:
        if self._stop.is_set():
            return
        try:
            self._one(uri)
        except (DovetailError, WireError) as error:
            if self._stop.is_set():
                return
            if self.problems.get(uri) != str(error) and not self._repository.tells(str(error)):
                log.warning("model not available", uri=uri, why=str(error))
            self.problems[uri] = str(error)
        else:
            self.problems.pop(uri, None)

    def _one(self, uri: str) -> None:
        name, place = name_of(uri)
        named = parse_uri(place)
        if named is not None and named.alias:
            version = self._sources.resolve_alias(named.name, named.alias)
            self._desk.follow(place, name, version)
        else:
            self._repository.load(name, place, anywhere=True)
            self._done.add(uri)

    def _run(self) -> None:
        while True:
            self.look()
            self.has_looked = True
            if self._stop.wait(self._seconds):
                return


def name_of(entry: str) -> tuple[str, str]:
    """Return the model's name and its place from `[NAME=]PLACE`.

    Example:
        >>> name_of("models:/flights@champion")
        ('flights', 'models:/flights@champion')
        >>> name_of("fraud=exports/model.onnx")
        ('fraud', 'exports/model.onnx')
    """
    name, equals, place = entry.partition("=")
    if equals and "/" not in name and ":" not in name:
        return name, place
    named = parse_uri(entry)
    return (named.name if named is not None else Path(entry.rstrip("/")).stem), entry
