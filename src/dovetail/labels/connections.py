"""What reaches out of the server: webhooks and ML backends, and the views and actions with them."""

from starlette.routing import BaseRoute

from dovetail.base.vault import Vault
from dovetail.labels.handlers import Handlers
from dovetail.labels.handlers.actions import Actions
from dovetail.labels.handlers.agreement import Agreement
from dovetail.labels.handlers.backends import Backends
from dovetail.labels.handlers.prelabelling import Prelabelling
from dovetail.labels.handlers.views import Views
from dovetail.labels.handlers.webhooks import Webhooks
from dovetail.labels.outbound import policy_of
from dovetail.labels.routes.backends import backend_routes
from dovetail.labels.routes.kit import Kit
from dovetail.labels.routes.manager import manager_routes
from dovetail.labels.routes.tokens import me_routes
from dovetail.labels.routes.webhooks import webhook_routes
from dovetail.labels.webhooks.courier import Courier
from dovetail.labels.webhooks.outbox import Outbox
from dovetail.labels.webhooks.payloads import body_of
from dovetail.web.piece import Context

__all__ = ["Connections"]


class Connections:
    """Webhooks and ML backends of one server.

    Args:
        handlers: the use cases.
        context: where state lies, and who may call.
    """

    def __init__(self, handlers: Handlers, context: Context) -> None:
        backend = handlers.backend
        settings, database = backend.settings, backend.database
        policy = policy_of(settings, is_local=context.tokens() is None)
        vault = Vault(settings.secret_key, context.state / "labels.key", "[labels] secret_key")
        outbox = Outbox()
        backend.recorders.append(outbox.record)
        self._handlers = handlers
        self.webhooks = Webhooks(backend, policy, vault, outbox)
        self.backends = Backends(
            backend,
            handlers.projects,
            handlers.predictions,
            self.webhooks,
            policy,
            vault,
            context.tokens,
        )
        self.prelabelling = Prelabelling(
            backend, handlers.projects, self.backends, settings.prelabel_seconds
        )
        self.views = Views(backend, handlers.projects)
        self.actions = Actions(backend, handlers.projects, handlers.tasks, self.backends)
        self.courier = Courier(
            database,
            policy,
            vault,
            lambda action, project, numbers: database.read(
                lambda c: body_of(c, handlers.projects, action, project, numbers)
            ),
            retries=settings.webhook_retries,
            timeout=settings.webhook_timeout,
        )
        self._outbox = outbox
        backend.on_saved.append(self._wake)
        backend.on_changed.append(self._wake)

    def _wake(self, _event: object) -> None:
        if self._outbox.is_heard:  # or nothing was queued, and there is nothing to look for
            self.courier.wake()

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        kit = Kit(self._handlers)
        agreement = Agreement(self._handlers.backend)
        return [
            *webhook_routes(self.webhooks, kit),
            *backend_routes(self.backends, self._handlers.tasks, kit),
            *manager_routes(self.views, self.actions, agreement, self._handlers.tasks, kit),
            *me_routes(self._handlers, kit),
        ]

    def start(self) -> None:
        """Begin to deliver."""
        self.courier.start()

    def stop(self) -> None:
        """End after what is under way."""
        self.prelabelling.stop()
        self.courier.stop()
