"""Which addresses webhooks and ML backends may be at."""

from typing import ClassVar

from dovetail.base.errors import DovetailError
from dovetail.labels.errors import OutboundError, UnknownHostError
from dovetail.labels.settings import LabelSettings
from dovetail.web import outbound

__all__ = ["Policy", "policy_of"]

LOOPBACK = ("localhost", "127.0.0.0/8", "::1")


class Policy(outbound.Policy):
    """Says yes or no to a URL; see `dovetail.web.outbound`."""

    refused: ClassVar[type[DovetailError]] = OutboundError
    unknown: ClassVar[type[DovetailError]] = UnknownHostError
    setting: ClassVar[str] = "[labels] outbound_allow"


def policy_of(settings: LabelSettings, *, is_local: bool) -> Policy:
    """Return the policy.

    Args:
        settings: what the operator allows.
        is_local: whether everybody who may call is the user of this machine, who can reach what
            is on loopback anyway.
    """
    return Policy([*settings.outbound_allow, *(LOOPBACK if is_local else ())])
