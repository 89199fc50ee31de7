"""Dovetail's own HTTP surface for the history of a model registry.

MLflow's protocol says where an alias points now. This says where it pointed at any instant, and
who moved it when: `GET /tracking/models/{name}/history.json`, with `at` as of an instant. Times
are milliseconds since 1970, as everywhere in MLflow's protocol.
"""

from datetime import datetime
from typing import Literal

import msgspec

from dovetail.wire.http import HttpClient, segment

__all__ = ["AliasThen", "Client", "HistoryEvent", "HistoryPage", "ModelThen", "StageThen"]


class HistoryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One change under the name of a model.

    Attributes:
        at: When.
        actor: Who asked for it; None where nobody knows.
        topic: Of what it is the history.
        subject: The alias, the version, or the model's name.
        before: What it was: a version, a stage, a name; None if there was nothing.
        after: What it became; None if nothing was left.
        cause: `request`, what brought it about (`rename`, `deletion`, `archive`), or `known` where
            a history begins with what there was.
    """

    at: int
    actor: str | None
    topic: Literal["model", "version", "stage", "alias"]
    subject: str
    before: str | None
    after: str | None
    cause: str


class AliasThen(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alias pointed; `version` is None where it had been removed."""

    alias: str
    version: str | None
    since: int
    actor: str | None


class StageThen(msgspec.Struct, frozen=True, kw_only=True):
    """In which stage a version was, of those that were in one."""

    version: str
    stage: str
    since: int
    actor: str | None


class ModelThen(msgspec.Struct, frozen=True, kw_only=True):
    """A model as of an instant.

    Attributes:
        name: What it was called then.
        at: The instant.
        known: Whether the history reaches back so far.
        exists: Whether there was such a model.
        begins: When the history under this name begins; None if there is none.
        aliases: Where aliases pointed, those that had been removed included.
        stages: Which versions were in a stage.
    """

    name: str
    at: int
    known: bool
    exists: bool
    begins: int | None
    aliases: list[AliasThen] = []
    stages: list[StageThen] = []

    def version_of(self, alias: str) -> str | None:
        """Return the version that an alias pointed at, or None.

        Args:
            alias: Such as `champion`.
        """
        return next((one.version for one in self.aliases if one.alias == alias), None)


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Changes under the name of a model, newest first, and the model as of an instant.

    Attributes:
        name: What the model is called.
        events: A page of changes.
        total: How many changes there are under this name.
        next: The query string of the next page; empty if this is the last.
        then: The model at the instant that was asked for, else None.
    """

    name: str
    events: list[HistoryEvent]
    total: int
    next: str = ""
    then: ModelThen | None = None


class Client(HttpClient):
    """A client of the history of a registry.

    Examples:
        >>> with Client("http://localhost:5000") as history:  # doctest: +SKIP
        ...     history.at("flights", datetime(2026, 5, 3, tzinfo=UTC)).version_of("champion")
        '3'
    """

    def at(self, name: str, at: datetime | None = None) -> ModelThen:
        """Return a model as of an instant, by default now.

        Args:
            name: What the model was called then or is called now.
            at: The instant; one without a time zone is UTC.
        """
        page = self.page(name, at=at.isoformat() if at is not None else "now")
        if page.then is None:
            raise LookupError(f"the server did not say how {name!r} was")
        return page.then

    def page(self, name: str, **query: str) -> HistoryPage:
        """Return a page of changes, newest first.

        Args:
            name: What the model is or was called.
            query: `at`, `topic`, `subject` and `page`, as in the address.
        """
        path = f"/tracking/models/{segment(name)}/history.json"
        return self.get(path, HistoryPage, list(query.items()))
