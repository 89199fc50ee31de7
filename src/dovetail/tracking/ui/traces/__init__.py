"""Pages of traces: those of an experiment, and one as a tree of spans on a time axis."""

from dovetail.tracking.ui.traces.routes import trace_page_routes

__all__ = ["trace_page_routes"]
