"""Tasks with their annotations and predictions, written as one batch in one transaction.

Nothing of the project is read or updated but its counts, so that one task goes into a project of
a million as quickly as into an empty one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.labels.store import ids
from dovetail.labels.store import projects as project_rows
from dovetail.labels.store import tasks as task_rows
from dovetail.labels.store import users as user_rows
from dovetail.labels.store.tables import annotations, drafts, predictions, projects, tasks

__all__ = ["Batch", "write"]


@dataclass
class Batch:
    """What is to be written.

    Attributes:
        tasks: rows without ids and without what their project decides.
        annotations: the index of a task, and a row without ids.
        predictions: the index of a task, and a row without ids.
        drafts: the index of a task, and a row without ids; `user_id` is an id or an address, and
            `annotation_id` the annotation's number where it comes from.
        user: whose drafts of unknown people become.
        emails: who annotated, by address, as `annotations` name them in `completed_by`.
        numbers: who annotated, by id.
        last_version: the model version of the last prediction.
    """

    tasks: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    predictions: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    drafts: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    user: int = 0
    emails: set[str] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)
    last_version: str = ""


def write(c: Connection, project: int, batch: Batch, now: str) -> list[int] | None:
    """Write a batch and return the ids of its tasks; None where there is no such project."""
    settings = c.execute(
        sa.select(projects.c.maximum_annotations, projects.c.skip_queue).where(
            projects.c.id == project
        )
    ).first()
    first = task_rows.first_inner_id(c, project, len(batch.tasks))
    if first is None or settings is None:
        return None
    _resolve_people(c, batch, now)
    _finish_tasks(batch, settings.maximum_annotations, settings.skip_queue)
    numbers = ids.take(c, tasks, len(batch.tasks))
    for index, (number, row) in enumerate(zip(numbers, batch.tasks, strict=True)):
        row.update(id=number, project_id=project, inner_id=first + index)
    if batch.tasks:
        c.execute(sa.insert(tasks), batch.tasks)
    _write_annotations(c, project, batch, numbers)
    said = [{**row, "task_id": numbers[i], "project_id": project} for i, row in batch.predictions]
    if said:
        c.execute(sa.insert(predictions), said)
    _write_drafts(c, batch, numbers)
    _count(c, project, batch)
    return numbers


def _resolve_people(c: Connection, batch: Batch, now: str) -> None:
    """Put ids in place of addresses, with rows for who is not known here."""
    known: dict[str, int] = {}
    for email in sorted(batch.emails):
        row = user_rows.find_by_email(c, email) or user_rows.ensure(c, email, now, email=email)
        known[email] = row.id
    for number in sorted(batch.numbers):
        if user_rows.find(c, number) is None:
            user_rows.ensure_id(c, number, now)
    for _, said in batch.annotations:
        said["completed_by"] = known.get(said["completed_by"], said["completed_by"])


def _finish_tasks(batch: Batch, overlap: int, skip_queue: str) -> None:
    """Fill in what follows from annotations and predictions."""
    scores: dict[int, list[float]] = {}
    for row in batch.tasks:
        row.update(total_annotations=0, cancelled_annotations=0, total_predictions=0,
                   predictions_score=None)  # fmt: skip
    for index, one in batch.annotations:
        name = "cancelled_annotations" if one["was_cancelled"] else "total_annotations"
        batch.tasks[index][name] += 1
    for index, one in batch.predictions:
        batch.tasks[index]["total_predictions"] += 1
        if one["score"] is not None:
            scores.setdefault(index, []).append(one["score"])
    for index, found in scores.items():
        batch.tasks[index]["predictions_score"] = sum(found) / len(found)
    for row in batch.tasks:
        done = row["total_annotations"]
        if skip_queue == "IGNORE_SKIPPED":
            done += row["cancelled_annotations"]
        row.update(overlap=overlap, is_labeled=done >= overlap)


def _write_annotations(c: Connection, project: int, batch: Batch, numbers: Sequence[int]) -> None:
    if not batch.annotations:
        return
    wanted = [row["unique_id"] for _, row in batch.annotations]
    taken: set[str] = set()
    for start in range(0, len(wanted), 5000):
        part = annotations.c.unique_id.in_(wanted[start : start + 5000])
        taken.update(row[0] for row in c.execute(sa.select(annotations.c.unique_id).where(part)))
    rows = []
    for index, row in batch.annotations:
        if row["unique_id"] in taken:
            row["unique_id"] = None
        elif row["unique_id"]:
            taken.add(row["unique_id"])
        rows.append({**row, "task_id": numbers[index], "project_id": project})
    c.execute(sa.insert(annotations), rows)


def _write_drafts(c: Connection, batch: Batch, numbers: Sequence[int]) -> None:
    """Write drafts; each is of the new number of the annotation that it changes, if that came."""
    if not batch.drafts:
        return
    known = {row.id: row.id for row in user_rows.list_all(c)}
    emails = {row.email: row.id for row in user_rows.list_all(c)}
    changed = [numbers[i] for i, row in batch.drafts if row["annotation_id"] is not None]
    there: dict[tuple[int, int], int] = {}
    for start in range(0, len(changed), 5000):
        part = annotations.c.task_id.in_(changed[start : start + 5000])
        query = sa.select(annotations.c.task_id, annotations.c.import_id, annotations.c.id)
        there |= {(row[0], row[1]): row[2] for row in c.execute(query.where(part))}
    rows = []
    for index, row in batch.drafts:
        task, who = numbers[index], row["user_id"]
        user = emails.get(who) if isinstance(who, str) else known.get(who)
        of = there.get((task, row["annotation_id"]))
        rows.append({**row, "task_id": task, "annotation_id": of, "user_id": user or batch.user})
    c.execute(sa.insert(drafts), rows)


def _count(c: Connection, project: int, batch: Batch) -> None:
    project_rows.bump(
        c,
        project,
        tasks=len(batch.tasks),
        finished=sum(row["is_labeled"] for row in batch.tasks),
        annotated=sum(row["total_annotations"] > 0 for row in batch.tasks),
        annotations=len(batch.annotations),
        cancelled=sum(row["was_cancelled"] for _, row in batch.annotations),
        ground_truth=sum(row["ground_truth"] for _, row in batch.annotations),
        predictions=len(batch.predictions),
    )
