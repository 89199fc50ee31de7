"""Pages of the tracking piece."""

from dovetail.tracking.ui.pages import PAGES, page_routes

__all__ = ["PAGES", "page_routes"]
