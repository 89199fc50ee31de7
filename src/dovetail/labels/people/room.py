"""What the use cases about people share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from dovetail.base.clock import now_ms
from dovetail.base.sql import Database
from dovetail.labels.backend import Backend
from dovetail.labels.errors import AbsentError
from dovetail.labels.people.access import Access
from dovetail.labels.people.book import Book
from dovetail.labels.people.plans import Plans
from dovetail.labels.people.queue import Queue
from dovetail.labels.store import tables as t

__all__ = ["Accounts", "Room", "Save", "Users"]

Save = Callable[[int, int, bytes, bool], int]
"""Saves an annotation: user, task, result as JSON, whether it is ground truth; gives its number."""


class Users(Protocol):
    """The rows that stand for principals."""

    def id_of(self, name: str) -> int:
        """Return the number of a name, made where there is none."""

    def name_of(self, number: int) -> str:
        """Return the name of a number."""


class Accounts(Protocol):
    """The house's API tokens."""

    def create(self, name: str, role: str, *, actor: str = ...) -> str:
        """Make a token and return its secret."""

    def revoke(self, token_id: str, *, actor: str = ...) -> None:
        """Make a token worthless."""

    def list(self) -> Any:
        """Return all tokens."""


@dataclass(frozen=True)
class Room:
    """The surroundings of every use case about people.

    Attributes:
        database: the tables of people.
        backend: the labelling server's surroundings.
        users: numbers of names.
        access: who may do what.
        plans: what managers decided.
        book: all answers.
        queue: what comes before the router's choice.
        accounts: the API tokens; None where everybody is the local user.
        save: saves an annotation as anybody would.
    """

    database: Database
    backend: Backend
    users: Users
    access: Access
    plans: Plans
    book: Book
    queue: Queue
    accounts: Callable[[], Accounts | None]
    save: Save

    def now_ms(self) -> int:
        """Return the time in milliseconds."""
        return now_ms(self.backend.clock)

    def annotation(self, number: int, project: int) -> sa.Row[Any]:
        """Return an annotation of a project.

        Raises:
            AbsentError: the project has no such annotation.
        """
        query = sa.select(t.annotations).where(t.annotations.c.id == number)
        row = self.backend.database.read(lambda c: c.execute(query).first())
        if row is None or row.project_id != project:
            raise AbsentError("annotation", number)
        return row

    def task(self, number: int, project: int) -> sa.Row[Any]:
        """Return a task of a project.

        Raises:
            AbsentError: the project has no such task.
        """
        query = sa.select(t.tasks).where(t.tasks.c.id == number)
        row = self.backend.database.read(lambda c: c.execute(query).first())
        if row is None or row.project_id != project:
            raise AbsentError("task", number)
        return row

    def name(self, person: int | None) -> str:
        """Return a person's name; one that stands for a number that is gone."""
        if person is None:
            return "nobody"
        try:
            return self.users.name_of(person)
        except AbsentError:
            return f"user {person}"
