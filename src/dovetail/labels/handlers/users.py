"""Users: the rows that stand for principals, found once and kept."""

import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Row

from dovetail.labels.backend import Backend
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.handlers.shapes import People
from dovetail.labels.store import users as rows
from dovetail.wire.label_studio.entities import User, UserSimple

__all__ = ["Users"]

CHANGEABLE = ("first_name", "last_name", "phone", "email")


class Users:
    """Who annotates.

    Args:
        backend: the surroundings.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known: dict[int, Row[Any]] = {}
        self._by_name: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._lock = threading.Lock()
        self.load()

    def load(self) -> None:
        """Read all users anew."""
        for row in self._backend.database.read(rows.list_all):
            self._keep(row)

    def id_of(self, name: str) -> int:
        """Return the id of a principal, who gets one at the first call."""
        known = self._by_name.get(name)
        if known is not None:
            return known
        with self._lock:
            now = self._backend.now()
            row = self._backend.database.write(lambda c: rows.ensure(c, name, now))
            self._keep(row)
            self._by_name[name] = row.id
            return int(row.id)

    def known(self, name: str) -> int | None:
        """Return the id of a principal who has called before, without asking the database."""
        return self._by_name.get(name)

    def people(self) -> People:
        """Return how users are called."""
        return People(self._names, self._backend.clock.now())

    @property
    def emails(self) -> Mapping[int, str]:
        """Addresses by id."""
        return {number: row.email for number, row in self._known.items()}

    def name_of(self, number: int) -> str:
        """Return the name of the principal, for other parts of the server.

        Raises:
            AbsentError: there is no such user.
        """
        return str(self._row(number).name)

    def get(self, number: int) -> User:
        """Return a user.

        Raises:
            AbsentError: there is no such user.
        """
        return self._user(self._row(number))

    def simple(self, number: int) -> UserSimple:
        """Return a user as other entities show them."""
        try:
            row = self._row(number)
        except AbsentError:
            return UserSimple(id=number, first_name="", last_name="", email="")
        return UserSimple(
            id=row.id, first_name=row.first_name, last_name=row.last_name, email=row.email
        )

    def list(self) -> list[User]:
        """Return all users."""
        return [self._user(row) for row in self._backend.database.read(rows.list_all)]

    def create(self, email: str, first_name: str = "", last_name: str = "") -> User:
        """Make a user before they come, so that work can be given to them.

        Raises:
            FieldError: the address is missing or taken.
        """
        if not email:
            raise FieldError("This field is required", "email")
        now = self._backend.now()

        def add(c: Any) -> Row[Any]:
            if rows.find_by_email(c, email) is not None:
                raise FieldError(f"a user with the address {email} exists", "email")
            row = rows.ensure(c, email, now, email=email)
            rows.change(c, row.id, {"first_name": first_name, "last_name": last_name})
            found = rows.find(c, row.id)
            assert found is not None
            return found

        row = self._backend.database.write(add)
        self._keep(row)
        return self._user(row)

    def change(self, number: int, values: Mapping[str, str]) -> User:
        """Change what a user is called."""
        self._row(number)
        kept = {name: values[name] for name in CHANGEABLE if name in values}
        if kept:
            self._backend.database.write(lambda c: rows.change(c, number, kept))
            self._known.pop(number, None)
        return self._user(self._row(number))

    def keep_all(self, found: Mapping[int, Row[Any]]) -> None:
        """Take up users that an import brought."""
        for row in found.values():
            self._keep(row)

    def _row(self, number: int) -> Row[Any]:
        row = self._known.get(number)
        if row is None:
            row = self._backend.database.read(lambda c: rows.find(c, number))
            if row is None:
                raise AbsentError("user", number)
            self._keep(row)
        return row

    def _keep(self, row: Row[Any]) -> None:
        self._known[row.id] = row
        self._by_name[row.name] = row.id
        called = f"{row.first_name} {row.last_name}".strip()
        self._names[row.id] = f"{called} {row.email}, {row.id}"

    def _user(self, row: Row[Any]) -> User:
        name = row.name.partition("@")[0]
        initials = (row.first_name[:1] + row.last_name[:1]).upper() or name[:2].upper()
        return User(
            id=row.id,
            first_name=row.first_name,
            last_name=row.last_name,
            username=name,
            email=row.email,
            last_activity=self._backend.now(),
            initials=initials,
            phone=row.phone,
            date_joined=row.created_at,
        )
