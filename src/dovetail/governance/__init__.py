"""Governance: who approved what on which evidence, in front of any MLflow registry.

The guard answers the registry's alias calls before the registry does. A change of a protected
alias needs the evidence and the approvals that its gate asks for; whatever happens is appended to
a hash-chained record, from which "which version was champion on 3 May" is answered.
"""

from dovetail.governance.gates import Gate, Verdict
from dovetail.governance.handlers import Governance
from dovetail.governance.piece import piece
from dovetail.governance.settings import GateSettings, GovernanceSettings

__all__ = ["Gate", "GateSettings", "Governance", "GovernanceSettings", "Verdict", "piece"]
