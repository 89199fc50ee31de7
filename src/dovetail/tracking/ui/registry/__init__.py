"""Pages of the registry: models, versions, what happened to them, and forms that change them."""

from dovetail.tracking.ui.registry.routes import registry_routes

__all__ = ["registry_routes"]
