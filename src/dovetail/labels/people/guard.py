"""Holds who was invited to what their role in a project takes, before any route answers.

An editor passes. Everybody else is let through only where a rule says so: what is not named here
is closed to annotators, so that a route that is added later leaks nothing. Reviewers read
everything in their projects, managers of one project do everything below its addresses, and a
viewer who was never invited looks at all and changes nothing, as everywhere in the house.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dovetail.base.errors import ForbiddenError
from dovetail.labels.people import redaction
from dovetail.labels.people.redaction import Shown
from dovetail.labels.people.room import Room
from dovetail.labels.people.rules import HANDS_OUT, LISTS, READ_BY_POST, RULES, Rule
from dovetail.labels.store import tables as t
from dovetail.web.auth import Principal

__all__ = ["Guard"]

_SAFE = ("GET", "HEAD", "OPTIONS")
_PLACES = {
    "task": t.tasks, "annotation": t.annotations, "prediction": t.predictions, "draft": t.drafts
}  # fmt: skip
_MOST = 64 << 20
_HOMES = 100_000


@dataclass(frozen=True)
class _Pass:
    """How a request is let through.

    Attributes:
        shown: What is shown of the answer; None for all of it.
        user: Who asks.
        fields: Fields of the data that the label config shows.
        checks: Looks at the body first; None for no need.
    """

    shown: Shown | None = None
    user: int = 0
    fields: Collection[str] = ()
    checks: Callable[[Any], None] | None = None


class Guard:
    """Stands before routes.

    Args:
        room: The surroundings.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._homes: dict[int, int] = {}

    def quick(
        self, principal: Principal, user: int, task: int, body: bytes
    ) -> Callable[[bytes], bytes] | None:
        """Return what shows the answer to a new annotation; None leaves it to the route.

        Nothing is asked of the database: what is not known since a moment ago is for the route,
        which decides by the same rules.

        Args:
            principal: Who annotates, an invited person.
            user: Their number.
            task: Of which task.
            body: The annotation.

        Raises:
            ForbiddenError: It is said to be gold or another's.
        """
        standing, project = self._room.access.fresh(principal.name), self._homes.get(task)
        role = standing.get(project) if standing is not None and project is not None else None
        if role not in ("annotator", "reviewer") or project is None:
            return None
        if not self._room.plans.is_open(project):
            return None
        _check_answer(user)(body)

        def show(answer: bytes) -> bytes:
            shown = redaction.annotation(msgspec.json.decode(answer), user, ())
            return msgspec.json.encode(shown)

        return show

    def before(self, routes: Sequence[BaseRoute]) -> list[BaseRoute]:
        """Put the guard before routes, and return them."""
        for route in routes:
            if isinstance(route, Route):
                route.app = self._guarded(route.app, route.path)
        return list(routes)

    def _guarded(self, app: ASGIApp, path: str) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            principal: Principal = scope["state"]["principal"]
            if principal.may("editor"):
                await app(scope, receive, send)
                return
            passed = await run_in_threadpool(self._decide, principal, path, scope)
            if passed.checks is not None:
                body, receive = await _read(receive)
                await run_in_threadpool(passed.checks, body)
            if passed.shown is None:
                await app(scope, receive, send)
                return
            await _show(app, scope, receive, send, passed)

        return answer

    def _decide(self, principal: Principal, path: str, scope: Scope) -> _Pass:
        """Return how a request is let through.

        Raises:
            ForbiddenError: it is not.
            AbsentError: what it is about does not exist.
        """
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        standing = self._room.access.standing(principal.name)
        if standing is None:
            _need_look(principal, method, path)
            return _Pass()
        rule = RULES.get((method, path))
        user = self._room.users.id_of(principal.name)
        if rule is not None and rule.place != "project":
            if rule.shown == "projects":
                return _Pass(redaction.projects(standing.keys()), user)
            return _Pass()
        project = self._project(scope, path if method == "GET" else "")
        role = standing.get(project) if project is not None else None
        if project is None or role is None:
            raise _closed(principal.name, "they are no member of the project that it belongs to")
        if role == "manager":
            if method == "DELETE" and path == "/api/projects/{project:int}":
                raise _closed(principal.name, "deleting a project takes an editor's token")
            return _Pass()
        if role == "reviewer" and method == "GET":
            return _Pass()
        if rule is None:
            raise _closed(principal.name, f"it takes more than the role {role} in the project")
        return self._by_rule(rule, scope, user, project)

    def _by_rule(self, rule: Rule, scope: Scope, user: int, project: int) -> _Pass:
        params = scope["path_params"]
        if rule.is_own:
            self._need_own(params, user)
        if rule.is_answer and not self._room.queue.may_answer(project, user, int(params["task"])):
            raise ForbiddenError(
                "you are not qualified for this item",
                why=self._room.queue.progress(project, user).text,
                fix="take what the project hands you next",
            )
        fields = self._room.book.values(project).fields
        checks = _check_answer(user) if rule.has_answer else None
        return _Pass(_SHOWN.get(rule.shown), user, fields, checks)

    def _project(self, scope: Scope, path: str) -> int | None:
        """Return the project that a request is about; None where it is about none or all.

        A query names it only on paths that list what is in the project that it names; elsewhere
        it could name one project while the path is about another.
        """
        params = scope["path_params"]
        if "project" in params:
            return _number(str(params["project"]))
        for name, table in _PLACES.items():
            if name in params:
                if name == "task":
                    return self._home(int(params[name]))
                return self._project_of(table, int(params[name]))
        if path not in LISTS:
            return None
        return _number(QueryParams(scope["query_string"]).get("project", ""))

    def _home(self, task: int) -> int | None:
        """Return the project of a task, which never changes."""
        known = self._homes.get(task)
        if known is None:
            known = self._project_of(t.tasks, task)
            if len(self._homes) >= _HOMES:
                self._homes.clear()
            if known is not None:
                self._homes[task] = known
        return known

    def _project_of(self, table: sa.Table, number: int) -> int | None:
        if "project_id" in table.c:
            query = sa.select(table.c.project_id).where(table.c.id == number)
        else:
            query = (
                sa.select(t.tasks.c.project_id)
                .join(table, table.c.task_id == t.tasks.c.id)
                .where(table.c.id == number)
            )
        found = self._room.backend.database.read(lambda c: c.execute(query).scalar())
        return None if found is None else int(found)

    def _need_own(self, params: dict[str, Any], user: int) -> None:
        """Raise where an annotation or a draft is another's, or is gold."""
        if "draft" in params:
            query = sa.select(t.drafts.c.user_id).where(t.drafts.c.id == int(params["draft"]))
        else:
            a = t.annotations.c
            query = sa.select(a.completed_by).where(
                a.id == int(params["annotation"]), a.ground_truth.is_(False)
            )
        if self._room.backend.database.read(lambda c: c.execute(query).scalar()) != user:
            raise _closed(self._room.name(user), "it is another's")


_SHOWN: dict[str, Shown] = {
    "task": redaction.task,
    "annotation": redaction.annotation,
    "annotations": redaction.annotations,
    "project": redaction.project,
    "queue": redaction.queue,
}


def _need_look(principal: Principal, method: str, path: str) -> None:
    """Raise where a viewer who was never invited asks for more than a look."""
    if path in HANDS_OUT:
        raise ForbiddenError(
            f"{principal.name} may not label here",
            why="the role of the token is viewer, and no project has them as a member",
            fix="ask a manager to be invited to the project",
        )
    if method not in _SAFE and path not in READ_BY_POST:
        raise ForbiddenError(
            f"{principal.name} may not change anything here",
            why="the role of the token is viewer, and no project has them as a member",
            fix="use a token with the role editor, or ask to be invited to the project",
        )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _closed(name: str, why: str) -> ForbiddenError:
    return ForbiddenError(f"{name} may not do this", why=why, fix="ask a manager of the project")


def _check_answer(user: int) -> Callable[[Any], None]:
    def check(body: bytes) -> None:
        try:
            said = msgspec.json.decode(body or b"{}")
        except msgspec.DecodeError:
            return  # the route says what is wrong with it
        if not isinstance(said, dict):
            return
        who = said.get("completed_by")
        if said.get("ground_truth") or who not in (None, user):
            raise ForbiddenError(
                "an annotator answers in their own name, and marks nothing as ground truth",
                fix="leave out ground_truth and completed_by",
            )

    return check


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """Read a body, and return it with what gives it once more."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body") or size > _MOST:
            break
    body = b"".join(parts)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": size > _MOST}

    return body, again


async def _show(app: ASGIApp, scope: Scope, receive: Receive, send: Send, passed: _Pass) -> None:
    """Answer with what may be shown of an answer."""
    start: Message = {}
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = b"".join(parts)
        if passed.shown is not None and start["status"] < 300 and body:
            body = msgspec.json.encode(
                passed.shown(msgspec.json.decode(body), passed.user, passed.fields)
            )
        headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
        start["headers"] = [*headers, (b"content-length", str(len(body)).encode())]
        await send(start)
        await send({"type": "http.response.body", "body": body})

    await app(scope, receive, keep)
