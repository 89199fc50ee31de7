"""Plans of projects, read once and again after a second."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from dovetail.base.sql import Database
from dovetail.labels.people import records
from dovetail.labels.people.plan import Plan, read_plan

__all__ = ["Kept", "Plans"]

_TRUSTED_S = 1.0
_MOST = 1000


@dataclass(frozen=True)
class Kept:
    """A project's plan and its secret; None where nobody made one."""

    plan: Plan
    secret: bytes


class Plans:
    """What managers decided.

    Args:
        database: That of people.
        clock: Seconds that never go back.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._known: dict[int, tuple[float, Kept | None]] = {}

    def of(self, project: int) -> Plan:
        """Return a project's plan; the default one where nobody made one."""
        kept = self.kept(project)
        return kept.plan if kept else Plan()

    def kept(self, project: int) -> Kept | None:
        """Return a project's plan with its secret; None where nobody made one."""
        known = self._known.get(project)
        if known is not None and self._clock() < known[0]:
            return known[1]
        row = self._database.read(lambda c: records.plan_of(c, project))
        kept = Kept(read_plan(row.body), bytes.fromhex(row.secret)) if row else None
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[project] = self._clock() + _TRUSTED_S, kept
        return kept

    def is_open(self, project: int) -> bool:
        """Return whether it is known, the database not asked, that no qualification is needed."""
        known = self._known.get(project)
        if known is None or self._clock() >= known[0]:
            return False
        return known[1] is None or known[1].plan.qualification is None

    def forget(self, project: int) -> None:
        """Read a project's plan again at the next question."""
        self._known.pop(project, None)
