"""Dovetail's own HTTP surface for governance: who approved what on which evidence.

Beside the guarded MLflow paths it takes evidence and approvals, and answers from a hash-chained
log, so that "which version was champion on 3 May" has one answer that can be checked.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from dovetail.wire.http import HttpClient, segment

Verdict = Literal["pass", "fail"]

__all__ = [
    "AliasAt",
    "Approval",
    "Client",
    "Entry",
    "Evidence",
    "GateVerdict",
    "Verdict",
    "Verification",
]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One finding about one version.

    Attributes:
        model: The registered model.
        version: Its version.
        kind: What was looked at, "evaluation" or "parity" for example.
        verdict: Whether it speaks for the version.
        facts: The figures behind the verdict.
        at: When it was found, where that is not now.
    """

    model: str
    version: str
    kind: str
    verdict: Verdict
    facts: dict[str, Any] = {}
    at: datetime | None = None


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's consent that a version takes an alias."""

    model: str
    version: str
    alias: str
    reason: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the log.

    Attributes:
        number: Its position, from 1 without gaps.
        at: When, RFC 3339 in UTC.
        actor: Who.
        kind: What was done, "alias.set" for example.
        subject: To which thing.
        body: The facts.
        previous: The hash of the entry before, hex SHA-256.
        hash: The hash of this entry, hex SHA-256.
    """

    number: int
    at: str
    actor: str
    kind: str
    subject: str
    body: dict[str, Any] = {}
    previous: str = ""
    hash: str = ""


class GateVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a version may take an alias, and what is missing if not.

    Attributes:
        open: Whether the alias may move.
        missing: What is still asked for, one phrase each.
        evidence: Numbers of the log entries that the verdict rests on.
        approved_by: Who approved.
    """

    open: bool
    missing: list[str] = []
    evidence: list[int] = []
    approved_by: list[str] = []


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the log is whole: how many entries, or what is wrong."""

    ok: bool
    entries: int = 0
    message: str = ""


class AliasAt(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alias pointed at a time; ``version`` is None where it pointed nowhere."""

    model: str
    alias: str
    at: str = ""
    version: str | None = None
    since: str | None = None
    actor: str | None = None


class Client(HttpClient):
    """A client of the governance piece.

    Examples:
        >>> with Client("http://localhost:8080") as governance:  # doctest: +SKIP
        ...     governance.alias_at("flights", "champion", datetime(2013, 5, 3, tzinfo=UTC)).version
        '2'
    """

    def put_evidence(self, evidence: Evidence) -> None:
        """Record a finding."""
        self.post("/governance/evidence", evidence, Any)

    def approve(self, approval: Approval) -> Entry:
        """Record a consent, in the name of this client's token."""
        return self.post("/governance/approvals", approval, Entry)

    def check(self, model: str, version: str, alias: str) -> GateVerdict:
        """Whether a version may take an alias now."""
        path = "/".join(segment(part) for part in (model, version, alias))
        return self.get(f"/governance/gates/{path}", GateVerdict)

    def log(
        self,
        *,
        subject: str | None = None,
        kind: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        """The log or the part of it that fits, newest first.

        Args:
            subject: Only entries about that thing.
            kind: Only entries of that kind.
            before: Only entries with a lower number, for paging.
            limit: At most this many.
        """
        wanted = {"subject": subject, "kind": kind, "before": before, "limit": limit}
        query = [(name, str(value)) for name, value in wanted.items() if value is not None]
        return self.get("/governance/log", list[Entry], query)

    def verify(self) -> Verification:
        """Check the log from its first entry to its last."""
        return self.get("/governance/verify", Verification)

    def alias_at(self, model: str, alias: str, at: datetime | None = None) -> AliasAt:
        """Where an alias pointed at a time, by default now."""
        query = [("at", at.isoformat())] if at is not None else []
        path = f"/governance/aliases/{segment(model)}/{segment(alias)}"
        return self.get(path, AliasAt, query)
