"""Who belongs to a project: inviting, changing roles, letting go, qualifying again."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.engine import Row

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.labels.people import records
from dovetail.labels.people.access import ROLES
from dovetail.labels.people.errors import AccountError
from dovetail.labels.people.room import Room
from dovetail.web.auth import LOCAL, Principal

__all__ = ["Invitation", "Member", "Members"]

_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?")
_RESERVED = ("local", "anonymous")


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person of a project."""

    user: int
    name: str
    role: str
    is_active: bool
    invited_by: str
    at_ms: int
    may_label: bool
    qualification: str


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an invitation; the token is shown only this once."""

    user: int
    name: str
    role: str
    token: str | None
    note: str


class Members:
    """The members of projects.

    Args:
        room: The surroundings.
    """

    def __init__(self, room: Room) -> None:
        self._room = room

    def list(self, project: int) -> Sequence[Member]:
        """Return the members of a project with where they stand, by name."""
        self._room.book.values(project)
        rows = self._room.database.read(lambda c: records.members_of(c, project))
        found = []
        for row in rows:
            progress = self._room.queue.progress(project, row.person)
            found.append(
                Member(
                    user=row.person,
                    name=row.name,
                    role=row.role,
                    is_active=row.is_active,
                    invited_by=row.invited_by,
                    at_ms=row.at_ms,
                    may_label=row.is_active and progress.may_label,
                    qualification=progress.text,
                )
            )
        return found

    def invite(
        self, project: int, name: str, role: str, actor: Principal, *, new_token: bool = False
    ) -> Invitation:
        """Make somebody a member, with a token of their own where they have none.

        Their token has the house's role viewer, which changes nothing anywhere; what they may do in
        this project is the membership's.

        Args:
            project: Where.
            name: What they are called in every record of what they do.
            role: annotator, reviewer or manager.
            actor: Who invites.
            new_token: Give one to who has one already; only an admin may.

        Raises:
            AbsentError: there is no such project.
            InvalidInputError: the name or the role cannot be used.
            AccountError: somebody of this name has a token that may do more.
        """
        self._room.book.values(project)
        name = name.strip()
        _check(name, role)
        token, note = self._token(name, role, actor, new_token=new_token)
        person = self._room.users.id_of(name)
        now = self._room.now_ms()
        before = self._room.database.read(lambda c: records.member_of(c, project, person))
        values = {
            "project": project, "person": person, "name": name, "role": role, "is_active": True,
            "invited_by": actor.name, "at_ms": now, "note": "",
            "requalify_ms": before.requalify_ms if before else 0,
        }  # fmt: skip
        self._room.database.write(lambda c: records.put_member(c, values))
        self._changed(project, person)
        return Invitation(user=person, name=name, role=role, token=token, note=note)

    def remove(self, project: int, person: int, actor: Principal, *, revoke: bool = False) -> None:
        """Let somebody go: the project is closed to them at once, their answers stay.

        Args:
            project: Where.
            person: Their number.
            actor: Who does it.
            revoke: Make their tokens worthless too, in all projects.

        Raises:
            NotFoundError: they are no member.
        """
        member = self._member(project, person)
        self._room.database.write(
            lambda c: records.change_member(c, project, person, is_active=False)
        )
        self._changed(project, person)
        accounts = self._room.accounts() if revoke else None
        for token in accounts.list() if accounts else ():
            is_theirs = token.name == member.name and token.role == "viewer"
            if accounts and is_theirs and token.revoked is None:
                accounts.revoke(token.id, actor=actor.name)

    def requalify(self, project: int, person: int) -> None:
        """Let somebody qualify anew; what they answered before no longer counts for it.

        Raises:
            NotFoundError: they are no member.
        """
        self._member(project, person)
        now = self._room.now_ms()
        self._room.database.write(
            lambda c: records.change_member(c, project, person, requalify_ms=now)
        )
        self._changed(project, person)

    def _member(self, project: int, person: int) -> Row[Any]:
        member = self._room.database.read(lambda c: records.member_of(c, project, person))
        if member is None:
            raise NotFoundError(f"user {person} is no member of project {project}")
        return member

    def _changed(self, project: int, person: int) -> None:
        self._room.access.forget()
        self._room.queue.forget(project, person)

    def _token(
        self, name: str, role: str, actor: Principal, *, new_token: bool
    ) -> tuple[str | None, str]:
        accounts = self._room.accounts()
        if accounts is None:
            return None, (
                "this server answers everybody as the local user; turn on tokens with "
                "[server] auth = true to give people accounts"
            )
        held = [one.role for one in accounts.list() if one.name == name and one.revoked is None]
        more = [one for one in held if one != "viewer"]
        if more and role != "manager":
            raise AccountError(
                f"{name} has a token with the role {more[0]}",
                why="it manages every project, so a membership would bind nothing",
                fix="revoke it with: dovetail token revoke ID, or invite under another name",
            )
        if more or (held and not new_token):
            return None, f"{name} has a token already"
        if held and not actor.may("admin"):
            raise AccountError(
                f"{name} has a token already",
                why="another one could act in their name, so only an admin gives it",
                fix="leave out new_token, or ask an admin",
            )
        return accounts.create(name, "viewer", actor=actor.name), "the token is shown only now"


def _check(name: str, role: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            "the name of an account cannot be used",
            why="it is empty, longer than 100 characters, or holds control characters",
        )
    if name.lower() in (*_RESERVED, LOCAL.name):
        raise InvalidInputError(f"the name {name!r} stands for who has no account")
    if role not in ROLES:
        raise InvalidInputError(f"role {role[:40]!r} is unknown", fix=f"use {', '.join(ROLES)}")
