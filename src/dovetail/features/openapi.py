"""The description of the feature server that Feast's own has at `/openapi.json`."""

from typing import Any

import msgspec

from dovetail.wire import feast

__all__ = ["document"]

REQUESTS: dict[str, type[msgspec.Struct]] = {
    "/get-online-features": feast.GetOnlineFeatures,
    "/push": feast.Push,
    "/write-to-online-store": feast.WriteToOnlineStore,
    "/materialize": feast.Materialize,
    "/materialize-incremental": feast.MaterializeIncremental,
}
ANSWERS: dict[str, type[msgspec.Struct]] = {"/get-online-features": feast.OnlineFeatures}


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the paths of Feast's protocol."""
    types = [*REQUESTS.values(), *ANSWERS.values()]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {
        path: {
            "post": _operation(path, by_type[kind], by_type.get(ANSWERS.get(path, msgspec.Struct)))
        }
        for path, kind in REQUESTS.items()
    }
    paths["/health"] = {
        "get": {"operationId": "health", "responses": {"200": {"description": "It answers"}}}
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dovetail features: Feast's feature server", "version": "1"},
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(path: str, request: Any, answer: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"description": "Done"}
    if answer is not None:
        said["content"] = {"application/json": {"schema": answer}}
    return {
        "operationId": path.strip("/").replace("-", "_"),
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": said,
            "404": {"description": "A view, feature, service or source is unknown"},
            "422": {"description": "The request does not fit"},
            "503": {"description": "The store does not answer; come again after Retry-After"},
        },
    }
