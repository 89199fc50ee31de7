"""Rows of users: the small integers that stand for the names of principals."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base.sql import insert
from dovetail.labels.store import ids
from dovetail.labels.store.tables import users

__all__ = ["change", "ensure", "ensure_id", "every", "find", "find_by_email", "list_all"]


def ensure(c: Connection, name: str, now: str, *, email: str = "") -> Row[Any]:
    """Return the user of a name, made where there is none."""
    row = c.execute(sa.select(users).where(users.c.name == name)).first()
    if row is not None:
        return row
    address = email or (name if "@" in name else f"{name}@localhost")
    statement = insert(users, c.dialect.name).values(name=name, email=address, created_at=now)
    c.execute(statement.on_conflict_do_nothing())
    found = c.execute(
        sa.select(users).where((users.c.name == name) | (users.c.email == address))
    ).first()
    assert found is not None
    return found


def ensure_id(c: Connection, number: int, now: str) -> int:
    """Return an id that stands for a user elsewhere, with a row of its own here."""
    name = f"annotator-{number}"
    statement = insert(users, c.dialect.name).values(
        id=number, name=name, email=f"{name}@localhost", created_at=now
    )
    c.execute(statement.on_conflict_do_nothing())
    ids.mark(c, users, number)
    return number


def find(c: Connection, number: int) -> Row[Any] | None:
    """Return a user."""
    return c.execute(sa.select(users).where(users.c.id == number)).first()


def find_by_email(c: Connection, email: str) -> Row[Any] | None:
    """Return the user of an address."""
    return c.execute(sa.select(users).where(users.c.email == email)).first()


def every(c: Connection) -> dict[int, Row[Any]]:
    """Return all users by id."""
    return {row.id: row for row in c.execute(sa.select(users))}


def list_all(c: Connection) -> list[Row[Any]]:
    """Return all users in the order in which they came."""
    return list(c.execute(sa.select(users).order_by(users.c.id)))


def change(c: Connection, number: int, values: dict[str, str]) -> None:
    """Set what a user is called."""
    c.execute(sa.update(users).where(users.c.id == number).values(values))
