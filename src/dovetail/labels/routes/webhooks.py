"""Label Studio's `/api/webhooks`."""

from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.labels.handlers.webhooks import Webhooks
from dovetail.labels.routes.kit import Call, Kit, json_response
from dovetail.labels.webhooks.outbox import ACTIONS, ORGANISATION_ONLY
from dovetail.wire.label_studio.connected import WebhookChange

__all__ = ["webhook_routes"]


def webhook_routes(webhooks: Webhooks, kit: Kit) -> list[BaseRoute]:
    """Return the routes."""
    api = _Api(webhooks)
    one = "/api/webhooks/{webhook:int}"
    return [
        kit.route("GET", "/api/webhooks", api.list),
        kit.route("POST", "/api/webhooks", api.create),
        kit.route("GET", "/api/webhooks/info", api.info),
        kit.route("GET", one, api.get),
        kit.route("PATCH", one, api.change),
        kit.route("PUT", one, api.change),
        kit.route("DELETE", one, api.remove),
    ]


class _Api:
    """The answers."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    def list(self, call: Call) -> Response:
        """Webhooks of a project, or all."""
        return json_response(self._webhooks.all_of(call.number("project")))

    def create(self, call: Call) -> Response:
        """Have an address told of what happens."""
        return json_response(self._webhooks.create(call.read(WebhookChange)), 201)

    def info(self, call: Call) -> Response:
        """What webhooks can be told of."""
        only_all = call.flag("organization-only")
        found = {
            name: {
                "name": name.replace("_", " ").capitalize(),
                "description": "",
                "key": name.rpartition("_")[0].lower(),
                "organization-only": name in ORGANISATION_ONLY,
            }
            for name in ACTIONS
            if not only_all or name in ORGANISATION_ONLY
        }
        return json_response(found)

    def get(self, call: Call) -> Response:
        """A webhook; its secret is never shown."""
        return json_response(self._webhooks.get(call.path("webhook")))

    def change(self, call: Call) -> Response:
        """Change what is given of a webhook."""
        changed = self._webhooks.change(call.path("webhook"), call.read(WebhookChange))
        return json_response(changed)

    def remove(self, call: Call) -> Response:
        """Delete a webhook."""
        self._webhooks.remove(call.path("webhook"))
        return Response(status_code=204)
