"""Retention rules: set, looked at, and applied by command or once a day.

Applying a rule deletes runs as a client would, so that they can be restored within the rule's grace
period; only what has been deleted for longer goes for good, by the same plan and journal as any
other removal. Each step is in the record.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base import telemetry
from dovetail.base.errors import NotFoundError
from dovetail.base.sql import Database
from dovetail.tracking.store import experiments as experiment_rows
from dovetail.tracking.store.bulk import insert_or_skip, insert_or_update
from dovetail.tracking.store.experiments import ACTIVE, DELETED
from dovetail.tracking.store.retention_schema import retention_rules, thinned_runs, tidy_clock
from dovetail.tracking.store.schema import experiments, runs
from dovetail.tracking.tidy.desk import Tidy
from dovetail.tracking.tidy.rows import Pace
from dovetail.tracking.tidy.surplus import DAY, ENDED, judge, used_runs
from dovetail.tracking.tidy.thinning import History, long_histories, thin
from dovetail.wire.retention import Applied, Preview, Rule, RuleOf, Surplus, Thinned
from dovetail.wire.tidy import TidyRequest

__all__ = ["Retention"]

log = telemetry.logger("tracking")
CHUNK = 500
SHOWN = 1000
DAILY = "retention"


class Retention:
    """Keeps the rules and applies them.

    Args:
        database: the tables of tracking.
        tidy: removes for good.
        now: gives the time in milliseconds.
    """

    def __init__(self, database: Database, tidy: Tidy, now: Callable[[], int]) -> None:
        self._database, self._tidy, self._now = database, tidy, now
        self._pace = Pace()

    def rules(self) -> list[RuleOf]:
        """Return every rule."""
        rows = self._database.read(lambda c: c.execute(_rules.order_by(experiments.c.name)).all())
        return [_rule(row) for row in rows]

    def rule(self, number: str) -> RuleOf:
        """Return the rule of an experiment.

        Raises:
            NotFoundError: there is no such experiment, or it has no rule.
        """
        query = _rules.where(retention_rules.c.experiment_id == self._known(number))
        row = self._database.read(lambda c: c.execute(query).first())
        if row is None:
            raise NotFoundError(
                f"experiment {number} has no retention rule",
                fix=f"set one with: dovetail tracking retention put {number}",
            )
        return _rule(row)

    def name(self, number: str) -> str:
        """Return the name of an experiment.

        Raises:
            NotFoundError: there is none.
        """
        key = self._known(number)
        return str(self._database.read(lambda c: experiment_rows.get(c, key).name))

    def put(self, number: str, rule: Rule, actor: str) -> RuleOf:
        """Set the rule of an experiment; nothing is deleted before it is applied."""
        key = self._known(number)
        row = (key, msgspec.json.encode(rule).decode(), actor, self._now())
        facts = {"rule": msgspec.to_builtins(rule)}

        def store(connection: Connection) -> None:
            insert_or_update(connection, retention_rules, [row])
            self._note(connection, actor, "retention.set", key, facts)

        self._database.write(store)
        return self.rule(number)

    def delete(self, number: str, actor: str) -> None:
        """Remove the rule of an experiment.

        Raises:
            NotFoundError: it has none.
        """
        self.rule(number)
        key = int(number)
        one = retention_rules.c.experiment_id == key

        def remove(connection: Connection) -> None:
            connection.execute(sa.delete(retention_rules).where(one))
            self._note(connection, actor, "retention.unset", key, {})

        self._database.write(remove)

    def preview(self, number: str, rule: Rule | None = None) -> Preview:
        """Say what a rule would do now, by default the one that is set; nothing happens."""
        key = self._known(number)
        rule = self.rule(number).rule if rule is None else rule
        now = self._now()
        judged = self._database.read(lambda c: judge(c, key, rule, now))
        thinned, points = self._thinned(key, rule)
        return Preview(
            experiment_id=number,
            rule=rule,
            delete=tuple(
                Surplus(id=row.run_id, name=row.run_name, started=row.start_time)
                for row in judged.surplus
            ),
            keep=judged.kept,
            purge=len(self._tidy.plan(_old(number, rule)).runs),
            thin=thinned,
            points=points,
        )

    def _thinned(self, number: int, rule: Rule) -> tuple[tuple[Thinned, ...], int]:
        found: list[Thinned] = []
        for row in self._ripe(number, rule):
            found += [
                Thinned(run_id=row.run_id, key=one.key, points=one.points)
                for one in self._long(row.id, rule)
            ]
        found.sort(key=lambda one: -one.points)
        points = sum(one.points - (rule.thin_to or 0) for one in found)
        return tuple(found[:SHOWN]), points

    def _long(self, run: int, rule: Rule) -> list[History]:
        return self._database.read(lambda c: long_histories(c, run, rule.thin_to or 0))

    def _ripe(self, number: int, rule: Rule) -> Sequence[Row[Any]]:
        """Return the runs whose histories may be thinned and are not yet."""
        if rule.thin_to is None:
            return []
        done = sa.exists().where(
            thinned_runs.c.run == runs.c.id,
            thinned_runs.c.ended == runs.c.end_time,
            thinned_runs.c.points <= rule.thin_to,
        )
        query: sa.Select[Any] = (
            sa.select(runs.c.id, runs.c.run_id, runs.c.end_time)
            .where(runs.c.experiment_id == number, runs.c.lifecycle_stage == ACTIVE)
            .where(runs.c.status.in_(ENDED), ~done)
            .where(runs.c.end_time <= self._now() - int(rule.thin_after_days * DAY))
        )
        return self._database.read(lambda c: c.execute(query).all())

    def apply(self, number: str, actor: str) -> Applied:
        """Delete what the rule does not keep, and begin to remove what is deleted long enough."""
        rule = self.rule(number).rule
        key = int(number)
        judged = self._database.read(lambda c: judge(c, key, rule, self._now()))
        deleted = sum(
            self._delete(key, judged.surplus[start : start + CHUNK], actor)
            for start in range(0, len(judged.surplus), CHUNK)
        )
        plan = self._tidy.plan(_old(number, rule))
        job = None if plan.is_empty() else self._tidy.carry_out(plan, actor, "retention").id
        return Applied(
            experiment_id=number,
            deleted=deleted,
            job=job,
            thinning=bool(self._ripe(key, rule)),
        )

    def _delete(self, number: int, rows: Sequence[Row[Any]], actor: str) -> int:
        """Delete some runs and record them, unless something has come to stand on them."""

        def mark(connection: Connection) -> int:
            used = used_runs(connection)
            keys = [row.id for row in rows if row.run_id not in used]
            change = (
                sa.update(runs)
                .where(runs.c.id.in_(keys), runs.c.lifecycle_stage == ACTIVE)
                .where(runs.c.status.in_(ENDED))
                .values(lifecycle_stage=DELETED, deleted_time=self._now())
                .returning(runs.c.run_id)
            )
            gone = sorted(connection.scalars(change))
            if gone:
                self._note(connection, actor, "retention.delete", number, {"runs": gone})
            return len(gone)

        return self._database.write(mark)

    def thin(self, halted: Callable[[], bool], only: str | None = None) -> int:
        """Thin the histories that rules allow to, and return how many points went."""
        gone = 0
        for one in self.rules():
            if only is None or one.experiment_id == only:
                for row in self._ripe(int(one.experiment_id), one.rule):
                    gone += self._thin_run(one, row, halted)
        return gone

    def _thin_run(self, one: RuleOf, row: Row[Any], halted: Callable[[], bool]) -> int:
        most = one.rule.thin_to or 0
        gone: dict[str, int] = {}
        for history in self._long(row.id, one.rule):
            if not halted():
                gone[history.key] = thin(self._database, history, most, self._pace, halted)
        if halted():
            return sum(gone.values())

        def note(connection: Connection) -> None:
            insert_or_update(connection, thinned_runs, [(row.id, row.end_time, most)])
            if gone:
                facts = {"run": row.run_id, "removed": gone, "to": most}
                number = int(one.experiment_id)
                self._note(connection, one.set_by, "retention.thin", number, facts)

        self._database.write(note)
        return sum(gone.values())

    def daily(self, halted: Callable[[], bool]) -> bool:
        """Apply every rule if that was not done today; returns whether it was done now."""
        rules = self.rules()
        if not rules or not self._database.write(self._take_turn):
            return False
        for one in rules:
            if halted():
                break
            try:
                self.apply(one.experiment_id, f"retention rule of {one.set_by}")
            except Exception as error:  # the other rules are applied all the same
                log.error("retention failed", experiment=one.experiment_id, exc_info=error)
        return True

    def _take_turn(self, connection: Connection) -> bool:
        """Take the turn of this day; of several servers one gets it."""
        now = self._now()
        if insert_or_skip(connection, tidy_clock, [(DAILY, now)]):
            return True
        due = (tidy_clock.c.name == DAILY) & (tidy_clock.c.at <= now - DAY)
        return connection.execute(sa.update(tidy_clock).where(due).values(at=now)).rowcount == 1

    def _known(self, number: str) -> int:
        if not number.isdecimal():
            raise NotFoundError(f"experiment {number!r} does not exist", why="an id is a number")
        self._database.read(lambda c: experiment_rows.get(c, int(number)))
        return int(number)

    def _note(
        self, connection: Connection, actor: str, kind: str, number: int, body: dict[str, Any]
    ) -> None:
        self._tidy.record.append_in(
            connection, actor=actor, kind=kind, subject=f"experiments/{number}", body=body
        )


_rules = sa.select(retention_rules, experiments.c.name).join(
    experiments, experiments.c.experiment_id == retention_rules.c.experiment_id
)


def _rule(row: Row[Any]) -> RuleOf:
    return RuleOf(
        experiment_id=str(row.experiment_id),
        name=row.name,
        rule=msgspec.json.decode(row.rule, type=Rule),
        set_by=row.set_by,
        set_at=row.set_at,
    )


def _old(number: str, rule: Rule) -> TidyRequest:
    """What has been deleted in an experiment for longer than the rule's grace period."""
    return TidyRequest(within=(number,), grace_days=rule.grace_days, orphans="leave")
