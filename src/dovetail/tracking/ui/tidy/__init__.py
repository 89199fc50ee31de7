"""Pages about tidying: sizes, what would be removed, what is being removed, retention rules."""

from dovetail.tracking.ui.tidy.pages import TIDY, tidy_page_routes

__all__ = ["TIDY", "tidy_page_routes"]
