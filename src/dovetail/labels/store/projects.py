"""Rows of projects, and their counts, which every other change keeps current."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import annotations, counts, predictions, projects, tasks

__all__ = [
    "add",
    "annotators",
    "bump",
    "change",
    "done_by",
    "find",
    "identify",
    "list_page",
    "model_versions",
    "recount",
    "remove",
]

_JOINED = sa.select(projects, *(c for c in counts.c if c.name != "project_id")).join(
    counts, counts.c.project_id == projects.c.id
)


_NUMBER: sa.BindParameter[int] = sa.bindparam("number")
_FIND = _JOINED.where(projects.c.id == _NUMBER)
_COUNTED = [c.name for c in counts.c if c.name not in ("project_id", "last_inner_id")]
_BUMP = (
    sa.update(counts)
    .where(counts.c.project_id == _NUMBER)
    .values({name: counts.c[name] + sa.bindparam(f"by_{name}") for name in _COUNTED})
)


def add(c: Connection, values: dict[str, Any]) -> int:
    """Make a project and return its id."""
    number = c.execute(sa.insert(projects).values(values)).inserted_primary_key[0]  # type: ignore[index]
    c.execute(sa.insert(counts).values(project_id=number))
    return int(number)


def find(c: Connection, number: int) -> Row[Any] | None:
    """Return a project with its counts."""
    return c.execute(_FIND, {"number": number}).first()


def identify(c: Connection, number: int) -> bool:
    """Tell whether a project exists."""
    return c.execute(sa.select(projects.c.id).where(projects.c.id == number)).first() is not None


def list_page(
    c: Connection, *, title: str, numbers: Sequence[int], limit: int, offset: int
) -> tuple[int, list[Row[Any]]]:
    """Return how many projects there are, and one page of them, newest first."""
    wanted = []
    if title:
        wanted.append(projects.c.title.icontains(title, autoescape=True))
    if numbers:
        wanted.append(projects.c.id.in_(numbers))
    total = c.execute(sa.select(sa.func.count()).select_from(projects).where(*wanted)).scalar_one()
    query = _JOINED.where(*wanted).order_by(
        projects.c.pinned_at.desc().nulls_last(), projects.c.id.desc()
    )
    return int(total), list(c.execute(query.limit(limit).offset(offset)))


def change(c: Connection, number: int, values: dict[str, Any]) -> None:
    """Change a project; with another overlap, which tasks are finished changes too."""
    before = c.execute(
        sa.select(projects.c.maximum_annotations, projects.c.skip_queue).where(
            projects.c.id == number
        )
    ).one()
    c.execute(sa.update(projects).where(projects.c.id == number).values(values))
    overlap = values.get("maximum_annotations", before.maximum_annotations)
    queue = values.get("skip_queue", before.skip_queue)
    if (overlap, queue) != tuple(before):
        done: Any = tasks.c.total_annotations
        if queue == "IGNORE_SKIPPED":
            done = done + tasks.c.cancelled_annotations
        c.execute(
            sa.update(tasks)
            .where(tasks.c.project_id == number)
            .values(overlap=overlap, is_labeled=done >= overlap)
        )
        recount(c, number)


def remove(c: Connection, number: int) -> bool:
    """Delete a project and everything in it."""
    return bool(c.execute(sa.delete(projects).where(projects.c.id == number)).rowcount)


def bump(c: Connection, number: int, **by: int) -> None:
    """Add to counts of a project."""
    if any(by.values()):
        steps = {f"by_{name}": by.get(name, 0) for name in _COUNTED}
        c.execute(_BUMP, {"number": number, **steps})


def recount(c: Connection, number: int) -> None:
    """Count everything in a project again, after what touched many tasks."""
    of_tasks = c.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.cast(tasks.c.is_labeled, sa.Integer)), 0),
            sa.func.coalesce(sa.func.sum(sa.case((tasks.c.total_annotations > 0, 1), else_=0)), 0),
        ).where(tasks.c.project_id == number)
    ).one()
    of_annotations = c.execute(
        sa.select(
            sa.func.count(),
            *(
                sa.func.coalesce(sa.func.sum(sa.cast(flag, sa.Integer)), 0)
                for flag in (annotations.c.was_cancelled, annotations.c.ground_truth)
            ),
        ).where(annotations.c.project_id == number)
    ).one()
    found = c.execute(
        sa.select(sa.func.count()).where(predictions.c.project_id == number)
    ).scalar_one()
    c.execute(
        sa.update(counts)
        .where(counts.c.project_id == number)
        .values(
            tasks=of_tasks[0],
            finished=of_tasks[1],
            annotated=of_tasks[2],
            annotations=of_annotations[0],
            cancelled=of_annotations[1],
            ground_truth=of_annotations[2],
            predictions=found,
        )
    )


def done_by(c: Connection, number: int, user: int) -> int:
    """Return how many tasks of a project a user has annotated."""
    query = sa.select(sa.func.count(sa.distinct(annotations.c.task_id))).where(
        annotations.c.project_id == number, annotations.c.completed_by == user
    )
    return int(c.execute(query).scalar_one())


def annotators(c: Connection, number: int) -> list[int]:
    """Return the ids of who has annotated in a project."""
    query = (
        sa.select(annotations.c.completed_by)
        .where(annotations.c.project_id == number, annotations.c.completed_by.is_not(None))
        .distinct()
        .order_by(annotations.c.completed_by)
    )
    return [int(row[0]) for row in c.execute(query)]


def model_versions(c: Connection, number: int) -> dict[str, int]:
    """Return how many predictions of each version a project has."""
    query = (
        sa.select(predictions.c.model_version, sa.func.count())
        .where(predictions.c.project_id == number)
        .group_by(predictions.c.model_version)
    )
    return {row[0] or "": int(row[1]) for row in c.execute(query)}
