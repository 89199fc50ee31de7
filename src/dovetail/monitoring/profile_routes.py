"""Reference profiles over HTTP: the one that is kept, and those of what came since."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.monitoring.handlers import Monitoring

__all__ = ["profile_routes"]

_MODEL = "/monitoring/models/{name:path}"


def profile_routes(monitoring: Monitoring) -> list[BaseRoute]:
    """The routes that give profiles."""

    def reference(request: Request) -> Response:
        """Return the file of a version's reference profile."""
        model, version = request.path_params["name"], request.query_params.get("version", "")
        return _file(monitoring.profile(model, version))

    def profile(request: Request) -> Response:
        """Return the profile of a version's live rows from day `start` to day `end`."""
        query = request.query_params
        words = (query.get(name, "") for name in ("version", "start", "end"))
        return _file(monitoring.profile_between(request.path_params["name"], *words))

    return [
        Route(f"{_MODEL}/reference", reference, methods=["GET"]),
        Route(f"{_MODEL}/profile", profile, methods=["GET"]),
    ]


def _file(data: bytes) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="profile.json"'}
    return Response(data, media_type="application/json", headers=headers)
