"""HTTP skins: the protocol's endpoints, the artifact proxy, and what clients ask first."""

from dovetail.tracking.routes.artifacts import artifact_routes
from dovetail.tracking.routes.direct import direct_answers
from dovetail.tracking.routes.errors import ERRORS, EXPORT_ERRORS
from dovetail.tracking.routes.files import file_routes
from dovetail.tracking.routes.protocol import Operations, protocol_routes, reading_paths
from dovetail.tracking.routes.server import server_routes
from dovetail.tracking.routes.tidy import tidy_routes
from dovetail.tracking.routes.traces import trace_routes
from dovetail.tracking.routes.transfers import OPEN, transfer_routes

__all__ = [
    "ERRORS",
    "EXPORT_ERRORS",
    "OPEN",
    "Operations",
    "artifact_routes",
    "direct_answers",
    "file_routes",
    "protocol_routes",
    "reading_paths",
    "server_routes",
    "tidy_routes",
    "trace_routes",
    "transfer_routes",
]
