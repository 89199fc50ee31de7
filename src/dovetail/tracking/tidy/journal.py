"""The moment at which a confirmed plan becomes irrevocable: one transaction, all or nothing.

It writes down everything that goes, with the place of its files, and hides it from clients. From
then on nothing visible points at what is being removed, names are free again, and a killed server
finds in the journal what is left to do. Hidden rows keep their numbers, so that no new run is
given the number of one whose points are still being deleted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base.chain import Chain
from dovetail.base.ids import new_id
from dovetail.tracking.errors import PlanChangedError
from dovetail.tracking.store.experiments import DELETED, PURGING
from dovetail.tracking.store.schema import experiments, logged_models, runs
from dovetail.tracking.store.tidy_schema import tidy_items, tidy_jobs
from dovetail.tracking.tidy.orphans import Owners, still_orphans
from dovetail.tracking.tidy.places import Places, folder_of
from dovetail.tracking.tidy.plan import DAY, mark_of, own_folders
from dovetail.tracking.tidy.selection import Selection, select
from dovetail.wire.tidy import Plan

__all__ = ["PHASES", "Begin", "begin", "hide_stragglers"]

PHASES = ("run", "model", "dataset", "experiment", "folder")
LISTED = 1000
Item = tuple[str, int, str, str | None]


@dataclass(frozen=True)
class Begin:
    """Who removes what.

    Attributes:
        plan: what was confirmed.
        actor: who did.
        cause: `request` or `retention`.
        now: in milliseconds.
    """

    plan: Plan
    actor: str
    cause: str
    now: int


def begin(connection: Connection, places: Places, log: Chain, asked: Begin) -> str:
    """Write the journal of a plan, hide what goes, and return the id of the job.

    Raises:
        PlanChangedError: what would go now is not what the plan says.
    """
    plan = asked.plan
    cutoff = plan.as_of - int((plan.request.grace_days or 0) * DAY)
    chosen = select(connection, plan.request, cutoff)
    removes = plan.request.orphans == "remove"
    if mark_of(plan.as_of, plan.request, chosen, plan.orphans) != plan.confirm:
        raise PlanChangedError
    if removes and not still_orphans(Owners(connection, places), plan.orphans):
        raise PlanChangedError
    job = new_id()
    connection.execute(sa.insert(tidy_jobs).values(_job(job, asked, chosen, removes)))
    items = list(_items(connection, places, chosen))
    if removes:
        items += [("folder", 0, orphan.path, orphan.path) for orphan in plan.orphans]
        items.append(("dataset", 0, "", None))
    _write(connection, job, items)
    _hide(connection, job, chosen, named=plan.request.has_names())
    for subject, body in _entries(chosen, plan if removes else None):
        facts = {"job": job, "cause": asked.cause, **body}
        log.append_in(
            connection, actor=asked.actor, kind="tidy.remove", subject=subject, body=facts
        )
    return job


def _job(job: str, asked: Begin, chosen: Selection, removes: bool) -> dict[str, Any]:
    return {
        "id": job,
        "actor": asked.actor,
        "cause": asked.cause,
        "confirm": asked.plan.confirm,
        "started": asked.now,
        "experiments": len(chosen.experiments),
        "runs": len(chosen.runs),
        "models": len(chosen.models),
        "orphans": len(asked.plan.orphans) if removes else 0,
        "rows": 0,
        "files": 0,
        "bytes": 0,
        "problem": "",
    }


def _items(connection: Connection, places: Places, chosen: Selection) -> Iterator[Item]:
    for row in chosen.runs.values():
        yield _run_item(places, row)
    for row in chosen.models.values():
        yield _model_item(places, row)
    folders = own_folders(connection, places, chosen)
    for number, row in chosen.experiments.items():
        yield "experiment", number, row.name, folders.get(number)


def _run_item(places: Places, row: Row[Any]) -> Item:
    path = places.path_of(row.artifact_uri)
    return "run", row.id, row.run_id, path and folder_of(path, row.run_id)


def _model_item(places: Places, row: Row[Any]) -> Item:
    path = places.path_of(row.artifact_location)
    return "model", 0, row.model_id, path and folder_of(path, row.model_id)


def _write(connection: Connection, job: str, items: Sequence[Item]) -> None:
    columns = [c for c in tidy_items.c if c.name != "id"]
    rows = [
        dict(
            zip(
                [c.name for c in columns],
                (job, PHASES.index(kind), kind, key, name, path, kind != "folder"),
                strict=True,
            )
        )
        for kind, key, name, path in items
    ]
    if rows:
        connection.execute(sa.insert(tidy_items), rows)


def _hide(connection: Connection, job: str, chosen: Selection, *, named: bool) -> None:
    """Take everything out of sight; what somebody changed at this moment undoes it all."""
    number = sa.cast(runs.c.id, sa.String)
    hidden: dict[str, Any] = {"lifecycle_stage": PURGING}
    for table, key, column, values, count in (
        (runs, runs.c.id, tidy_items.c.key, {"run_id": "!" + number}, len(chosen.runs)),
        (logged_models, logged_models.c.model_id, tidy_items.c.name, {}, len(chosen.models)),
        (
            experiments,
            experiments.c.experiment_id,
            tidy_items.c.key,
            {"name": "!" + job + "/" + sa.cast(experiments.c.experiment_id, sa.String)},
            len(chosen.experiments),
        ),
    ):
        kind = {"runs": "run", "logged_models": "model"}.get(table.name, "experiment")
        listed = sa.select(column).where(tidy_items.c.job == job, tidy_items.c.kind == kind)
        stage = table.c.lifecycle_stage
        fits = stage == DELETED if table is runs and not named else stage != PURGING
        change = sa.update(table).where(key.in_(listed), fits).values({**hidden, **values})
        if connection.execute(change).rowcount != count:
            raise PlanChangedError


def _entries(chosen: Selection, orphans: Plan | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what the record says of a plan: by experiment, in entries of bounded length."""
    going: dict[int, list[tuple[str, str]]] = {number: [] for number in chosen.experiments}
    for row in chosen.runs.values():
        going.setdefault(row.experiment_id, []).append(("runs", row.run_id))
    for row in chosen.models.values():
        going.setdefault(row.experiment_id, []).append(("models", row.model_id))
    for number, things in going.items():
        whole = chosen.experiments.get(number)
        facts = {} if whole is None else {"experiment": whole.name}
        for start in range(0, max(len(things), 1), LISTED):
            body: dict[str, Any] = {**facts, "runs": [], "models": []}
            for kind, name in things[start : start + LISTED]:
                body[kind].append(name)
            yield f"experiments/{number}", body
    if orphans is not None:
        paths = [orphan.path for orphan in orphans.orphans]
        yield "artifacts", {"orphans": paths, "datasets": orphans.orphan_datasets}


def hide_stragglers(connection: Connection, places: Places, job: str, number: int) -> int:
    """Add to a job what was made in an experiment while the experiment was being hidden."""
    late_runs = connection.execute(
        sa.select(runs).where(runs.c.experiment_id == number, runs.c.lifecycle_stage != PURGING)
    ).all()
    late_models = connection.execute(
        sa.select(logged_models).where(
            logged_models.c.experiment_id == number, logged_models.c.lifecycle_stage != PURGING
        )
    ).all()
    items = [_run_item(places, row) for row in late_runs]
    items += [_model_item(places, row) for row in late_models]
    _write(connection, job, items)
    for table in (runs, logged_models):
        late = table.c.experiment_id == number
        connection.execute(sa.update(table).where(late).values(lifecycle_stage=PURGING))
    return len(items)
