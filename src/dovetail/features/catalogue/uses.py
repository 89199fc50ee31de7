"""How often services and features are asked for, and when they last were.

`handlers` counts a lookup with one increment on its plan; now and then, and before a page is shown,
what was counted is added to a small table of its own, which servers on one database share.
"""

import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database, insert
from dovetail.features.lookups import Lookup

__all__ = ["Use", "UseStore", "Used", "drained"]

METADATA = sa.MetaData()
SINCE = ""  # the row that tells since when lookups are counted
USES = sa.Table(
    "uses",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("asked", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
)
_VERSION = re.compile(r"@\d+$")  # a version of a service is counted as the service
Kind = tuple[str | None, tuple[str, ...], bool]


@dataclass(frozen=True)
class Use:
    """How often something was asked for.

    Attributes:
        asked: How many lookups there were.
        last_us: When it was last seen to be asked for, to the quarter of a minute.
    """

    asked: int
    last_us: int


@dataclass(frozen=True)
class Used:
    """What was asked for since lookups are counted.

    Attributes:
        since_us: When counting began; 0 where nothing is counted.
        services: Feature services by name.
        features: Features that were asked for one by one, as `view:feature`.
    """

    since_us: int = 0
    services: Mapping[str, Use] = field(default_factory=dict)
    features: Mapping[str, Use] = field(default_factory=dict)

    def whole(self, services: Collection[str]) -> "Used":
        """Return the same with lookups of `service@version` counted to the service.

        Args:
            services: Names of the services that are defined.
        """
        found: dict[str, Use] = {}
        for asked, use in self.services.items():
            name = asked if asked in services else asked.rpartition("@")[0] or asked
            held = found.get(name, Use(0, 0))
            found[name] = Use(held.asked + use.asked, max(held.last_us, use.last_us))
        return replace(self, services=found)


class UseStore:
    """The counts, durable.

    Args:
        url: The database.
        take: Gives what was counted since it was last called: `service` or `view:feature`.
        now: Gives the time in microseconds.
    """

    def __init__(
        self, url: str, take: Callable[[], Mapping[str, int]], now: Callable[[], int]
    ) -> None:
        self._database = Database(url, METADATA, name="features_uses")
        self._take, self._now, self._lock = take, now, threading.Lock()
        since = {"name": SINCE, "asked": 0, "last_us": now()}
        statement = insert(USES, self._database.dialect).values(since).on_conflict_do_nothing()
        self._database.write(lambda connection: connection.execute(statement))

    def flush(self) -> None:
        """Add what was counted; nothing is written where nothing was asked."""
        with self._lock:
            counted, at = self._take(), self._now()
            if counted:
                self._database.write(lambda connection: self._add(connection, counted, at))

    def _add(self, connection: Connection, counted: Mapping[str, int], at: int) -> None:
        fresh = insert(USES, self._database.dialect)
        statement = fresh.on_conflict_do_update(
            index_elements=[USES.c.name],
            set_={
                "asked": USES.c.asked + fresh.excluded.asked,
                "last_us": sa.case(
                    (USES.c.last_us > fresh.excluded.last_us, USES.c.last_us),
                    else_=fresh.excluded.last_us,
                ),
            },
        )
        rows = [{"name": n, "asked": c, "last_us": at} for n, c in sorted(counted.items())]
        connection.execute(statement, rows)

    def read(self) -> Used:
        """Return all counts, those since the last flush included."""
        self.flush()
        rows = self._database.read(lambda connection: list(connection.execute(sa.select(USES))))
        held = {name: Use(asked, last_us) for name, asked, last_us in rows}
        since = held.pop(SINCE).last_us
        return Used(
            since,
            {name: use for name, use in held.items() if ":" not in name},
            {name: use for name, use in held.items() if ":" in name},
        )

    def close(self) -> None:
        """Add what was counted and close the database."""
        self.flush()
        self._database.close()


def drained(plans: Mapping[Kind, Lookup], into: dict[str, int]) -> None:
    """Move the counts of plans to the names that were asked for.

    Args:
        plans: Plans by service, or else features, that they answer.
        into: Counts by `service` or `view:feature`; added to.
    """
    for (service, features, _), plan in list(plans.items()):
        if asked := plan.asked[0]:
            plan.asked[0] -= asked
            for name in (_VERSION.sub("", service),) if service else features:
                into[name] = into.get(name, 0) + asked
