"""Whether a feed has fallen silent: nothing arrives where something was due.

No evidence of a closed day can say so, for a day without rows is never closed. What was due is
learnt from the latest days, or stated by a rule; the clock is the server's. Feeds that bring old
events, a replay for example, are not judged.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.clock import Clock, now_ms
from dovetail.base.sql import Database, insert
from dovetail.monitoring import tables as t
from dovetail.monitoring.alerts import Alerts
from dovetail.monitoring.intake import Item
from dovetail.monitoring.rhythm import SLOTS, Rhythm
from dovetail.wire.monitoring import Alert, Feed

__all__ = ["FEED", "Feeds"]

FEED = "feed"
_DAY_MS = 24 * 60 * 60 * 1000
_KEPT = 28
_CHUNK = 500


class Feeds:
    """What arrives of each model, and what should.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        alerts: Where a silence is raised.
        clock: What time it is.
        stated: How long each model may be silent by a rule; None where none says so.
    """

    def __init__(
        self,
        database: Database,
        alerts: Alerts,
        clock: Clock,
        stated: Callable[[str], timedelta | None],
    ) -> None:
        self._database, self._alerts, self._clock = database, alerts, clock
        self._stated = stated
        self._seen: dict[str, int] = {}
        self._lock, self._noting = threading.Lock(), threading.Lock()
        self._began_ms = now_ms(clock)

    def saw(self, items: Sequence[Item], at_ms: int) -> None:
        """Note that live predictions have just arrived; what is a day old or more is a replay."""
        with self._noting:
            for item in items:
                one = item.inference
                if one is not None and one.role == "live" and abs(at_ms - one.time_ms) < _DAY_MS:
                    self._seen[one.model] = at_ms

    def learning(self, model: str, day: str) -> Callable[[Connection], None]:
        """Return the work that adds what a closed day says of when the model is asked.

        It adds the days that were closed with it as well.
        """
        c, i = t.feeds.c, t.inferences.c
        first = (date.fromisoformat(day) - timedelta(days=_KEPT - 1)).isoformat()
        state = sa.select(c.history).where(c.model == model)

        def work(connection: Connection) -> None:
            rhythm = Rhythm.unpack(connection.scalar(state) or b"")
            d = t.closed_days.c
            closed = sa.select(d.day).where(d.model == model, d.day.between(first, day))
            for one in sorted(set(connection.execute(closed).scalars()) - set(rhythm.days)):
                times = sa.select(i.time_ms).where(i.model == model, i.day == one, i.role == "live")
                rhythm = rhythm.with_day(one, _quarters(connection.execute(times).scalars()))
            row = {"model": model, "history": rhythm.pack()}
            statement = insert(t.feeds, self._database.dialect).values(row)
            again = sa.case((c.due_ms.is_not(None), now_ms(self._clock)))
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[c.model], set_={"history": row["history"], "due_ms": again}
                )
            )

        return work

    def check(self) -> int:
        """Raise an alert for each feed that has fallen silent, resolve those that speak again.

        Returns:
            How many alerts changed.
        """
        now = now_ms(self._clock)
        with self._lock:
            self.keep()
            c = t.feeds.c
            due = sa.select(c.model, c.last_ms, c.history).where(c.due_ms <= now)
            rows = self._database.read(lambda x: x.execute(due).all())
            looked = [(row.model, self._look(row, now)) for row in rows]
            a = t.alerts.c
            silent = sa.select(a.id, a.model).where(a.kind == FEED, a.status != "resolved")
            speaking = silent.join(t.feeds, c.model == a.model).where(c.due_ms.is_not(None))
            again = self._database.read(lambda x: x.execute(speaking).all())
            if not looked and not again:
                return 0
            return self._database.write(lambda x: self._write(x, looked, [r.id for r in again]))

    def keep(self) -> None:
        """Write down what has arrived since the last time."""
        with self._noting:
            seen = dict(self._seen)
        if not seen:
            return
        now, c = now_ms(self._clock), t.feeds.c
        base = insert(t.feeds, self._database.dialect)
        later = sa.case((c.last_ms > base.excluded.last_ms, c.last_ms), else_=base.excluded.last_ms)
        # A feed that was alarmed, or that is new, is looked at now.
        statement = base.on_conflict_do_update(
            index_elements=[c.model],
            set_={"last_ms": later, "due_ms": sa.func.coalesce(c.due_ms, now)},
        )
        rows = [
            {"model": model, "last_ms": at_ms, "due_ms": now, "history": b""}
            for model, at_ms in seen.items()
        ]

        def work(connection: Connection) -> None:
            for start in range(0, len(rows), _CHUNK):
                connection.execute(statement, rows[start : start + _CHUNK])

        self._database.write(work)
        with self._noting:  # only now: till here it stood nowhere else
            for model, at_ms in seen.items():
                if self._seen.get(model) == at_ms:
                    del self._seen[model]

    def state(self, model: str) -> Feed:
        """How the feed of a model is."""
        c = t.feeds.c
        query = sa.select(c.model, c.last_ms, c.history).where(c.model == model)
        seen = self._seen.get(model, 0)  # before what is written, so that it is in one of the two
        row = self._database.read(lambda x: x.execute(query).first())
        last_ms = max(seen, (row.last_ms or 0) if row else 0) or None
        if last_ms is None:
            return Feed(model=model)
        found = self._silent_at(model, last_ms, row.history if row else b"")
        stated = self._stated(model)
        return Feed(
            model=model,
            last=_moment(last_ms),
            silent_at=_moment(found[0]) if found else None,
            stated_seconds=stated.total_seconds() if stated else None,
        )

    def _look(self, row: Any, now: int) -> tuple[int, Alert | None]:
        """When to look again, and the alert where the feed is silent."""
        if row.last_ms is None:
            return now + _DAY_MS, None
        # What came while this server was down was not heard.
        since = max(row.last_ms, self._began_ms)
        found = self._silent_at(row.model, since, row.history)
        if found is None:
            return now + _DAY_MS, None
        if found[0] > now:
            return found[0], None
        return now, self._alert(row.model, row.last_ms, now, found)

    def _silent_at(
        self, model: str, last_ms: int, history: bytes
    ) -> tuple[int, float, float] | None:
        stated = self._stated(model)
        if stated is not None:
            return last_ms + int(stated.total_seconds() * 1000), 0.0, 0.0
        return Rhythm.unpack(history).silent_at(last_ms)

    def _write(
        self, connection: Connection, looked: Sequence[tuple[str, Any]], again: Sequence[str]
    ) -> int:
        changed, c = len(again), t.feeds.c
        for alert_id in again:
            self._alerts.change_in(
                connection,
                alert_id,
                "resolved",
                "the feed",
                self._clock.now(),
                "events arrive again",
            )
        for model, (due_ms, alert) in looked:
            here = sa.update(t.feeds).where(c.model == model)
            connection.execute(here.values(due_ms=None if alert else due_ms))
            if alert is not None and self._alerts.raise_in(connection, alert) is not None:
                changed += 1
        return changed

    def _alert(self, model: str, last_ms: int, now: int, found: tuple[int, float, float]) -> Alert:
        _, due, longest = found
        last, stated = _moment(last_ms), self._stated(model)
        if stated is not None:
            measure = f"A rule expects one every {_lasts(stated)}."
        else:
            measure = (
                f"More than {due:,.0f} predictions were due by what the last weeks were like, in "
                f"which the longest pause was worth {longest:,.0f}."
            )
        silence = timedelta(milliseconds=now - last_ms)
        return Alert(
            id="",
            model=model,
            kind=FEED,
            severity="alarm",
            cause="data",
            day=last.date(),
            raised=self._clock.now().isoformat(timespec="seconds"),
            message=(
                f"Nothing has arrived of {model} for {_lasts(silence)}, since "
                f"{last:%Y-%m-%d %H:%M} UTC. {measure} Look at the server of the model, its "
                "payload log and the way here."
            ),
            facts={
                "since": last.isoformat(timespec="seconds"),
                "clues": [f"silent feed: nothing for {_lasts(silence)}"],
                "due": round(due, 1) if stated is None else None,
                "longest_pause": round(longest, 1) if stated is None else None,
                "expect_every": stated.total_seconds() if stated else None,
            },
        )


def _quarters(times: Any) -> Any:
    """Predictions in each quarter of an hour of their day, shape (96,)."""
    slots = np.asarray(list(times), dtype=np.int64) // (15 * 60_000) % SLOTS
    return np.bincount(slots, minlength=SLOTS).astype(np.int64)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)


def _lasts(length: timedelta) -> str:
    """A length of time in its two largest units."""
    minutes = int(length.total_seconds() // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{rest} min" if rest else f"{int(length.total_seconds())} s"
