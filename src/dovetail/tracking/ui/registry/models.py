"""The list of registered models: searched, ordered and paged in the database."""

import re
from collections.abc import Iterable
from urllib.parse import urlencode

from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.handlers import models as cases
from dovetail.tracking.ui.registry.telling import model_href, version_href
from dovetail.tracking.ui.registry.views import AliasLine, ModelLine, ModelsPage, Pair
from dovetail.web.sorting import Sort
from dovetail.wire.mlflow import (
    RegisteredModel,
    SearchRegisteredModels,
    SearchRegisteredModelsResponse,
    Tag,
)

__all__ = ["following", "models_page", "own_tags"]

PAGE = 50
_FILTER = re.compile(r"=|<|>|\bI?LIKE\b", re.IGNORECASE)
_ORDERS = {"name": "name", "updated": "last_updated_timestamp"}


def models_page(b: Backend, c: Connection, request: Request) -> ModelsPage:
    """Return the models that the address asks for.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: `ask` is a part of a name or a filter, `sort` a column, `page` a page token.
    """
    ask = request.query_params.get("ask", "").strip()
    sort = Sort.of(request, allowed=_ORDERS, default="-updated")
    asked = SearchRegisteredModels(
        filter=_filter(ask),
        max_results=PAGE,
        order_by=(f"{_ORDERS[sort.by]} {'DESC' if sort.descending else 'ASC'}",),
        page_token=request.query_params.get("page"),
    )
    problem, found = None, SearchRegisteredModelsResponse()
    try:
        found = cases.search(b, c, asked)
    except InvalidParameterError as error:
        problem = str(error)
    return ModelsPage(
        ask=ask,
        problem=problem,
        models=[_line(model) for model in found.registered_models],
        sort=sort,
        next=following(request, found.next_page_token),
    )


def _filter(ask: str) -> str | None:
    if not ask or _FILTER.search(ask):
        return ask or None
    quoted = ask.replace("'", "''")
    return f"name ILIKE '%{quoted}%'"


def following(request: Request, token: str | None) -> str:
    """Return the query string of the next page; empty where there is none."""
    if not token:
        return ""
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != "page"]
    return "?" + urlencode([*kept, ("page", token)])


def _line(model: RegisteredModel) -> ModelLine:
    newest = max((int(version.version) for version in model.latest_versions), default=None)
    return ModelLine(
        name=model.name,
        href=model_href(model.name),
        aliases=[
            AliasLine(alias=a.alias, version=a.version, href=version_href(model.name, a.version))
            for a in model.aliases
        ],
        newest=newest,
        newest_href=version_href(model.name, newest) if newest else "",
        tags=own_tags(model.tags),
        updated=model.last_updated_timestamp,
        description=model.description or "",
    )


def own_tags(tags: Iterable[Tag]) -> list[Pair]:
    """Return tags that people gave, without those that MLflow keeps for itself."""
    return [Pair(tag.key, tag.value) for tag in tags if not tag.key.startswith("mlflow.")]
