"""Who may call: the API tokens of REST, from a call's metadata.

Web pages cannot speak gRPC without a proxy, so what REST does against them on loopback is not
needed here.
"""

from collections.abc import Callable
from typing import Any

from dovetail.serving.grpc.calls import Call
from dovetail.web.auth import Tokens

__all__ = ["Access"]

Guard = Callable[[Any, Call], None]


class Access:
    """Checks calls.

    Args:
        tokens: the API tokens; None means that everybody may do everything.
    """

    def __init__(self, tokens: Tokens | None) -> None:
        self._tokens = tokens

    def guard(self, *, reads: bool, is_open: bool | Callable[[Any], bool]) -> Guard | None:
        """Return what is to be called with a request and its call; None for nothing.

        Args:
            reads: whether the method changes nothing.
            is_open: whether a call needs no token, or what says so of a request.
        """
        tokens = self._tokens
        if tokens is None or is_open is True:
            return None

        def guard(asked: Any, call: Call) -> None:
            if is_open is False or not is_open(asked):
                tokens.admit(_secret(call), reads=reads)

        return guard


def _secret(call: Call) -> str | None:
    kind, _, secret = call.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return (secret.strip() or None) if kind.lower() == "bearer" else None
