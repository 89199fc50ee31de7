"""Runs side by side: what differs, which settings led where, and their curves over each other."""

from dovetail.tracking.ui.compare.page import ComparePage
from dovetail.tracking.ui.compare.routes import compare_routes

__all__ = ["ComparePage", "compare_routes"]
