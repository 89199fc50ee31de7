"""The composition's own routes: the first page."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from dovetail.app.configuration import Configuration
from dovetail.web.alone import Surroundings
from dovetail.web.app import Mounted

__all__ = ["home_routes"]


def home_routes(
    configuration: Configuration, around: Surroundings, mounted: Sequence[Mounted]
) -> list[BaseRoute]:
    """Return the routes of the composition's pages."""
    return []
