"""Which addresses a registry's webhook may call: those of every webhook, in MLflow's errors."""

from typing import ClassVar

from dovetail.base.errors import DovetailError
from dovetail.tracking.errors import InvalidParameterError, UnresolvedHostError
from dovetail.web import outbound

__all__ = ["Policy"]


class Policy(outbound.Policy):
    """Says yes or no to a URL; see `dovetail.web.outbound`."""

    refused: ClassVar[type[DovetailError]] = InvalidParameterError
    unknown: ClassVar[type[DovetailError]] = UnresolvedHostError
    setting: ClassVar[str] = "[tracking] webhook_allow"
