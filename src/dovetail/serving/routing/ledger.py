"""Which version answered which request, and what came of it.

Answers are only put in a queue; a thread writes them, many in one transaction, and reads back what
other workers of the server have written. A reward is written before it is acknowledged, and counts
once however often it comes. After a restart everything is there but the last half second of
requests.
"""

import threading
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import DovetailError, NotFoundError
from dovetail.base.sql import Database, insert, rows_of
from dovetail.base.telemetry import logger
from dovetail.serving.routing.posterior import Totals
from dovetail.serving.schema import arms, decisions

__all__ = ["Arm", "Ledger", "Noted"]

log = logger("serving")
_SECONDS = 0.5
_MOST_RECENT = 200_000
_MOST_NOTED = 500_000
_PRUNE_MS = 60_000
_NONE = Totals()


class Noted(NamedTuple):
    """That a version answered a request.

    Attributes:
        model: the model's name.
        id: of the request.
        version: what answered.
        experiment: the name under which rewards are added up.
        failed: whether it failed.
        punishes: whether that counts as a reward of 0.
    """

    model: str
    id: str
    version: str
    experiment: str
    failed: bool = False
    punishes: bool = False


@dataclass(slots=True)
class Arm:
    """What is known of one version in one experiment; replaced parts, never half-changed.

    Attributes:
        totals: of the rewards.
        requests: that it answered or failed.
        errors: that it failed.
    """

    totals: Totals = _NONE
    requests: int = 0
    errors: int = 0


Key = tuple[str, str, str]


class Ledger:
    """Remembers decisions and adds up rewards.

    Args:
        database: where they are kept.
        clock: what time it is.
        hours: how long a request's version is remembered.
    """

    def __init__(self, database: Database, clock: Clock, hours: float) -> None:
        self._database, self._clock, self._hours = database, clock, hours
        self._arms: dict[Key, Arm] = {}
        self._recent: dict[tuple[str, str], Noted] = {}
        self._queue: deque[Noted] = deque(maxlen=_MOST_NOTED)
        self._wake = threading.Event()
        self._stopping = False
        self._pruned_ms = 0
        self._thread = threading.Thread(target=self._run, name="serving-ledger", daemon=True)
        self._flushing = threading.Lock()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, and end."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()

    # Requests

    def arm(self, model: str, experiment: str, version: str) -> Arm:
        """Return what is known of a version, the same object each time."""
        key = (model, experiment, version)
        if key not in self._arms:
            where = (
                (arms.c.model == model)
                & (arms.c.experiment == experiment)
                & (arms.c.version == version)
            )
            rows = self._database.read(lambda c: rows_of(c, sa.select(arms).where(where)))
            self._arms.setdefault(key, _arm(rows[0]) if rows else Arm())
        return self._arms[key]

    def recall(self, model: str, id: str | None) -> Noted | None:
        """Return which version a request met a short while ago. Never waits."""
        return self._recent.get((model, id or ""))

    def note(self, noted: Noted) -> None:
        """Remember which version a request met. Never waits."""
        recent = self._recent
        recent[noted.model, noted.id] = noted
        if len(recent) > _MOST_RECENT:
            oldest = next(iter(recent), None)
            if oldest is not None:
                recent.pop(oldest, None)
        self._queue.append(noted)

    def flush(self) -> None:
        """Write what is queued and read what the other workers wrote."""
        with self._flushing:
            noted = [self._queue.popleft() for _ in range(len(self._queue))]
            if not noted and not self._arms:
                return
            now = now_ms(self._clock)
            if noted:
                try:
                    self._database.write(lambda connection: self._write(connection, noted, now))
                except Exception:
                    self._queue.extendleft(reversed(noted))
                    raise
            if now - self._pruned_ms > _PRUNE_MS:
                self._pruned_ms = now
                old = sa.delete(decisions).where(decisions.c.at_ms < now - self._hours * 3_600_000)
                self._database.write(lambda connection: connection.execute(old))
            self._read()

    def _write(self, connection: Connection, noted: list[Noted], now: int) -> None:
        rows = [
            {
                "model": one.model,
                "id": one.id,
                "version": one.version,
                "experiment": one.experiment,
                "at_ms": now,
                "reward": 0.0 if one.punishes else None,
            }
            for one in noted
        ]
        statement = insert(decisions, self._database.dialect).on_conflict_do_nothing()
        connection.execute(statement, rows)
        added: dict[Key, list[int]] = {}
        for one in noted:
            counts = added.setdefault((one.model, one.experiment, one.version), [0, 0, 0])
            counts[0] += 1
            counts[1] += one.failed
            counts[2] += one.punishes
        for key, (requests, errors, punished) in added.items():
            self._add(connection, key, requests=requests, errors=errors, rewards=punished)

    def _read(self) -> None:
        if not self._arms:
            return
        names = {key[0] for key in self._arms}
        statement = sa.select(arms).where(arms.c.model.in_(names))
        for row in self._database.read(lambda c: rows_of(c, statement)):
            known = self._arms.get((row["model"], row["experiment"], row["version"]))
            if known is not None:
                fresh = _arm(row)
                known.totals = fresh.totals
                known.requests, known.errors = fresh.requests, fresh.errors

    # Rewards

    def reward(self, model: str, id: str, reward: float, given: Noted | None) -> tuple[Noted, bool]:
        """Add a reward to the version that answered a request, once.

        Args:
            model: the model's name.
            id: of the request.
            reward: what came of it.
            given: what the caller says answered it; None leaves it to the memory.

        Returns:
            What answered, and whether the reward was new.

        Raises:
            NotFoundError: nobody knows what answered.
        """
        noted = self._database.read(lambda connection: _decided(connection, model, id))
        noted = noted or self._recent.get((model, id)) or given
        if noted is None:
            raise NotFoundError(
                f"it is not known which version of {model!r} answered the request {id!r}",
                why="it was never routed by an experiment or a bandit, or too long ago",
                fix="say it: {'id': ..., 'reward': ..., 'version': ...}",
            )
        now = now_ms(self._clock)

        def write(connection: Connection) -> bool:
            values = noted._asdict() | {"at_ms": now, "reward": reward}
            del values["failed"], values["punishes"]
            statement = insert(decisions, self._database.dialect).values(**values)
            done = connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["model", "id"],
                    set_={"reward": reward},
                    where=decisions.c.reward.is_(None),
                )
            )
            if done.rowcount == 0:
                return False
            key = (model, noted.experiment, noted.version)
            self._add(connection, key, rewards=1, total=reward, squares=reward**2)
            return True

        is_new = self._database.write(write)
        if is_new:
            arm = self.arm(model, noted.experiment, noted.version)
            old = arm.totals
            arm.totals = Totals(old.rewards + 1, old.total + reward, old.squares + reward**2)
        return noted, is_new

    def _add(self, connection: Connection, key: Key, **more: float) -> None:
        """Add to an arm's sums in the store, where other workers add as well."""
        names = ("requests", "errors", "rewards", "total", "squares")
        values = {name: more.get(name, 0) for name in names}
        where = dict(zip(("model", "experiment", "version"), key, strict=True))
        statement = insert(arms, self._database.dialect).values(**where, **values)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=list(where),
                set_={name: arms.c[name] + values[name] for name in names},
            )
        )

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(_SECONDS)
            try:
                self.flush()
            except (DovetailError, sa.exc.SQLAlchemyError) as error:
                log.warning("decisions not written", why=str(error))


def _arm(row: dict[str, object]) -> Arm:
    number = {name: float(str(row[name])) for name in ("rewards", "total", "squares")}
    return Arm(
        Totals(int(number["rewards"]), number["total"], number["squares"]),
        int(str(row["requests"])),
        int(str(row["errors"])),
    )


def _decided(connection: Connection, model: str, id: str) -> Noted | None:
    statement = sa.select(decisions.c.version, decisions.c.experiment).where(
        decisions.c.model == model, decisions.c.id == id
    )
    row = connection.execute(statement).first()
    return Noted(model, id, row.version, row.experiment) if row is not None else None
