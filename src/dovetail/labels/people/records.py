"""Statements on the tables of people; every function takes its caller's connection."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base.sql import insert
from dovetail.labels.people import tables as t

__all__ = [
    "add_gold",
    "add_gold_answers",
    "add_ledger",
    "append",
    "change_member",
    "forget_project",
    "gold_answers_of",
    "gold_of",
    "last_ledger",
    "ledger_of",
    "member_of",
    "members_of",
    "plan_of",
    "put_member",
    "put_plan",
    "retire_gold",
    "reviews_of",
    "rows_of_project",
    "sent_back",
    "standings",
]

Role = Literal["looker", "annotator", "reviewer", "manager"]


def standings(c: Connection) -> dict[str, dict[int, Role]]:
    """Return everybody's roles by name and project; who was let go has a name and no roles."""
    found: dict[str, dict[int, Role]] = {}
    query = sa.select(
        t.members.c.name, t.members.c.project, t.members.c.role, t.members.c.is_active
    )
    for name, project, role, is_active in c.execute(query):
        roles = found.setdefault(name, {})
        if is_active:
            roles[project] = role
    return found


def members_of(c: Connection, project: int) -> list[Row[Any]]:
    """Return the members of a project, those let go included, by name."""
    query = sa.select(t.members).where(t.members.c.project == project)
    return list(c.execute(query.order_by(t.members.c.name)))


def member_of(c: Connection, project: int, person: int) -> Row[Any] | None:
    """Return a membership, whether it holds or not."""
    mine = (t.members.c.project == project) & (t.members.c.person == person)
    return c.execute(sa.select(t.members).where(mine)).first()


def change_member(c: Connection, project: int, person: int, **values: Any) -> bool:
    """Change a membership."""
    mine = (t.members.c.project == project) & (t.members.c.person == person)
    return bool(c.execute(sa.update(t.members).where(mine).values(values)).rowcount)


def put_member(c: Connection, values: Mapping[str, Any]) -> None:
    """Write a membership, in place of an older one of the same person."""
    statement = insert(t.members, c.dialect.name).values(values)
    kept = {key: value for key, value in values.items() if key not in ("project", "person")}
    c.execute(statement.on_conflict_do_update(index_elements=["project", "person"], set_=kept))


def plan_of(c: Connection, project: int) -> Row[Any] | None:
    """Return a project's plan as it was written."""
    return c.execute(sa.select(t.plans).where(t.plans.c.project == project)).first()


def put_plan(c: Connection, project: int, body: str, at_ms: int) -> None:
    """Write a project's plan; its secret is made once and stays."""
    values = {"project": project, "secret": secrets.token_hex(32), "body": body, "at_ms": at_ms}
    statement = insert(t.plans, c.dialect.name).values(values)
    kept = {"body": body, "at_ms": at_ms}
    c.execute(statement.on_conflict_do_update(index_elements=["project"], set_=kept))


def gold_of(c: Connection, project: int, *, retired: bool = False) -> list[Row[Any]]:
    """Return the gold items of a project, by task."""
    query = sa.select(t.gold).where(t.gold.c.project == project)
    if not retired:
        query = query.where(t.gold.c.retired_ms.is_(None))
    return list(c.execute(query.order_by(t.gold.c.task)))


def add_gold(c: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write gold items; one that was gold already gets the new answer."""
    for row in rows:
        statement = insert(t.gold, c.dialect.name).values(row)
        kept = {key: value for key, value in row.items() if key != "task"}
        c.execute(statement.on_conflict_do_update(index_elements=["task"], set_=kept))


def retire_gold(c: Connection, project: int, task: int, at_ms: int) -> bool:
    """Take a gold item out of use; answers to it no longer count."""
    mine = (t.gold.c.project == project) & (t.gold.c.task == task) & t.gold.c.retired_ms.is_(None)
    return bool(c.execute(sa.update(t.gold).where(mine).values(retired_ms=at_ms)).rowcount)


def add_gold_answers(c: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write first answers to gold; a later one in the same attempt changes nothing."""
    for row in rows:
        statement = insert(t.gold_answers, c.dialect.name).values(row)
        c.execute(statement.on_conflict_do_nothing(index_elements=["task", "person", "attempt_ms"]))


def gold_answers_of(c: Connection, project: int, person: int | None = None) -> list[Row[Any]]:
    """Return first answers to gold, in the order in which they came."""
    query = sa.select(t.gold_answers).where(t.gold_answers.c.project == project)
    if person is not None:
        query = query.where(t.gold_answers.c.person == person)
    return list(c.execute(query.order_by(t.gold_answers.c.at_ms, t.gold_answers.c.annotation)))


def add_ledger(c: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Enter saved answers; one that is there already stays as it is."""
    for start in range(0, len(rows), 1000):
        part = list(rows[start : start + 1000])
        statement = insert(t.ledger, c.dialect.name).values(part)
        c.execute(statement.on_conflict_do_nothing(index_elements=["annotation"]))


def last_ledger(c: Connection) -> int:
    """Return the highest annotation that the ledger has."""
    return int(c.execute(sa.select(sa.func.max(t.ledger.c.annotation))).scalar() or 0)


def ledger_of(c: Connection, project: int, start_ms: int, end_ms: int) -> list[Row[Any]]:
    """Return a project's entries of a period, the end excluded."""
    query = sa.select(t.ledger).where(
        t.ledger.c.project == project, t.ledger.c.at_ms >= start_ms, t.ledger.c.at_ms < end_ms
    )
    return list(c.execute(query.order_by(t.ledger.c.annotation)))


def reviews_of(c: Connection, project: int, until_ms: int | None = None) -> dict[int, Row[Any]]:
    """Return the last review of each annotation of a project, up to a moment."""
    query = sa.select(t.reviews).where(t.reviews.c.project == project)
    if until_ms is not None:
        query = query.where(t.reviews.c.at_ms <= until_ms)
    return {row.annotation: row for row in c.execute(query.order_by(t.reviews.c.id))}


def sent_back(c: Connection, project: int, person: int) -> list[int]:
    """Return tasks whose last word is that a reviewer rejected the person's answer."""
    mine = (t.reviews.c.project == project) & (t.reviews.c.person == person)
    last: dict[int, str] = {}
    for row in c.execute(sa.select(t.reviews).where(mine).order_by(t.reviews.c.id)):
        last[row.task] = row.state
    return [task for task, state in last.items() if state == "rejected"]


def append(c: Connection, table: sa.Table, values: Mapping[str, Any]) -> int:
    """Add a row to a table that has numbers, and return its number."""
    return int(c.execute(sa.insert(table).values(values)).inserted_primary_key[0])  # type: ignore[index]


def rows_of_project(c: Connection, table: sa.Table, project: int) -> list[Row[Any]]:
    """Return all rows of a project, oldest first."""
    query = sa.select(table).where(table.c.project == project).order_by(table.c.id)
    return list(c.execute(query))


def forget_project(c: Connection, project: int) -> None:
    """Delete what is kept of a project that is gone, except the ledger and its reviews."""
    for table in (t.members, t.plans, t.gold, t.gold_answers, t.decisions, t.comments):
        c.execute(sa.delete(table).where(table.c.project == project))
