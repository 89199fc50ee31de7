"""The page that answers: who hears of changes, and did the last messages arrive.

Its two buttons are plain forms that lead back to the page; htmx swaps the main part in place. A
receiver's URL is often a secret itself, so a viewer sees its host only.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.base.sql import Database
from dovetail.tracking.handlers.webhooks import Webhooks
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.routes.webhooks import check_role
from dovetail.tracking.store import deliveries
from dovetail.tracking.store import webhooks as store
from dovetail.web.auth import Principal
from dovetail.web.pages import page_route
from dovetail.web.piece import Attention
from dovetail.wire.mlflow import Message, TestWebhook, UpdateWebhook, Webhook

__all__ = ["webhook_attention", "webhook_page_routes"]

_HERE = "/tracking/webhooks"
MOST, RECENT, REFRESH = 500, 50, 10
LEVELS = {"delivered": "ok", "failed": "alarm", "waiting": "warn", "sending": "info"}


class DeliveryLine(msgspec.Struct, frozen=True):
    """A delivery in the list; times in milliseconds since 1970, `took` in seconds."""

    webhook: str
    event: str
    is_test: bool
    created: int
    state: str
    level: str
    attempts: int
    status: int | None
    error: str
    took: float | None
    due: int | None
    delivery_id: str


class WebhookLine(msgspec.Struct, frozen=True):
    """A webhook in the list."""

    webhook_id: str
    name: str
    description: str
    url: str
    events: list[str]
    status: str
    changed: int | None
    last: DeliveryLine | None


class WebhooksPage(msgspec.Struct, frozen=True):
    """The page `/tracking/webhooks`."""

    webhooks: list[WebhookLine]
    deliveries: list[DeliveryLine]
    may_change: bool
    address: str


def webhook_page_routes(operations: Operations, webhooks: Webhooks) -> list[BaseRoute]:
    """Return the routes of the page and of its buttons."""

    def show(request: Request) -> WebhooksPage:
        """Who hears of changes of the registry, and what became of the last deliveries."""
        who: Principal = request.state.principal
        address = str(request.base_url).rstrip("/")
        return operations.database.read(lambda c: _page(c, who, address))

    def button(case: Any, ask: Any) -> Any:
        async def press(request: Request) -> Response:
            who: Principal = request.state.principal
            asked: Message = ask(request.path_params["webhook_id"])
            check_role(who, asked)
            await case(who.name, asked)
            return RedirectResponse(_HERE, 303)

        press.__doc__ = f"{case.__doc__.splitlines()[0]} And go back to the page."
        return press

    one = f"{_HERE}/{{webhook_id}}"
    on = button(webhooks.update, lambda key: UpdateWebhook(webhook_id=key, status="ACTIVE"))
    off = button(webhooks.update, lambda key: UpdateWebhook(webhook_id=key, status="DISABLED"))
    test = button(webhooks.test, lambda key: TestWebhook(webhook_id=key))
    return [
        Route(f"{one}/test", test, methods=["POST"]),
        Route(f"{one}/switch-on", on, methods=["POST"]),
        Route(f"{one}/switch-off", off, methods=["POST"]),
        *page_route(
            _HERE,
            show,
            template="tracking/webhooks.html",
            title="Webhooks",
            refresh=REFRESH,
        ),
    ]


def webhook_attention(database: Database) -> list[Attention]:
    """Return what a person should look at: webhooks whose last delivery failed."""
    return [
        Attention(
            "warn",
            f"webhook {row.name}: the last delivery failed (attempts: {row.attempts}): {row.error}",
            _HERE,
        )
        for row in database.read(deliveries.failing)
    ]


def _page(c: Any, who: Principal, address: str) -> WebhooksPage:
    may_change = who.may("editor")
    found = store.entities(c, store.find(c, (0, MOST)))
    return WebhooksPage(
        webhooks=[_line(c, one, may_change) for one in found],
        deliveries=[_delivery(row) for row in deliveries.newest(c, None, RECENT)],
        may_change=may_change,
        address=address,
    )


def _line(c: Any, webhook: Webhook, whole: bool) -> WebhookLine:
    last = deliveries.newest(c, webhook.webhook_id, 1)
    scheme, _, rest = webhook.url.partition("://")
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return WebhookLine(
        webhook_id=webhook.webhook_id,
        name=webhook.name,
        description=webhook.description or "",
        url=webhook.url if whole else f"{scheme}://{host}/…",
        events=[event.name for event in webhook.events],
        status="active" if webhook.status == store.ACTIVE else "off",
        changed=webhook.last_updated_timestamp,
        last=_delivery(last[0]) if last else None,
    )


def _delivery(row: Any) -> DeliveryLine:
    tried_before = row.state == "waiting" and row.attempts > 0
    return DeliveryLine(
        webhook=row.name,
        event=row.event,
        is_test=row.is_test,
        created=row.created,
        state="retrying" if tried_before else row.state,
        level=LEVELS[row.state],
        attempts=row.attempts,
        status=row.status,
        error=row.error or "",
        took=row.took / 1000 if row.took is not None else None,
        due=row.due if tried_before else None,
        delivery_id=row.delivery_id,
    )
