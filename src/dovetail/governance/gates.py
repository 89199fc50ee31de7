"""Gates: what a protected alias asks for before it moves. Pure functions over record entries."""

from collections.abc import Iterable, Sequence

import msgspec

from dovetail.base.chain import Entry
from dovetail.governance.settings import GateSettings

__all__ = ["Gate", "Verdict"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate says of one version.

    Attributes:
        open: whether the alias may move.
        missing: what is still asked for, one phrase each.
        evidence: numbers of the record entries that it rests on.
        approved_by: who approved.
    """

    open: bool
    missing: list[str]
    evidence: list[int]
    approved_by: list[str]


class Gate:
    """The gate of one alias.

    Args:
        settings: what it asks for; None means that the alias is not protected.
    """

    def __init__(self, settings: GateSettings | None) -> None:
        self.settings = settings

    @classmethod
    def find(cls, gates: Iterable[GateSettings], model: str, alias: str) -> "Gate":
        """Return the first gate that matches, or an open one."""
        matching = (g for g in gates if g.model in ("*", model) and g.alias == alias)
        return cls(next(matching, None))

    def judge(self, entries: Sequence[Entry], alias: str) -> Verdict:
        """Say whether a version may take the alias.

        Args:
            entries: all entries about the version, newest first.
            alias: the alias that it wants.
        """
        if self.settings is None:
            return Verdict(open=True, missing=[], evidence=[], approved_by=[])
        newest: dict[str, Entry] = {}
        for entry in entries:
            if entry.kind == "evidence":
                newest.setdefault(entry.body["kind"], entry)
        missing: list[str] = []
        used: list[int] = []
        for kind in self.settings.evidence:
            latest = newest.get(kind)
            if latest is None:
                missing.append(f"no {kind} evidence")
            elif latest.body["verdict"] != "pass":
                missing.append(f"the newest {kind} evidence failed (entry {latest.number})")
            else:
                used.append(latest.number)
        authors = {e.actor for e in entries if e.kind == "evidence"}
        approved = sorted(
            {e.actor for e in entries if e.kind == "approval" and e.body["alias"] == alias}
            - authors
        )
        lacking = self.settings.approvals - len(approved)
        if lacking > 0:
            missing.append(f"{lacking} more approval{'s' if lacking > 1 else ''}")
        return Verdict(open=not missing, missing=missing, evidence=used, approved_by=approved)
