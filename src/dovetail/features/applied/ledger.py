"""The registry of applied definitions: what was defined when, by whom, and who uses it.

Nothing is ever overwritten: each change of a thing is a row more, so that an old version of a
service can be told from the present one. One apply at a time writes, all of it or nothing.
"""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.clock import Clock, SystemClock
from dovetail.base.sql import Database, insert
from dovetail.features.applied.planned import Plan, Use
from dovetail.features.applied.records import (
    Version,
    asked_version,
    plan_of,
    rows_to_write,
    uses_of,
    versions_of,
)
from dovetail.features.applied.tables import (
    APPLIES,
    METADATA,
    MIGRATIONS,
    NAME,
    SERVING,
    THINGS,
    USES,
)
from dovetail.features.applied.things import things_of
from dovetail.features.catalog import Definitions
from dovetail.features.errors import BreakingChangeError, RowsError
from dovetail.features.moments import moment_us

__all__ = ["Ledger"]

SHOWN = 5
_LOCK = 0x6170706C


class Ledger:
    """What was applied, in SQLite or PostgreSQL.

    Args:
        url: `sqlite:///file.db` or `postgresql://...`.
        clock: What time it is.

    Raises:
        UnavailableError: The database does not answer.

    Examples:
        >>> import tempfile
        >>> from dovetail.features import Entity, FeatureService, LatestView, PushSource, collect
        >>> weather = PushSource("weather", event_time="hour")
        >>> sky = LatestView("sky", entities=[Entity("origin")], source=weather, features=["temp"])
        >>> flights = collect([FeatureService("flights", [sky])])
        >>> ledger = Ledger(f"sqlite:///{tempfile.mkdtemp()}/applied.db")
        >>> ledger.apply(flights, by="ann").services[0].next_version
        1
        >>> ledger.apply(flights, by="ann").is_empty
        True
        >>> ledger.close()
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._db = Database(url, METADATA, name=NAME, migrations=MIGRATIONS)
        self._clock = clock or SystemClock()

    def __enter__(self) -> "Ledger":
        """Use it for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def plan(self, definitions: Definitions) -> Plan:
        """Return what applying definitions would do.

        Raises:
            DefinitionError: They cannot be recorded.
        """
        new = things_of(definitions)
        return self._db.read(lambda connection: plan_of(connection, new)[1])

    def apply(
        self, definitions: Definitions, *, by: str, note: str = "", force: bool = False
    ) -> Plan:
        """Record definitions, and return what that changed; nothing is written if nothing did.

        Args:
            definitions: All that is defined; what is held and not among them is removed.
            by: Who applies them.
            note: Why, for those who read it later.
            force: Whether models in use may be broken.

        Raises:
            DefinitionError: They cannot be recorded.
            BreakingChangeError: A model in use would be broken, and nothing is written.
        """
        new, at_us = things_of(definitions), moment_us(self._clock.now())

        def write(connection: Connection) -> Plan:
            self._alone(connection)
            held, plan = plan_of(connection, new)
            if plan.is_breaking and not force:
                raise _refusal(plan)
            if not plan.is_empty:
                number = (connection.scalar(sa.select(sa.func.max(APPLIES.c.number))) or 0) + 1
                connection.execute(
                    sa.insert(APPLIES).values(number=number, at_us=at_us, by=by, note=note)
                )
                if rows := rows_to_write(held, new, number):
                    connection.execute(sa.insert(THINGS), rows)
            return plan

        return self._db.write(write)

    def versions(self, service: str | None = None) -> list[Version]:
        """Return the versions of a service, or of all, oldest first."""
        return self._db.read(lambda connection: versions_of(connection, service))

    def use(self, asked: str, *, model: str, model_version: str = "", run: str = "") -> Use:
        """Record that a model takes a service; recording it again replaces what was recorded.

        Args:
            asked: `service@version`, or `service` for the version that was applied last.
            model: Name of the model.
            model_version: Its version.
            run: The run that trained it.

        Raises:
            ServiceNotFoundError: There is no such service or version.
            RowsError: The model has no name.
        """
        if not model:
            raise RowsError("A use needs the name of a model", fix="Give --by MODEL")
        at_us = moment_us(self._clock.now())

        def write(connection: Connection) -> Use:
            self._alone(connection)  # or an apply that looked just before would break it unseen
            name, version = asked_version(connection, asked)
            use = Use(name, version, model, model_version, run, at_us)
            row = vars(use)
            statement = insert(USES, self._db.dialect).values(row)
            keys = ("service", "model", "model_version")
            kept = {c: v for c, v in row.items() if c not in keys}
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=kept))
            return use

        return self._db.write(write)

    def stop_using(self, service: str, *, model: str, model_version: str | None = None) -> int:
        """Forget that a model takes a service, and return how many uses that were.

        Args:
            service: The service, without a version.
            model: Name of the model.
            model_version: Its version; None for all.
        """
        those = (USES.c.service == service) & (USES.c.model == model)
        if model_version is not None:
            those &= USES.c.model_version == model_version
        return self._db.write(lambda c: c.execute(sa.delete(USES).where(those)).rowcount)

    def uses(self, service: str | None = None) -> list[Use]:
        """Return which models take a service, or any, in the order of the recording."""
        return self._db.read(lambda connection: uses_of(connection, service))

    def serving(self, server: str, versions: Mapping[str, int]) -> None:
        """Record which versions a server serves; those that it served before are replaced.

        Args:
            server: What the server is called.
            versions: Version by service; 0 for one that is loaded otherwise than ever applied.
        """
        at_us = moment_us(self._clock.now())
        rows = [
            {"server": server, "service": name, "version": version, "at_us": at_us}
            for name, version in versions.items()
        ]

        def write(connection: Connection) -> None:
            connection.execute(sa.delete(SERVING).where(SERVING.c.server == server))
            if rows:
                connection.execute(sa.insert(SERVING), rows)

        self._db.write(write)

    def _alone(self, connection: Connection) -> None:
        """Wait until nobody else writes; on SQLite the one writing transaction is that."""
        if self._db.dialect == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _refusal(plan: Plan) -> BreakingChangeError:
    broken = [(touched, one) for touched in plan.services for one in touched.breaks]
    touched, first = broken[0]
    rest = [f"{len(first.by) - SHOWN} more"] if len(first.by) > SHOWN else []
    more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
    return BreakingChangeError(
        f"Service {touched.service!r} would change under {first.use}{more}",
        why="; ".join([*map(str, first.by[:SHOWN]), *rest]),
        fix="Define another service for the new model, or apply with --force",
    )
