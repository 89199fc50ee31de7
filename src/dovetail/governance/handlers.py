"""The use cases of governance, free of any transport."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dovetail.base.chain import Entry
from dovetail.base.errors import InvalidInputError
from dovetail.governance.errors import GateClosedError, SamePersonError
from dovetail.governance.gates import Gate, Verdict
from dovetail.governance.settings import GateSettings
from dovetail.governance.store import Record

__all__ = ["Governance"]


class Governance:
    """Evidence, approvals, gates and the record.

    Args:
        record: where everything is written.
        gates: which aliases are protected, and by what.
    """

    def __init__(self, record: Record, gates: Sequence[GateSettings]) -> None:
        self.record, self.gates = record, gates

    def add_evidence(
        self,
        *,
        actor: str,
        model: str,
        version: str,
        kind: str,
        verdict: str,
        facts: Mapping[str, Any],
        at: datetime | None = None,
    ) -> Entry:
        """Record what a check found about a version; the same again is recorded once.

        Raises:
            InvalidInputError: the verdict is neither pass nor fail.
        """
        if verdict not in ("pass", "fail"):
            raise InvalidInputError(f"verdict {verdict!r} is unknown", fix="use pass or fail")
        body = {"kind": kind, "verdict": verdict, "facts": dict(facts)}
        subject = f"{model}/{version}"
        return self.record.append_once(
            actor=actor, kind="evidence", subject=subject, body=body, at=at
        )

    def approve(self, *, actor: str, model: str, version: str, alias: str, reason: str) -> Entry:
        """Record that somebody stands for a version taking an alias.

        Raises:
            SamePersonError: the evidence is the approver's own.
            InvalidInputError: no reason was given.
        """
        if not reason.strip():
            raise InvalidInputError("an approval needs a reason", fix="say what convinced you")
        entries = self.record.entries(subject=f"{model}/{version}")
        if any(entry.kind == "evidence" and entry.actor == actor for entry in entries):
            raise SamePersonError(actor)
        body = {"alias": alias, "reason": reason}
        subject = f"{model}/{version}"
        return self.record.append(actor=actor, kind="approval", subject=subject, body=body)

    def check(self, model: str, version: str, alias: str) -> Verdict:
        """Say whether a version may take an alias now."""
        entries = self.record.entries(subject=f"{model}/{version}")
        return Gate.find(self.gates, model, alias).judge(entries, alias)

    def request_set(
        self, *, actor: str, model: str, version: str, alias: str, effective: str = ""
    ) -> Entry:
        """Record the intent to move an alias, if its gate is open.

        A version that held the alias before may take it back without asking again, so that a
        rollback is never refused.

        Args:
            actor: who asks.
            model: the registered model.
            version: the version that the alias is to name.
            alias: the alias.
            effective: the instant from which it counts, where that is not now.

        Raises:
            GateClosedError: evidence or approvals are missing; the refusal is recorded.
        """
        subject = f"{model}@{alias}"
        verdict = self.check(model, version, alias)
        counts_from = {"effective": effective} if effective else {}
        body: dict[str, Any] = {"version": version, "evidence": verdict.evidence, **counts_from}
        if not verdict.open and not self._held_before(subject, version):
            refusal = {"version": version, "missing": verdict.missing, **counts_from}
            self.record.append(actor=actor, kind="alias.refused", subject=subject, body=refusal)
            raise GateClosedError(model, version, alias, verdict.missing)
        body["approved_by"] = verdict.approved_by
        return self.record.append(actor=actor, kind="alias.intent", subject=subject, body=body)

    def confirm(self, intent: Entry, *, done: bool, note: str = "") -> Entry:
        """Record whether the registry carried an intent out.

        Args:
            intent: the entry of `request_set` or `request_delete`.
            done: whether the registry did it.
            note: what the registry said, or how it was found out later.
        """
        deleting = intent.body["version"] is None
        kind = ("alias.delete" if deleting else "alias.set") if done else "alias.failed"
        model, _, alias = intent.subject.rpartition("@")
        before = self.record.alias_at(model, alias, None)
        body = {
            "version": intent.body["version"],
            "previous": before.body["version"] if before else None,
            "intent": intent.number,
            "evidence": intent.body.get("evidence", []),
            "approved_by": intent.body.get("approved_by", []),
        }
        effective = intent.body.get("effective", "")
        body |= {key: value for key, value in (("note", note), ("effective", effective)) if value}
        return self.record.append(actor=intent.actor, kind=kind, subject=intent.subject, body=body)

    def request_delete(self, *, actor: str, model: str, alias: str, effective: str = "") -> Entry:
        """Record the intent to remove an alias."""
        body: dict[str, Any] = {"version": None}
        if effective:
            body["effective"] = effective
        return self.record.append(
            actor=actor, kind="alias.intent", subject=f"{model}@{alias}", body=body
        )

    def unconfirmed(self) -> list[Entry]:
        """Return intents whose outcome was never recorded, because the process died between."""
        outcomes = {
            entry.body["intent"]
            for kind in ("alias.set", "alias.delete", "alias.failed")
            for entry in self.record.entries(kind=kind)
        }
        intents = self.record.entries(kind="alias.intent")
        return [intent for intent in intents if intent.number not in outcomes]

    def _held_before(self, subject: str, version: str) -> bool:
        entries = self.record.entries(subject=subject, kind="alias.set")
        return any(entry.body["version"] == version for entry in entries)
