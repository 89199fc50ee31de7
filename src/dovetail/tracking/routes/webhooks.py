"""The endpoints of webhooks: who may call them, and the use case behind each."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from dovetail.tracking.errors import ForbiddenChangeError
from dovetail.tracking.handlers.webhooks import Webhooks, role_for
from dovetail.web.auth import Principal
from dovetail.wire.mlflow import Endpoint, Message, encode
from dovetail.wire.mlflow import endpoints as e

__all__ = ["check_role", "webhook_cases"]

Case = Callable[[str, Any], Awaitable[Message]]
Run = Callable[[Principal, Message], Awaitable[bytes]]


def webhook_cases(webhooks: Webhooks) -> Mapping[Endpoint[Any, Any], tuple[Case, Run]]:
    """Return for each endpoint its use case, and what runs it if the caller may."""
    cases: dict[Endpoint[Any, Any], Case] = {
        e.CREATE_WEBHOOK: webhooks.create,
        e.DELETE_WEBHOOK: webhooks.delete,
        e.GET_WEBHOOK: webhooks.get,
        e.LIST_WEBHOOKS: webhooks.list,
        e.TEST_WEBHOOK: webhooks.test,
        e.UPDATE_WEBHOOK: webhooks.update,
    }
    return {endpoint: (case, _guarded(endpoint, case)) for endpoint, case in cases.items()}


def _guarded(endpoint: Endpoint[Any, Any], case: Case) -> Run:
    async def run(who: Principal, request: Message) -> bytes:
        check_role(who, request, reads=endpoint.reads)
        return encode(await case(who.name, request))

    return run


def check_role(who: Principal, request: Message, *, reads: bool = False) -> None:
    """Refuse a caller whose role does not suffice.

    Raises:
        ForbiddenChangeError: naming the role that does.
    """
    role = "editor" if reads else role_for(request)
    if not who.may(role):
        raise ForbiddenChangeError(
            f"{who.name} may not do this to webhooks: it needs the role {role}, theirs is "
            f"{who.role}."
        )
