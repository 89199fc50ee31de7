"""Label Studio's `/api/comments`, which there only the paid edition has.

An annotator sees comments on their own answers and those they wrote; what others say of an item
could tell them the answer.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.base.errors import ForbiddenError
from dovetail.labels.people.commenting import Comment, Comments, NewComment
from dovetail.labels.people.room import Room
from dovetail.labels.routes.kit import Call, Kit, json_response, number_of

__all__ = ["comment_routes"]


def comment_routes(room: Room, comments: Comments, kit: Kit) -> Sequence[BaseRoute]:
    """Return the routes."""
    api = _Comments(room, comments)
    one = "/api/comments/{comment:int}"
    return [
        kit.route("GET", "/api/comments", api.list),
        kit.route("POST", "/api/comments", api.add),
        kit.route("GET", one, api.get),
        kit.route("PATCH", one, api.change),
        kit.route("DELETE", one, api.remove),
    ]


class _Comments:
    """The answers."""

    def __init__(self, room: Room, comments: Comments) -> None:
        self._room, self._comments = room, comments

    def list(self, call: Call) -> Response:
        """Comments of projects, of an annotation, of a draft, or of a task."""
        projects = _numbers(call.query("projects") or call.query("project"), "projects")
        standing = self._room.access.standing(call.principal.name)
        if standing is not None and not call.principal.may("editor"):
            open_to = [number for number in standing if number in projects or not projects]
            if not open_to:
                return json_response([])
            projects = open_to
        found = self._comments.list(
            projects=projects,
            annotation=call.number("annotation"),
            draft=call.number("draft"),
            task=call.number("task"),
            annotators=_numbers(call.query("annotators"), "annotators"),
            newest_first=call.query("ordering").startswith("-"),
        )
        shown = [one for one in found if self._may_see(call, one)]
        return json_response([self._json(call, one) for one in shown])

    def add(self, call: Call) -> Response:
        """Comment on an annotation, a draft or a task."""
        wanted = call.read(NewComment)
        project, _ = self._comments.place(wanted)
        role = self._room.access.need(call.principal, project, "annotator")
        if role == "annotator" and wanted.annotation is not None:
            row = self._room.annotation(wanted.annotation, project)
            if row.completed_by != call.user:
                raise ForbiddenError(f"{call.principal.name} may not comment on another's answer")
        return json_response(self._json(call, self._comments.add(wanted, call.user)), 201)

    def get(self, call: Call) -> Response:
        """A comment."""
        return json_response(self._json(call, self._visible(call)))

    def change(self, call: Call) -> Response:
        """Change or resolve a comment; only its author changes what it says."""
        old = self._visible(call)
        self._room.access.need(call.principal, old.project, "annotator")
        said = call.value()
        changes = said if isinstance(said, dict) else {}
        if set(changes) - {"is_resolved"} and old.created_by != call.user:
            raise ForbiddenError("only its author changes what a comment says")
        return json_response(self._json(call, self._comments.change(old.id, changes)))

    def remove(self, call: Call) -> Response:
        """Delete a comment; its author and managers may."""
        old = self._visible(call)
        if old.created_by != call.user:
            self._room.access.need(call.principal, old.project, "manager")
        else:
            self._room.access.need(call.principal, old.project, "annotator")
        self._comments.remove(old.id)
        return Response(status_code=204)

    def _visible(self, call: Call) -> Comment:
        found = self._comments.get(call.path("comment"))
        if not self._may_see(call, found):
            raise ForbiddenError(f"{call.principal.name} may not see comment {found.id}")
        return found

    def _may_see(self, call: Call, comment: Comment) -> bool:
        role = self._room.access.role(call.principal, comment.project)
        if role is None or role != "annotator":
            return role is not None
        if comment.created_by == call.user:
            return True
        if comment.annotation is None:
            return False
        row = self._room.annotation(comment.annotation, comment.project)
        return bool(row.completed_by == call.user)

    def _json(self, call: Call, comment: Comment) -> Any:
        if not call.flag("expand_created_by"):
            return comment
        name = self._room.name(comment.created_by)
        who = {"id": comment.created_by, "email": name, "username": name}
        return msgspec.structs.replace(comment, created_by=who)


def _numbers(text: str, name: str) -> list[int]:
    return [number_of(part, name) for part in text.split(",") if part]
