"""Pages about tidying: sizes, what would be removed, what is being removed, retention rules."""

from dovetail.tracking.ui.tidy.pages import tidy_page_routes

__all__ = ["tidy_page_routes"]
