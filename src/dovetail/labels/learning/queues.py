"""The order in which open tasks are labelled, chosen ahead by a strategy.

Choosing takes a tenth of a second, so it happens in the background; who asks for the next task
gets the first one in the list that is still open to them.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dovetail.base.sql import Database
from dovetail.labels.backend import Asked
from dovetail.labels.store.tables import annotations, tasks
from dovetail.wire.label_studio.config import parse

if TYPE_CHECKING:
    from dovetail.labels.learning.encoding import Data
    from dovetail.labels.learning.labeller import Answered, Labeller
    from dovetail.labels.learning.reading import Reader

__all__ = ["LABELLED", "LOW", "Queues", "ordered"]

LOW = 10
"""Tasks in an order at which it is made anew."""

_SIZE = 64  # coordinates that texts are brought down to
LABELLED = 500
"""Labelled tasks that open ones are compared with."""


def ordered(
    strategy: str,
    labeller: "Labeller | None",
    config: str,
    pool: "Sequence[tuple[int, Data]]",
    answered: "Sequence[Answered]",
    count: int,
    *,
    fields: Sequence[str] = (),
    reader: "Reader",
) -> list[int]:
    """Numbers of the open tasks to label next, the best first.

    Args:
        strategy: By name.
        labeller: What is known so far; None before there is a model.
        config: The label config, XML.
        pool: Open tasks.
        answered: Labelled tasks, the latest of which are compared with.
        count: How many.
        fields: Fields to look at; what the config shows by default.
        reader: Gives the bytes of images.

    Raises:
        InvalidInputError: No field can be looked at.
        NotFoundError: There is no such strategy.
    """
    if not pool:
        return []
    import numpy as np

    from dovetail.labels.learning.encoding import Encoder
    from dovetail.labels.learning.inputs import inputs_of
    from dovetail.labels.learning.strategies import Pool, choose

    data = [one for _, one in pool]
    if labeller is not None:
        encoder = labeller.encoder
    else:
        encoder = Encoder.learned(data, inputs_of(parse(config), fields), reader)
    rows = encoder.rows(data, reader)
    known = encoder.rows([one.data for one in answered[-LABELLED:]], reader)
    told = labeller.unsure(rows) if labeller is not None else None
    found = choose(strategy, Pool(told, rows.projected(_SIZE), known.projected(_SIZE)), count)
    return [pool[place][0] for place in np.asarray(found).tolist()]


class Queues:
    """The orders of all projects.

    Args:
        database: The server's tables.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._orders: dict[int, list[int]] = {}
        self._made_by: dict[int, Labeller | None] = {}
        self._guard = threading.Lock()

    def put(self, project: int, order: Sequence[int], made_by: "Labeller | None" = None) -> None:
        """Set a project's order; an empty one takes it away."""
        with self._guard:
            self._orders.pop(project, None)
            self._made_by.pop(project, None)
            if order:
                self._orders[project] = list(order)
                self._made_by[project] = made_by

    def is_due(self, project: int, made_by: "Labeller | None") -> bool:
        """Whether an order is running out, or an older model made it."""
        with self._guard:
            left = len(self._orders.get(project, ()))
            return left < LOW or self._made_by.get(project) is not made_by

    def done(self, project: int, task: int) -> int:
        """Take an answered task out, and say how many are left; -1 where there is no order."""
        with self._guard:
            order = self._orders.get(project)
            if order is None:
                return -1
            if task in order:
                order.remove(task)
            return len(order)

    def next(self, asked: Asked) -> int | None:
        """The first task of the order that is open to who asks; None where there is none."""
        with self._guard:
            order = [
                task for task in self._orders.get(asked.project, ()) if task not in asked.taken
            ]
        if not order:
            return None
        mine = sa.exists().where(
            annotations.c.task_id == tasks.c.id, annotations.c.completed_by == asked.user
        )
        query = sa.select(tasks.c.id).where(
            tasks.c.id.in_(order),
            tasks.c.project_id == asked.project,
            tasks.c.is_labeled.is_(False),
            ~mine,
        )
        open_ = self._database.read(lambda c: {row[0] for row in c.execute(query)})
        return next((task for task in order if task in open_), None)
