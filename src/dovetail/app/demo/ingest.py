"""What becomes known, week by week, into versioned and validated tables.

A batch has the number of its last day, and the lake takes a number once, so that a run that is
killed in the middle and started again writes every row exactly once.
"""

from datetime import date, timedelta
from pathlib import Path

import msgspec

from dovetail.app.demo.world import SOURCES, World
from dovetail.data.lake import Lake
from dovetail.data.schema import LENIENT, Schema
from dovetail.data.snapshots import Snapshot

__all__ = ["Ingest"]

GAPS = 0.25
KEYS = {"weather": ("origin", "observed"), "departures": ("flight_id",), "arrivals": ("flight_id",)}


class Ingest:
    """Fills the lake.

    Args:
        world: where the rows come from.
        root: the lake's folder.
    """

    def __init__(self, world: World, root: Path) -> None:
        self._world, self.lake = world, Lake(root)

    def up_to(self, day: date) -> None:
        """Append what became known since the last batch, up to the end of a day.

        The first batch also makes the tables' schemas, which every later batch is checked with.

        Raises:
            RejectedError: rows fail the schema; they are held and the table stays as it was.
        """
        for source in SOURCES:
            last = self._last_day(source)
            if last is not None and last >= day:
                continue
            after = self._world.end_of(last or date(2012, 12, 30))
            rows = self._world.events_between(source, after, self._world.end_of(day))
            self.lake.table(source).append(rows, batch=(source, day.toordinal()))
            if last is None:
                self.lake.declare(source, self._schema(source))

    def _schema(self, source: str) -> Schema:
        """Infer a schema from three months, and leave room for the seasons to come.

        Types, columns and keys are held to. Figures that the seasons move are told, not refused,
        and a column that has gaps may have more of them.
        """
        found = self.lake.infer(source, keys=[KEYS[source]])
        columns = [
            msgspec.structs.replace(c, null_share=max(c.null_share, GAPS)) if c.null_share else c
            for c in found.columns
        ]
        return msgspec.structs.replace(found, columns=tuple(columns), warn_only=LENIENT)

    def _last_day(self, source: str) -> date | None:
        """Return the last day that a table holds, as its own log tells it."""
        table = self.lake.table(source)
        number = table.last(source) if table.exists else None
        return None if number is None else date.fromordinal(number)

    def snapshot(self, purpose: str) -> list[Snapshot]:
        """Record and hold the exact files that a training reads."""
        return [self.lake.snapshot(source, purpose=purpose) for source in SOURCES]

    @staticmethod
    def is_due(day: date, first: date) -> bool:
        """Return whether a week since the first day of the replay ends with this day."""
        return ((day - first) + timedelta(days=1)).days % 7 == 0
