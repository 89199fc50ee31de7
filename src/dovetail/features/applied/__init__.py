"""Definitions that were applied: recorded with versions, compared with what is defined now.

`Ledger` plans, applies and records which model uses which service; `versions` answers for
`service@version`. See `docs/how-to/features-apply.md`.
"""

from dovetail.features.applied.changes import Change, Difference
from dovetail.features.applied.ledger import Ledger
from dovetail.features.applied.planned import Plan, Touched, Use
from dovetail.features.applied.records import Version

__all__ = ["Change", "Difference", "Ledger", "Plan", "Touched", "Use", "Version"]
