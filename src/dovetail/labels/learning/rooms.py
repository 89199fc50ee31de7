"""Where a labeller learns: a project of this server, or one of a tool that this is a backend of.

A room says what is asked, what was answered and what is open, and takes predictions back.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.labels.backend import Backend, Changed
from dovetail.labels.errors import AbsentError
from dovetail.labels.learning.records import MOST, Records, Told
from dovetail.labels.store import ids
from dovetail.labels.store import predictions as prediction_rows
from dovetail.labels.store.tables import annotations, predictions, projects, tasks

if TYPE_CHECKING:
    from dovetail.labels.learning.encoding import Data
    from dovetail.labels.learning.labeller import Answered, Labeller, Predicted
    from dovetail.labels.learning.reading import Reader

__all__ = ["PREFIX", "OwnRoom", "Room", "StudioRoom", "own_key", "version_name"]

PREFIX = "ai-labeller-"
_POOL = 3_000
_BATCH = 100  # tasks in a transaction: somebody who saves waits for one of them at most
_HELD = 100_000_000  # characters of tasks that are held at one time
_LOOKED_AT = 50
_BREATH = 0.005  # seconds between two of them


def own_key(project: int) -> str:
    """The room of a project of this server."""
    return f"own:{project}"


def version_name(number: int) -> str:
    """The `model_version` of a labeller's predictions."""
    return f"{PREFIX}{number}"


class Room(Protocol):
    """Where a labeller learns."""

    key: str

    def config(self) -> str:
        """The label config, XML.

        Raises:
            AbsentError: the room is gone.
        """

    def title(self) -> str:
        """What people call it."""

    def counted(self) -> int:
        """How many annotations there are."""

    def answered(self, most: int = MOST) -> "list[Answered]":
        """The tasks with answers, the latest ones; `most` bounds the answers."""

    def pool(self) -> "list[tuple[int, Data]]":
        """A sample of the open tasks."""

    def reader(self) -> "Reader":
        """What features may be asked from."""

    def publish(
        self, labeller: "Labeller", name: str, is_over: Callable[[], bool], *, only_missing: bool
    ) -> int:
        """Write predictions on open tasks, or on those without one, and say on how many."""


class StudioRoom:
    """A project of another tool, as far as it told of it.

    Args:
        key: The room.
        records: What it told.
        fallback: A label config where it told none.
        reader: What features may be asked from.
    """

    def __init__(
        self, key: str, records: Records, fallback: str = "", reader: "Reader | None" = None
    ) -> None:
        self.key, self._records, self._fallback = key, records, fallback
        self._reader = reader

    def config(self) -> str:
        """The label config that the tool told."""
        said = self._records.config(self.key)[0] or self._fallback
        if not said:
            raise AbsentError("project", self.key)
        return said

    def title(self) -> str:
        """Its name there."""
        return self._records.config(self.key)[1] or self.key

    def counted(self) -> int:
        """How many annotations it told of."""
        return self._records.count_told(self.key)

    def answered(self, most: int = MOST) -> "list[Answered]":
        """What it told."""
        return answered_of(self._records.told(self.key, most))

    def pool(self) -> "list[tuple[int, Data]]":
        """Tasks that it told of."""
        return [(task, msgspec.json.decode(data)) for task, data in self._records.seen(self.key)]

    def reader(self) -> "Reader":
        """Images within the tasks, and models that embed."""
        if self._reader is None:
            from dovetail.labels.learning.reading import Reader

            self._reader = Reader()
        return self._reader

    def publish(
        self, labeller: "Labeller", name: str, is_over: Callable[[], bool], *, only_missing: bool
    ) -> int:
        """The tool asks for predictions when it wants them."""
        return 0


def answered_of(told: Sequence[Told]) -> "list[Answered]":
    """Answers, which are in the order of their tasks, as answered tasks."""
    from dovetail.labels.learning.labeller import Answered, Said

    found = []
    for _, group in itertools.groupby(told, key=lambda one: one.task):
        some = list(group)
        said = [Said(one.source, msgspec.json.decode(one.result), one.is_gold) for one in some]
        found.append(Answered(msgspec.json.decode(some[-1].data), said))
    return found


class OwnRoom:
    """A project of this server; what another tool told of it counts too.

    Args:
        project: The project's id.
        backend: The server's tables.
        records: What other tools told.
        reader: What features may be asked from.
    """

    def __init__(self, project: int, backend: Backend, records: Records, reader: "Reader") -> None:
        self.key, self._project = own_key(project), project
        self._backend, self._records, self._reader = backend, records, reader

    def _read(self, fn: Callable[[Connection], Any]) -> Any:
        return self._backend.database.read(fn)

    def _rows(self, query: sa.Select[Any]) -> Sequence[Any]:
        found: Sequence[Any] = self._read(lambda c: c.execute(query).all())
        return found

    def _row(self) -> Any:
        query = sa.select(projects.c.label_config, projects.c.title)
        row = self._read(lambda c: c.execute(query.where(projects.c.id == self._project)).first())
        if row is None:
            raise AbsentError("project", self._project)
        return row

    def config(self) -> str:
        """The label config."""
        return str(self._row().label_config)

    def title(self) -> str:
        """Its title."""
        return str(self._row().title)

    def counted(self) -> int:
        """How many annotations there are, skipped tasks aside."""
        query = sa.select(sa.func.count()).where(
            annotations.c.project_id == self._project, annotations.c.was_cancelled.is_(False)
        )
        own = int(self._read(lambda c: c.execute(query).scalar()) or 0)
        return own + self._records.count_told(self.key)

    def answered(self, most: int = MOST) -> "list[Answered]":
        """The answers of people here, and those that another tool told."""
        query = (
            sa.select(
                annotations.c.id,
                annotations.c.task_id,
                annotations.c.completed_by,
                annotations.c.ground_truth,
                annotations.c.result,
                tasks.c.data,
            )
            .join(tasks, tasks.c.id == annotations.c.task_id)
            .where(
                annotations.c.project_id == self._project, annotations.c.was_cancelled.is_(False)
            )
            .order_by(annotations.c.id.desc())
            .limit(min(most, self._affordable()))
        )
        rows = self._read(lambda c: c.execute(query).all())
        own = [
            Told(r.id, r.task_id, f"user-{r.completed_by}", r.ground_truth, r.data, r.result)
            for r in rows
        ]
        own.sort(key=lambda one: (one.task, one.annotation))
        return [*answered_of(self._records.told(self.key, most)), *answered_of(own)]

    def pool(self) -> "list[tuple[int, Data]]":
        """Open tasks, drawn evenly."""
        is_open = (tasks.c.project_id == self._project) & tasks.c.is_labeled.is_(False)
        query = sa.select(tasks.c.id).where(is_open).order_by(tasks.c.id)
        numbers = self._read(lambda c: [row[0] for row in c.execute(query)])
        most = min(_POOL, self._affordable())
        if len(numbers) > most:
            import numpy as np

            places = np.random.default_rng(len(numbers)).permutation(len(numbers))[:most]
            numbers = [numbers[place] for place in sorted(places.tolist())]
        return [(number, data) for number, data in self._data(numbers)]

    def _affordable(self) -> int:
        """How many tasks may be held at one time, by the size of some."""
        mine = sa.select(tasks.c.data).where(tasks.c.project_id == self._project)
        some = self._rows(mine.order_by(tasks.c.id).limit(_LOOKED_AT))
        mean = sum(len(row.data) for row in some) / max(1, len(some))
        return max(_LOOKED_AT, int(_HELD / max(mean, 1)))

    def _data(self, numbers: Sequence[int]) -> "list[tuple[int, Data]]":
        found: list[tuple[int, Data]] = []
        for start in range(0, len(numbers), _BATCH):
            part = numbers[start : start + _BATCH]
            query = sa.select(tasks.c.id, tasks.c.data).where(tasks.c.id.in_(part))
            rows = self._rows(query.order_by(tasks.c.id))
            found += [(row.id, msgspec.json.decode(row.data)) for row in rows]
        return found

    def reader(self) -> "Reader":
        """Images within the tasks, and those that were uploaded to this server."""
        return self._reader

    def publish(
        self, labeller: "Labeller", name: str, is_over: Callable[[], bool], *, only_missing: bool
    ) -> int:
        """Predict the open tasks, a few hundred in a transaction, in place of older predictions."""
        if not only_missing:
            self._show(name)
        written, last, batch = 0, 0, max(1, min(_BATCH, self._affordable() // _BATCH))
        wanted = [tasks.c.project_id == self._project, tasks.c.is_labeled.is_(False)]
        if only_missing:
            mine = predictions.c.task_id == tasks.c.id, predictions.c.model_version == name
            wanted.append(~sa.exists().where(*mine))
        while not is_over():
            query = (
                sa.select(tasks.c.id, tasks.c.data)
                .where(*wanted, tasks.c.id > last)
                .order_by(tasks.c.id)
                .limit(batch)
            )
            rows = self._rows(query)
            if not rows:
                break
            said = labeller.predict([msgspec.json.decode(r.data) for r in rows], self.reader())
            self._write([row.id for row in rows], said, name)
            written, last = written + len(rows), rows[-1].id
            time.sleep(_BREATH)
        return written

    def _show(self, name: str) -> None:
        """Where annotators are shown an older version of the labeller, show this one."""
        mine = projects.c.id == self._project

        def write(c: Connection) -> None:
            row = c.execute(sa.select(projects.c.options).where(mine)).first()
            options = msgspec.json.decode(row.options) if row is not None else {}
            if str(options.get("model_version") or "").startswith(PREFIX):
                options["model_version"] = name
                text = msgspec.json.encode(options).decode()
                c.execute(sa.update(projects).where(mine).values(options=text))

        self._backend.database.write(write)

    def _write(self, numbers: Sequence[int], said: "Sequence[Predicted]", name: str) -> None:
        now = self._backend.now()

        def write(c: Connection) -> list[int]:
            there = sa.select(tasks.c.id).where(tasks.c.id.in_(numbers))
            alive = {row[0] for row in c.execute(there)}
            mine = predictions.c.task_id.in_(numbers) & predictions.c.model_version.startswith(
                PREFIX
            )
            gone = c.execute(sa.delete(predictions).where(mine)).rowcount
            told = [(n, one) for n, one in zip(numbers, said, strict=True) if n in alive]
            given = ids.take(c, predictions, len(told))
            rows = [
                {
                    "id": place,
                    "task_id": number,
                    "project_id": self._project,
                    "model_version": name,
                    "score": one.score,
                    "created_at": now,
                    "updated_at": now,
                    "result": msgspec.json.encode(one.result).decode(),
                }
                for place, (number, one) in zip(given, told, strict=True)
            ]
            prediction_rows.add(c, rows)
            changed = [number for number, _ in told]
            prediction_rows.refresh(c, self._project, changed, by=len(rows) - gone)
            return given

        made = self._backend.database.write(write)
        self._backend.changed(Changed("PREDICTIONS_CREATED", self._project, made))
