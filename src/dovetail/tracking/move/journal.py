"""The journal of one move: what is whole at the other end, under which name, with which sums.

It lies in our own database, whichever end that is. A move that was cut short finds here what it may
pass over. A move that ended is begun anew by the next call, which looks at everything again and
brings what was added since.
"""

from collections.abc import Iterator, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database
from dovetail.tracking.move.checksum import Sum
from dovetail.tracking.move.records import Placed
from dovetail.tracking.store.bulk import insert_one, insert_or_update, select_for
from dovetail.tracking.store.moves_schema import moved, moves

__all__ = [
    "CLAIM",
    "EXPERIMENT",
    "MODEL",
    "NUMBERS",
    "REGISTERED",
    "RUN",
    "TRACE",
    "Item",
    "Journal",
]

EXPERIMENT, RUN, MODEL, REGISTERED = "experiment", "run", "model", "registered"
TRACE = "trace"
CLAIM = "claim"
"""A registered model whose name was free, noted before it is written: it is ours to go on with."""

NUMBERS = "numbers"
"""The last number of a registered model's versions that was used up on a server."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was moved.

    Attributes:
        kind: `experiment`, `run`, `model`, `registered`, `trace`, `claim` or `numbers`.
        id: its id or name in the source.
        experiment: the source's experiment that it belongs to; empty for registered models.
        target: its id or name in the target.
        sums: what was sent.
        source_uri: where its artifacts were.
        target_uri: where they are now.
        skipped: what of it was not moved, with the reason.
        placed: where an experiment lies in the target.
        tags: the keys of an experiment's tags.
    """

    kind: str
    id: str
    experiment: str = ""
    target: str
    sums: dict[str, Sum] = {}
    source_uri: str = ""
    target_uri: str = ""
    skipped: tuple[str, ...] = ()
    placed: Placed | None = None
    tags: tuple[str, ...] = ()


class Journal:
    """The rows of one move.

    Args:
        database: our own store.
        direction: `import` or `export`.
        other: the other store.
    """

    def __init__(self, database: Database, direction: str, other: str) -> None:
        self._database = database
        self._move, self._pass, self.is_resumed = database.write(
            lambda c: _begin(c, direction, other)
        )

    def done(self, experiment: str, kind: str) -> set[str]:
        """Return the things of an experiment that this pass has moved."""
        query = sa.select(moved.c.item).where(
            *self._of(experiment, kind), moved.c["pass"] == self._pass
        )
        return set(self._database.read(lambda c: c.scalars(query).all()))

    def _of(self, experiment: str, kind: str) -> tuple[sa.ColumnElement[bool], ...]:
        mine = moved.c.move == self._move
        return mine, moved.c.experiment == experiment, moved.c.kind == kind

    def find(self, kind: str, item: str) -> Item | None:
        """Return what is known of a thing, from this pass or an earlier one."""
        query = sa.select(moved.c.body).where(
            moved.c.move == self._move, moved.c.kind == kind, moved.c.item == item
        )
        body = self._database.read(lambda c: c.scalar(query))
        return None if body is None else msgspec.json.decode(body, type=Item)

    def find_all(self, kind: str, items: Sequence[str]) -> dict[str, Item]:
        """Return what is known of some things, from this pass or an earlier one."""
        listed: sa.BindParameter[str] = sa.bindparam("listed", expanding=True)
        query = sa.select(moved.c.item, moved.c.body).where(
            moved.c.move == self._move, moved.c.kind == kind, moved.c.item.in_(listed)
        )
        rows = self._database.read(lambda c: list(select_for(c, query, "listed", items)))
        return {row.item: msgspec.json.decode(row.body, type=Item) for row in rows}

    def items(self, kind: str, experiment: str = "") -> Iterator[Item]:
        """Yield the things that this pass has moved."""
        query = (
            sa.select(moved.c.body, moved.c.item)
            .where(*self._of(experiment, kind), moved.c["pass"] == self._pass)
            .order_by(moved.c.item)
            .limit(1000)
        )
        last = ""
        while True:
            page = query.where(moved.c.item > last)
            rows = self._database.read(lambda c, page=page: c.execute(page).all())  # type: ignore[misc]
            yield from (msgspec.json.decode(row.body, type=Item) for row in rows)
            if len(rows) < 1000:
                return
            last = rows[-1].item

    def write(self, items: Sequence[Item]) -> None:
        """Remember things that are whole at the other end."""
        rows = [
            (
                *(self._move, one.kind, one.id, one.experiment, one.target, self._pass),
                msgspec.json.encode(one).decode(),
            )
            for one in items
        ]
        self._database.write(lambda c: insert_or_update(c, moved, rows))

    def finish(self) -> None:
        """Remember that everything was looked at."""
        ended = sa.update(moves).where(moves.c.id == self._move).values(finished=True)
        self._database.write(lambda c: c.execute(ended))


def _begin(connection: Connection, direction: str, other: str) -> tuple[int, int, bool]:
    """Return the move's number, its pass, and whether that was cut short before."""
    mine = (moves.c.direction == direction) & (moves.c.other == other)
    row = connection.execute(sa.select(moves).where(mine)).first()
    if row is None:
        values = {"direction": direction, "other": other, "pass": 1, "finished": False}
        return insert_one(connection, moves, values), 1, False
    number = row._mapping["pass"]
    if not row.finished:
        return row.id, number, True
    again = {"pass": number + 1, "finished": False}
    connection.execute(sa.update(moves).where(mine).values(again))
    return row.id, number + 1, False
