"""Is the model still right: one page for all models, one for each.

Both answer from the same handlers as the HTTP surface. Realised figures stand beside estimated
ones and beside the reference, so that a reader sees what is known, what is only expected, and what
it is measured against.
"""

from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.ui.forms import form_routes
from dovetail.monitoring.ui.links import version_link
from dovetail.monitoring.ui.measures import Measures
from dovetail.monitoring.ui.model import ModelPage, model_page
from dovetail.monitoring.ui.overview import Overview, overview_page
from dovetail.web.pages import page_route

__all__ = ["page_routes"]

_REFRESH = 30


def page_routes(monitoring: Monitoring, tracking: str = "off") -> list[BaseRoute]:
    """The pages, their JSON twins and the forms on them.

    Args:
        monitoring: Where they are from.
        tracking: What the joint of that name is, for links to versions in the registry.
    """
    measures, version_page = Measures(monitoring), version_link(tracking)

    def overview(request: Request) -> Overview:
        """Which models are watched, and which of them need somebody."""
        return overview_page(monitoring, request)

    def model(request: Request) -> ModelPage:
        """One model: is it still right, since when not, and why."""
        by = request.query_params.get("by", "")
        return model_page(monitoring, measures, version_page, request.path_params["model"], by)

    return [
        *form_routes(monitoring),
        *page_route(
            "/monitoring",
            overview,
            template="monitoring/models.html",
            title="Monitoring",
            refresh=_REFRESH,
        ),
        *page_route(
            "/monitoring/{model:path}",
            model,
            template="monitoring/model.html",
            title=lambda page: page.model,
            refresh=_REFRESH,
        ),
    ]
