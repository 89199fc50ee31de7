"""Predictions of connected ML backends for tasks that somebody opens, as Label Studio fetches them.

Who opens a task waits a moment for them; an answer that comes later is stored for the next one. A
backend that fails or dawdles is given a rest, so that it keeps nobody from labelling.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import Any

from sqlalchemy.engine import Row

from dovetail.base import telemetry
from dovetail.labels.backend import Backend
from dovetail.labels.handlers.backends import Backends
from dovetail.labels.handlers.projects import Projects, options_of
from dovetail.labels.store import backends as rows

__all__ = ["Prelabelling"]

log = telemetry.logger("labels")
_TRUSTED_S = 1.0  # another server on the database may connect one
_REST_S = 30.0
_AT_ONCE = 4  # calls under way; a task whose turn does not come is asked about when next opened
_WAITING = 8  # requests that wait at one time; the others are answered without predictions
_REMEMBERED = 10_000


class Prelabelling:
    """Fetches predictions.

    Args:
        backend: the surroundings, which are told.
        projects: say which model is shown.
        backends: are asked.
        seconds: longest wait for an answer.
    """

    def __init__(
        self, backend: Backend, projects: Projects, backends: Backends, seconds: float
    ) -> None:
        self._backend, self._projects, self._backends = backend, projects, backends
        self._seconds = seconds
        self._known: dict[int, list[Row[Any]]] = {}
        self._until = -1.0
        self._rests: dict[tuple[int, int], float] = {}
        self._hurries: dict[int, float] = {}
        self._running: dict[tuple[int, int], Future[int]] = {}
        self._waiting, self._calls, self._is_over = 0, 0, False
        self._guard = threading.Lock()
        backend.openers.append(self.open)
        backend.shown_version = self.version
        backends.on_changed.append(self._forget)

    def stop(self) -> None:
        """Ask no more; what is under way is not waited for."""
        self._is_over = True

    def version(self, project: int, named: str) -> str:
        """Return the version of predictions that is meant where a backend's title is named."""
        found = next((one for one in self._of(project) if one.title == named), None)
        return named if found is None else found.model_version or named

    def open(self, project: int, tasks: Sequence[int], *, is_next: bool) -> bool:
        """Have tasks predicted that are about to be shown.

        Args:
            project: of which project.
            tasks: ids.
            is_next: whether they are handed out; else they are looked at, and have none at all.

        Returns:
            Whether predictions were stored meanwhile.
        """
        known = self._of(project)
        if not known or self._is_over:
            return False
        chosen = _chosen(known, options_of(self._projects.row(project)), is_next=is_next)
        if chosen is None:
            return False
        version = chosen.model_version or ""
        lacking = self._backend.database.read(lambda c: rows.without_version(c, tasks, version))
        calls, is_patient = self._start(chosen.id, lacking)
        if not calls or not is_patient:
            return False
        try:
            done, late = wait(calls, timeout=self._seconds)
        finally:
            with self._guard:
                self._waiting -= 1
        if late:
            self._hurries[chosen.id] = time.monotonic() + _REST_S
        return any(call.result() for call in done)

    def _start(self, number: int, tasks: Sequence[int]) -> tuple[set[Future[int]], bool]:
        """Return the calls about tasks, begun where there was none, and whether to wait."""
        now, call = time.monotonic(), Future[int]()
        with self._guard:
            calls = {self._running[number, t] for t in tasks if (number, t) in self._running}
            wanted = [
                task
                for task in tasks
                if (number, task) not in self._running
                and max(self._rests.get((number, one), 0.0) for one in (0, task)) <= now
            ]
            if wanted and self._calls < _AT_ONCE:
                self._calls += 1
                self._running |= dict.fromkeys(((number, task) for task in wanted), call)
                calls.add(call)
            is_patient = self._hurries.get(number, 0.0) <= now and self._waiting < _WAITING
            self._waiting += bool(calls) and is_patient
        if call in calls:
            work = (number, wanted, call)
            threading.Thread(
                target=self._ask, args=work, name="labels-predict", daemon=True
            ).start()
        return calls, is_patient

    def _ask(self, number: int, tasks: Sequence[int], call: "Future[int]") -> None:
        saved, rested = 0, list(tasks)
        try:
            saved = self._backends.predict(number, tasks)
            rested = [] if saved else rested  # it has nothing to say of them now
        except Exception as error:
            rested = [0]
            if not self._is_over:
                log.warning("an ML backend did not predict", backend=number, error=str(error))
        with self._guard:
            self._calls -= 1
            for task in tasks:
                self._running.pop((number, task), None)
            if len(self._rests) > _REMEMBERED:
                self._rests.clear()
            until = time.monotonic() + _REST_S
            self._rests |= {(number, task): until for task in rested}
        call.set_result(saved)

    def _of(self, project: int) -> list[Row[Any]]:
        if time.monotonic() >= self._until:
            found: dict[int, list[Row[Any]]] = {}
            until = time.monotonic() + _TRUSTED_S
            for row in self._backend.database.read(lambda c: rows.list_some(c, None)):
                found.setdefault(row.project_id, []).append(row)
            self._known, self._until = found, until
        return self._known.get(project, [])

    def _forget(self) -> None:
        self._until = -1.0


def _chosen(known: Sequence[Row[Any]], options: dict[str, Any], *, is_next: bool) -> Any:
    """Return the backend that is asked; None where a project wants none asked."""
    shows = options.get("show_collab_predictions", True)
    evaluates = options.get("evaluate_predictions_automatically", False)
    if not is_next:
        return known[0] if shows or evaluates else None
    named = options.get("model_version") or ""
    if not named:
        return known[0] if evaluates else None
    return next((one for one in known if shows and one.title == named), None)
