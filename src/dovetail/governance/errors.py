"""Errors of governance.

DovetailError
`- ForbiddenError
   |- GateClosedError      gate-closed      evidence or approvals are missing
   `- SamePersonError      same-person      four eyes need two people
"""

from collections.abc import Sequence

from dovetail.base.errors import ForbiddenError

__all__ = ["GateClosedError", "SamePersonError"]


class GateClosedError(ForbiddenError):
    """A protected alias may not move yet.

    Args:
        model: the registered model.
        version: the version that the alias was to name.
        alias: the protected alias.
        missing: what the gate still asks for, one phrase each.
    """

    code = "gate-closed"

    def __init__(self, model: str, version: str, alias: str, missing: Sequence[str]) -> None:
        self.model, self.version, self.alias, self.missing = model, version, alias, list(missing)
        super().__init__(
            f"the gate of {model}@{alias} refuses version {version}",
            why="; ".join(missing),
            fix=f"see what it asks for with: dovetail governance check {model} {version} {alias}",
        )


class SamePersonError(ForbiddenError):
    """Somebody tried to approve their own work."""

    code = "same-person"

    def __init__(self, actor: str) -> None:
        super().__init__(
            f"{actor} may not approve this version",
            why="its evidence was given by the same person",
            fix="ask somebody else with the role approver",
        )
