"""Outliers over HTTP."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.monitoring.handlers import Monitoring


def outlier_routes(monitoring: Monitoring) -> list[BaseRoute]:
    """The route of a model's outliers."""

    def outliers(request: Request) -> Response:
        """Return the rows of a day (the last one, unless said) that are unlike the reference."""
        query = request.query_params
        name = request.path_params["name"]
        found = monitoring.outliers_of(name, query.get("day", ""), query.get("version", ""))
        return Response(msgspec.json.encode(found), media_type="application/json")

    return [Route("/monitoring/models/{name:path}/outliers", outliers, methods=["GET"])]
