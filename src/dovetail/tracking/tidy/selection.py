"""Which experiments, runs and logged models go, and which stay and why.

The choice reads only the database, so that it can be made again in the transaction that begins the
removal. What a live model version stands on stays, and with it what that hangs on: the run that
made a kept model, the experiment that holds a kept run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base.errors import NotFoundError
from dovetail.tracking.store.bulk import select_for
from dovetail.tracking.store.experiments import ACTIVE, DELETED, PURGING
from dovetail.tracking.store.schema import experiments, logged_models, run_models, runs
from dovetail.tracking.tidy.uses import Uses
from dovetail.wire.tidy import Kept, TidyRequest

__all__ = ["MOST", "Selection", "select"]

MOST = 20_000
ID = 32
_some: sa.BindParameter[Any] = sa.bindparam("some", expanding=True)
_run = (
    *(runs.c.id, runs.c.run_id, runs.c.experiment_id, runs.c.run_name, runs.c.status),
    *(runs.c.lifecycle_stage, runs.c.deleted_time, runs.c.artifact_uri),
)
_runs = sa.select(*_run).where(runs.c.lifecycle_stage != PURGING).order_by(runs.c.id)
_model = (
    *(logged_models.c.model_id, logged_models.c.experiment_id, logged_models.c.name),
    *(logged_models.c.lifecycle_stage, logged_models.c.last_updated_timestamp),
    *(logged_models.c.artifact_location, logged_models.c.source_run_id),
)
_models = sa.select(*_model).where(logged_models.c.lifecycle_stage != PURGING)
_models = _models.order_by(logged_models.c.model_id)
_users = (
    sa.select(run_models.c.model_id, run_models.c.run, runs.c.run_id)
    .join(runs, runs.c.id == run_models.c.run)
    .where(run_models.c.model_id.in_(_some), run_models.c.role == "input")
    .where(runs.c.lifecycle_stage == ACTIVE)
)


@dataclass
class Selection:
    """What goes and what stays, as rows of the database.

    Attributes:
        experiments: by number.
        runs: by their key inside the database.
        models: by id.
        kept: what would go but stays.
        own: models that go for their own sake, not because of their run.
        more: whether the request fits more than this.
    """

    experiments: dict[int, Row[Any]] = field(default_factory=dict)
    runs: dict[int, Row[Any]] = field(default_factory=dict)
    models: dict[str, Row[Any]] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    more: bool = False


def select(connection: Connection, request: TidyRequest, cutoff: int) -> Selection:
    """Choose what goes.

    Args:
        connection: where to read.
        request: what was asked.
        cutoff: what was deleted after this instant is not old enough.

    Raises:
        NotFoundError: something that is named does not exist.
    """
    found = (
        _named(connection, request) if request.has_names() else _old(connection, request, cutoff)
    )
    found.own = set(found.models)
    _follow(connection, found)
    _Keeping(connection, found).settle()
    return found


def _named(connection: Connection, request: TidyRequest) -> Selection:
    found = Selection()
    numbers = [_number(one) for one in request.experiments]
    query = sa.select(experiments).where(
        experiments.c.experiment_id.in_(_some), experiments.c.lifecycle_stage != PURGING
    )
    found.experiments = {
        row.experiment_id: row for row in select_for(connection, query, "some", numbers)
    }
    found.runs = {
        row.id: row
        for row in select_for(
            connection, _runs.where(runs.c.run_id.in_(_some)), "some", request.runs
        )
    }
    by_id = _models.where(logged_models.c.model_id.in_(_some))
    found.models = {
        row.model_id: row for row in select_for(connection, by_id, "some", request.models)
    }
    known = {str(number) for number in found.experiments}
    known |= {row.run_id for row in found.runs.values()} | set(found.models)
    for kind, ids in (
        ("experiment", request.experiments),
        ("run", request.runs),
        ("logged model", request.models),
    ):
        for one in ids:
            if one not in known:
                raise NotFoundError(f"{kind} {one} does not exist")
    whole = _runs.where(runs.c.experiment_id.in_(_some)).limit(MOST + 1)
    rows = list(select_for(connection, whole, "some", list(found.experiments)))
    found.more = len(rows) > MOST
    found.runs |= {row.id: row for row in rows[:MOST]}
    return found


def _number(text: str) -> int:
    if not text.isdecimal():
        raise NotFoundError(f"experiment {text!r} does not exist", why="an id is a number")
    return int(text)


def _old(connection: Connection, request: TidyRequest, cutoff: int) -> Selection:
    found = Selection()
    within = [_number(one) for one in request.within]

    def old(table: sa.Table, since: Any, query: sa.Select[Any]) -> sa.Select[Any]:
        chosen = query.where(table.c.lifecycle_stage == DELETED, since <= cutoff)
        return chosen.where(table.c.experiment_id.in_(within)) if within else chosen

    since = experiments.c.last_update_time
    for row in connection.execute(old(experiments, since, sa.select(experiments))):
        found.experiments[row.experiment_id] = row
    query = old(runs, runs.c.deleted_time, _runs).limit(MOST + 1)
    rows = list(connection.execute(query))
    found.more = len(rows) > MOST
    found.runs = {row.id: row for row in rows[:MOST]}
    since = logged_models.c.last_updated_timestamp
    rows = list(connection.execute(old(logged_models, since, _models).limit(MOST + 1)))
    found.more = found.more or len(rows) > MOST
    found.models = {row.model_id: row for row in rows[:MOST]}
    return found


def _follow(connection: Connection, found: Selection) -> None:
    """Add the logged models that go with their run or experiment."""
    made = _models.where(logged_models.c.source_run_id.in_(_some))
    for row in select_for(connection, made, "some", [r.run_id for r in found.runs.values()]):
        found.models.setdefault(row.model_id, row)
    inside = _models.where(logged_models.c.experiment_id.in_(_some))
    for row in select_for(connection, inside, "some", list(found.experiments)):
        found.models.setdefault(row.model_id, row)


class _Keeping:
    """Takes out of a selection what has to stay, until nothing more has to.

    Args:
        connection: where to read.
        found: the selection.
    """

    def __init__(self, connection: Connection, found: Selection) -> None:
        self._connection, self._found = connection, found
        self._uses = Uses.of(connection)
        self._hosts = self._places_inside()
        self._run_of = {row.run_id: row for row in found.runs.values()}
        self._made: dict[str, list[Row[Any]]] = {}
        for row in found.models.values():
            self._made.setdefault(row.source_run_id or "", []).append(row)

    def _places_inside(self) -> dict[str, str]:
        """Return the ids in the locations of experiments that stay: their files lie in there."""
        rows = self._connection.execute(
            sa.select(experiments).where(experiments.c.lifecycle_stage != PURGING)
        )
        return {
            part: f"the experiment {row.name} keeps its files in it"
            for row in rows
            if row.experiment_id not in self._found.experiments
            for part in row.artifact_location.split("/")
            if len(part) >= ID
        }

    def settle(self) -> None:
        """Take out all that has to stay."""
        found = self._found
        for model_id, row in list(found.models.items()):
            if words := self._uses.by_id.get(model_id):
                self._keep_model(row, f"{words} points at it")
            elif words := self._hosts.get(model_id):
                self._keep_model(row, words)
        for row in list(found.runs.values()):
            if words := self._uses.by_id.get(row.run_id):
                self._keep_run(row, f"{words} points at it")
            elif words := self._hosts.get(row.run_id):
                self._keep_run(row, words)
            elif row.status == "RUNNING" and row.lifecycle_stage == ACTIVE:
                self._keep_run(row, "it is still running")
        self._keep_used_models()
        self._keep_experiments()

    def _keep_model(self, row: Row[Any], why: str) -> None:
        """Keep a model, and with it the run that made it."""
        if self._found.models.pop(row.model_id, None) is None:
            return
        self._found.kept.append(Kept(kind="model", id=row.model_id, name=row.name, why=why))
        if run := self._run_of.get(row.source_run_id):
            self._keep_run(run, f"it made the logged model {row.model_id}, which stays")

    def _keep_run(self, row: Row[Any], why: str) -> None:
        """Keep a run, and with it the models that would only have gone because of it."""
        if self._found.runs.pop(row.id, None) is None:
            return
        self._found.kept.append(Kept(kind="run", id=row.run_id, name=row.run_name, why=why))
        for model in self._made.get(row.run_id, ()):
            if model.model_id not in self._found.own:
                self._keep_model(model, f"the run {row.run_id} that made it stays")

    def _keep_used_models(self) -> None:
        """Keep the models that are not deleted themselves and that runs which stay have read."""
        while True:
            active = [
                model_id
                for model_id, row in self._found.models.items()
                if row.lifecycle_stage == ACTIVE
            ]
            users = [
                row
                for row in select_for(self._connection, _users, "some", active)
                if row.run not in self._found.runs
            ]
            if not users:
                return
            for row in users:
                if row.model_id in self._found.models:
                    model = self._found.models[row.model_id]
                    self._keep_model(model, f"the run {row.run_id} uses it")

    def _keep_experiments(self) -> None:
        found = self._found
        for number, row in list(found.experiments.items()):
            if why := self._why_stays(row):
                del found.experiments[number]
                found.kept.append(Kept(kind="experiment", id=str(number), name=row.name, why=why))

    def _why_stays(self, row: Row[Any]) -> str | None:
        if row.experiment_id == 0:
            return "the default experiment is made anew at each start"
        held = self._first_left(runs, runs.c.id, runs.c.run_id, row.experiment_id, self._found.runs)
        if held is not None:
            return f"the run {held} stays"
        own = logged_models.c.model_id
        held = self._first_left(logged_models, own, own, row.experiment_id, self._found.models)
        if held is not None:
            return f"the logged model {held} stays"
        if words := self._uses.inside(row.artifact_location):
            return f"files of {words} lie in it"
        return None

    def _first_left(
        self, table: sa.Table, key: Any, name: Any, number: int, going: Iterable[Any]
    ) -> str | None:
        """Return the first thing of an experiment that does not go."""
        query = sa.select(key.label("key"), name.label("name")).where(
            table.c.experiment_id == number, table.c.lifecycle_stage != PURGING
        )
        chosen: Sequence[Any] | set[Any] = set(going)
        rows = self._connection.execute(query)
        return next((str(row.name) for row in rows if row.key not in chosen), None)
