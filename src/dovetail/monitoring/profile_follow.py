"""A version that answers live gets its reference from the registry by itself.

When a version without a reference has answered, the profile that was logged with it is fetched and
put, before its first day is closed. Whoever puts a reference by hand wins: only what is missing is
fetched. A registry that is away, or has no profile, holds nothing up; it is asked again later.
"""

import threading
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from dovetail.base import telemetry
from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import DovetailError
from dovetail.base.sql import Database
from dovetail.monitoring import tables as t
from dovetail.monitoring.profile_registry import fetch_profile
from dovetail.monitoring.reference import Reference
from dovetail.wire import mlflow
from dovetail.wire.http import Unreachable, WireError

__all__ = ["Follower"]

log = telemetry.logger("monitoring")
_AGAIN_MS = 10 * 60_000
"""How long a version that has no profile is left alone."""
_LOOK_MS = 60_000
_MODELS = 1000
_ASKED = 100_000


class Follower:
    """Fetches profiles of versions that lack a reference.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        connect: Opens a client of the registry.
        put: Keeps a reference of a model.
        clock: What time it is.
    """

    def __init__(
        self,
        database: Database,
        connect: Callable[[], mlflow.Client],
        put: Callable[[str, Reference], None],
        clock: Clock,
    ) -> None:
        self._database, self._connect = database, connect
        self._put, self._clock = put, clock
        self._asked: dict[tuple[str, str], int] = {}
        self._waiting: set[tuple[str, str]] = set()
        self._looked_ms = 0
        self._lock = threading.Lock()

    def fill(self, model: str, day: str) -> bool:
        """Fetch what lacks of the versions that answered live on a day.

        Returns:
            Whether the registry was there, as far as it was asked.
        """
        i, r = t.inferences.c, t.references.c
        has = sa.exists().where(r.model == i.model, r.version == i.version)
        query = sa.select(i.version).distinct()
        query = query.where(
            i.model == model, i.day == day, i.role == "live", i.version.is_not(None)
        )
        lacking = self._database.read(lambda c: list(c.execute(query.where(~has)).scalars()))
        return self._fetch_all([(model, version) for version in lacking if version])

    def look(self) -> None:
        """Do so for the days that something has arrived for since the last look.

        What a registry that was away could not be asked comes first, whatever day it is of.
        """
        now, since = now_ms(self._clock), self._looked_ms
        if now < since + _LOOK_MS:
            return
        if not self._fetch_all(sorted(self._waiting)):
            return
        d = t.days.c
        query = sa.select(d.model, sa.func.max(d.day)).where(d.arrived_ms > since - _LOOK_MS)
        recent = query.group_by(d.model).order_by(sa.func.max(d.arrived_ms).desc()).limit(_MODELS)
        for model, day in self._database.read(lambda c: list(c.execute(recent))):
            if not self.fill(model, day):
                return  # the next look begins where this one did
        self._looked_ms = now

    def _fetch_all(self, lacking: Sequence[tuple[str, str]]) -> bool:
        """Fetch until the registry does not answer; then what is left waits for it."""
        with self._lock:
            for at, (model, version) in enumerate(lacking):
                if not self._fetch(model, version):
                    self._waiting.update(lacking[at:][: _ASKED - len(self._waiting)])
                    return False
                self._waiting.discard((model, version))
        return True

    def _fetch(self, model: str, version: str) -> bool:
        now = now_ms(self._clock)
        if now < self._asked.get((model, version), -_AGAIN_MS) + _AGAIN_MS:
            return True
        r = t.references.c
        here = sa.select(r.digest).where(r.model == model, r.version == version)
        if self._database.read(lambda c: c.scalar(here)) is not None:
            return True  # put by hand while this one waited
        uri = f"models:/{model}/{version}"
        try:
            with self._connect() as registry:
                reference = fetch_profile(uri, registry)
            self._put(model, reference)
        except Unreachable as error:
            log.warning("the registry does not answer", model=model, why=str(error))
            return False
        except (DovetailError, WireError) as error:
            if len(self._asked) > _ASKED:
                self._asked.clear()
            self._asked[model, version] = now
            log.info("no profile was fetched", model=model, version=version, why=str(error))
            return True
        log.info("profile fetched", model=model, version=version, rows=reference.rows)
        return True
