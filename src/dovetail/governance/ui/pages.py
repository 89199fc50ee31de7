"""Who approved what: the record, and every alias with its history."""

from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.base.chain import Entry
from dovetail.base.errors import IntegrityError
from dovetail.governance.handlers import Governance
from dovetail.web.pages import page_route

__all__ = ["page_routes"]

SHOWN = 200
LEVELS = {"alias.set": "ok", "alias.refused": "warn", "alias.failed": "alarm", "approval": "info"}


def page_routes(governance: Governance) -> list[BaseRoute]:
    """Return the page and its JSON twin."""

    def overview(_: Request) -> dict[str, Any]:
        """Who approved what on which evidence, and whether the record is intact."""
        record = governance.record
        try:
            intact, problem = record.verify(), ""
        except IntegrityError as error:
            intact, problem = 0, str(error)
        aliases = [_alias(governance, s) for s in record.subjects(lambda s: "@" in s)]
        return {
            "intact": intact,
            "problem": problem,
            "gates": [_gate(g) for g in governance.gates],
            "aliases": aliases,
            "entries": [_row(entry) for entry in record.entries(limit=SHOWN)],
        }

    return [
        *page_route(
            "/governance", overview, template="governance/overview.html", title="Governance"
        )
    ]


def _gate(gate: Any) -> dict[str, Any]:
    asks = ", ".join(f"{kind} evidence" for kind in gate.evidence) or "no evidence"
    people = f"{gate.approvals} approval" + ("" if gate.approvals == 1 else "s")
    return {"subject": f"{gate.model}@{gate.alias}", "asks": f"{asks}; {people}"}


def _alias(governance: Governance, subject: str) -> dict[str, Any]:
    model, alias = subject.rsplit("@", 1)
    changes = [
        entry
        for entry in governance.record.entries(subject=subject)
        if entry.kind in ("alias.set", "alias.delete")
    ]
    history = [
        {
            "version": entry.body["version"] or "removed",
            "since": entry.body.get("effective", entry.at),
            "by": entry.actor,
            "evidence": ", ".join(map(str, entry.body["evidence"])),
            "entry": entry.number,
        }
        for entry in changes
    ]
    return {"model": model, "alias": alias, "history": history}


def _row(entry: Entry) -> dict[str, Any]:
    body = entry.body
    if entry.kind == "evidence":
        text = f"{body['kind']}: {body['verdict']}"
        level = "ok" if body["verdict"] == "pass" else "alarm"
    elif entry.kind == "approval":
        text, level = f"for @{body['alias']}: {body['reason']}", "info"
    elif entry.kind == "lineage":
        text, level = f"run {body['run']['runId'][:8]} {body.get('eventType', '')}", "idle"
    else:
        missing = "; ".join(body.get("missing", []))
        text = f"version {body.get('version')}" + (f": {missing}" if missing else "")
        level = LEVELS.get(entry.kind, "idle")
    return {
        "number": entry.number,
        "at": body.get("effective") or body.get("eventTime") or entry.at,
        "actor": entry.actor,
        "kind": entry.kind,
        "subject": entry.subject,
        "text": text,
        "level": level,
        "facts": body.get("facts", {}),
        "hash": entry.hash[:12],
    }
