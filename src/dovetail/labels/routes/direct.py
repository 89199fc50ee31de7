"""Saving an annotation without a route in between.

Everything an annotator does waits for it. The write shares the commit of its turn of the loop, so
on a busy machine no thread has to be woken for it; only who listens is told in a thread. On
PostgreSQL, which a loop must not wait for, one thread does all of it.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Row

from dovetail.base.promise import Promise
from dovetail.labels.errors import DuplicateError
from dovetail.labels.handlers import Handlers
from dovetail.labels.handlers.fields import entity
from dovetail.web.direct import Answer, Ask, Direct

if TYPE_CHECKING:
    from dovetail.web.auth import Principal

__all__ = ["DirectAnnotations"]

Guarded = Callable[["Principal", int, int, bytes], Callable[[bytes], bytes] | None]
"""Who annotates, their number, the task and the body: what shows the answer; None for the route."""

_HEADERS = ((b"content-type", b"application/json"),)
_QUICK_BYTES = 16 << 10  # a larger result is left to a thread


class DirectAnnotations:
    """Answers `POST /api/tasks/ID/annotations/`.

    Args:
        handlers: the use cases.
        guarded: decides about those who may not change everything.
    """

    def __init__(self, handlers: Handlers, guarded: Guarded) -> None:
        self._guarded = guarded
        self._users, self._annotations = handlers.users, handlers.annotations
        self._database = handlers.backend.database
        self._waits = self._database.dialect != "sqlite"
        self._pool = ThreadPoolExecutor(8 if self._waits else 2, "labels-told")

    def entries(self) -> list[Direct]:
        """Return what the server is to answer."""
        return [Direct(r"/api/tasks/(\d{1,9})/annotations/?", self.handle, _QUICK_BYTES)]

    def close(self) -> None:
        """Finish telling."""
        self._pool.shutdown()

    def handle(self, ask: Ask) -> Promise[Answer] | None:
        """Save an annotation; None leaves it to the route, where every caller is served."""
        user = self._users.known(ask.principal.name)
        if user is None:
            return None
        task, is_admin = int(ask.groups[0]), ask.principal.may("admin")
        show: Callable[[bytes], bytes] | None = bytes
        if not ask.principal.may("editor"):
            show = self._guarded(ask.principal, user, task, ask.body)
        if show is None:
            return None
        shown = show
        fields = entity(ask.body or b"{}")
        answer: Promise[Answer] = Promise()
        if self._waits:
            create = self._annotations.create
            self._pool.submit(
                self._settle, answer, lambda: shown(create(task, fields, user, is_admin=is_admin))
            )
            return answer
        row, save = self._annotations.saving(task, fields, user, is_admin=is_admin)

        def tell(found: Row[Any] | None, error: BaseException | None) -> None:
            if isinstance(error, DuplicateError):
                self._pool.submit(
                    self._settle, answer, lambda: shown(self._annotations.sent(row, error))
                )
            elif error is not None:
                answer.set_exception(error)
            elif found is not None:
                self._pool.submit(
                    self._settle, answer, lambda: shown(self._annotations.tell(found))
                )

        self._database.write_quick(save).then(tell)
        return answer

    def _settle(self, answer: Promise[Answer], work: Callable[[], bytes]) -> None:
        try:
            answer.set_result((201, _HEADERS, work()))
        except BaseException as error:
            answer.set_exception(error)
