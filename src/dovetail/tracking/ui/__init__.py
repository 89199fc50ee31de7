"""Pages of the tracking piece."""

from dovetail.tracking.ui.pages import PAGES, page_routes
from dovetail.tracking.ui.tidy import tidy_page_routes
from dovetail.tracking.ui.webhooks import webhook_attention, webhook_page_routes

__all__ = ["PAGES", "page_routes", "tidy_page_routes", "webhook_attention", "webhook_page_routes"]
