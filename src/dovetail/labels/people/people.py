"""Everything about people in one object, as the piece builds it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from dovetail.labels.backend import Backend
from dovetail.labels.errors import AbsentError
from dovetail.labels.people import records
from dovetail.labels.people.access import Access
from dovetail.labels.people.book import Book
from dovetail.labels.people.commenting import Comments
from dovetail.labels.people.disagreeing import Disagreements
from dovetail.labels.people.golden import Gold
from dovetail.labels.people.guard import Guard
from dovetail.labels.people.intake import Intake
from dovetail.labels.people.measuring import Measures
from dovetail.labels.people.members import Members
from dovetail.labels.people.paying import Payments
from dovetail.labels.people.plan import Plan
from dovetail.labels.people.plans import Plans
from dovetail.labels.people.queue import Queue
from dovetail.labels.people.reviewing import Reviews
from dovetail.labels.people.room import Accounts, Room, Save, Users
from dovetail.labels.people.tables import open_people
from dovetail.labels.store import projects as project_rows
from dovetail.labels.store import tables as t
from dovetail.web.auth import Principal

__all__ = ["People"]


class People:
    """Invitations, qualification, gold, reviews, decisions, figures and payments.

    Args:
        url: Where the decisions are kept.
        backend: The labelling server's surroundings; its listeners and choosers are joined.
        users: Numbers of names.
        accounts: The API tokens; None where everybody is the local user.
        save: Saves an annotation as anybody would.

    Raises:
        UnavailableError: the database does not answer.
    """

    def __init__(
        self,
        url: str,
        backend: Backend,
        users: Users,
        accounts: Callable[[], Accounts | None],
        save: Save,
    ) -> None:
        self._database = open_people(url)
        access, plans = Access(self._database), Plans(self._database)
        book = Book(backend.database)

        def role_of(project: int, person: int) -> str | None:
            standing = access.standing(self.room.name(person))
            return standing.get(project) if standing else None

        queue = Queue(
            self._database,
            book,
            plans,
            role_of=role_of,
            now_ms=lambda: self.room.now_ms(),
            count=lambda project, person: backend.database.read(
                lambda c: project_rows.done_by(c, project, person)
            ),
            lock_s=float(backend.settings.lock_seconds),
        )
        self.room = Room(self._database, backend, users, access, plans, book, queue, accounts, save)
        self.members, self.gold = Members(self.room), Gold(self.room)
        self.reviews, self.disagreements = Reviews(self.room), Disagreements(self.room)
        self.comments, self.payments = Comments(self.room), Payments(self.room)
        self.measures, self.guard = Measures(self.room, self.gold), Guard(self.room)
        self._intake = Intake(self.room, self.reviews)
        backend.on_saved.append(self._intake.saved)
        backend.on_changed.append(self._intake.changed)
        backend.choosers.insert(0, queue.choose)
        backend.remarks.append(self._remarks)

    def start(self) -> None:
        """Enter into the ledger what a server that was killed left out."""
        self._intake.catch_up()

    def stop(self) -> None:
        """Enter what waits into the ledger, and close the database."""
        self._intake.close()
        self._database.close()

    def _remarks(self, project: int, person: int) -> Mapping[int, str]:
        """Why tasks were sent back to a person."""
        if not self.room.queue.sent_back(project, person):
            return {}
        return {
            one.task: f"Sent back by {one.reviewer}: {one.comment}"
            for one in self.reviews.mine(project, person)
            if one.state == "rejected"
        }

    def put_plan(self, project: int, plan: Plan) -> Plan:
        """Decide about the people of a project.

        Raises:
            AbsentError: there is no such project.
        """
        self.room.book.values(project)
        body, now = msgspec.json.encode(plan).decode(), self.room.now_ms()
        self._database.write(lambda c: records.put_plan(c, project, body, now))
        self.room.plans.forget(project)
        self.room.queue.forget(project)
        return plan

    def instructions(self, project: int, principal: Principal, user: int) -> Mapping[str, Any]:
        """Return what a member works by: instructions, examples, and where they stand.

        Raises:
            AbsentError: there is no such project.
        """
        query = sa.select(t.projects.c.title, t.projects.c.options).where(
            t.projects.c.id == project
        )
        row = self.room.backend.database.read(lambda c: c.execute(query).first())
        if row is None:
            raise AbsentError("project", project)
        options = msgspec.json.decode(row.options)
        progress = self.room.queue.progress(project, user)
        return {
            "title": row.title,
            "instructions": options.get("expert_instruction") or "",
            **self.room.plans.of(project).public(),
            "role": self.room.access.role(principal, project),
            "may_label": progress.may_label,
            "qualification": progress.text,
        }
