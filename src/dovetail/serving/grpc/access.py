"""Who may call: the API tokens of REST, from a call's metadata.

Web pages cannot speak gRPC without a proxy, so what REST does against them on loopback is not
needed here.
"""

from collections.abc import Callable
from typing import Any

from dovetail.web.auth import Tokens

__all__ = ["Access"]

Guard = Callable[[Any, Any], None]


class Access:
    """Checks calls.

    Args:
        tokens: the API tokens; None means that everybody may do everything.
    """

    def __init__(self, tokens: Tokens | None) -> None:
        self._tokens = tokens

    def guard(self, *, reads: bool, is_open: bool | Callable[[Any], bool]) -> Guard | None:
        """Return what is to be called with a request and its context; None for nothing.

        Args:
            reads: whether the method changes nothing.
            is_open: whether a call needs no token, or what says so of a request.
        """
        tokens = self._tokens
        if tokens is None or is_open is True:
            return None

        def guard(asked: Any, context: Any) -> None:
            if is_open is False or not is_open(asked):
                tokens.admit(_secret(context), reads=reads)

        return guard


def _secret(context: Any) -> str | None:
    for name, value in context.invocation_metadata() or ():
        if name == "authorization" and isinstance(value, str):
            kind, _, secret = value.partition(" ")
            return (secret.strip() or None) if kind.lower() == "bearer" else None
    return None
