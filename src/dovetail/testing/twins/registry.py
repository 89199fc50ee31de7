"""A twin of an MLflow registry and its artifact proxy, with a gate in front of its aliases."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.wire.mlflow import ARTIFACTS_PREFIX, PREFIX

__all__ = ["Gate", "Registry"]

Gate = Callable[[str, str, str], str | None]
Version = dict[str, Any]


class Registry:
    """Versions, tags, aliases and files.

    Attributes:
        versions: by model and version, as MLflow writes them.
        tags: by model and version.
        aliases: by model and alias, the version.
        moves: each change of an alias: model, alias, version.
        files: by path behind the artifact proxy.
        gate: given model, version and alias, why the alias must not move; None lets it.
    """

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], Version] = {}
        self.tags: dict[tuple[str, str], dict[str, str]] = {}
        self.aliases: dict[tuple[str, str], str] = {}
        self.moves: list[tuple[str, str, str]] = []
        self.files: dict[str, bytes] = {}
        self.gate: Gate = lambda model, version, alias: None

    def add(self, model: str, *, files: Mapping[str, bytes] | None = None, created: int = 0) -> str:
        """Register the next version of a model.

        Args:
            model: its name.
            files: its artifacts by name.
            created: when, in milliseconds since 1970.

        Returns:
            The version.
        """
        version = str(1 + sum(name == model for name, _ in self.versions))
        folder = f"{model}/{version}"
        self.files |= {f"{folder}/{name}": body for name, body in (files or {}).items()}
        self.tags[model, version] = {}
        self.versions[model, version] = {
            "name": model,
            "version": version,
            "creation_timestamp": created,
            "source": f"mlflow-artifacts:/{folder}",
        }
        return version

    def routes(self) -> Sequence[BaseRoute]:
        """Return the paths that it answers."""
        return [
            Route(f"{PREFIX}/registered-models/alias", self._get_alias),
            Route(f"{PREFIX}/registered-models/alias", self._set_alias, methods=["POST"]),
            Route(f"{PREFIX}/model-versions/get", self._get_version),
            Route(f"{PREFIX}/model-versions/set-tag", self._set_tag, methods=["POST"]),
            Route(f"{PREFIX}/model-versions/get-download-uri", self._get_uri),
            Route(ARTIFACTS_PREFIX, self._list_files),
            Route(ARTIFACTS_PREFIX + "/{path:path}", self._get_file),
        ]

    def _described(self, model: str, version: str) -> Response:
        found = self.versions.get((model, version))
        if found is None:
            return _absent(f"Model Version (name={model}, version={version}) not found")
        tags = [{"key": key, "value": value} for key, value in self.tags[model, version].items()]
        return JSONResponse({"model_version": {**found, "tags": tags}})

    def _get_alias(self, request: Request) -> Response:
        model, alias = request.query_params["name"], request.query_params["alias"]
        version = self.aliases.get((model, alias))
        if version is None:
            return _error(
                400, "INVALID_PARAMETER_VALUE", f"Registered model alias {alias} not found."
            )
        return self._described(model, version)

    async def _set_alias(self, request: Request) -> Response:
        body = await request.json()
        model, alias, version = body["name"], body["alias"], body["version"]
        if (model, version) not in self.versions:
            return _absent(f"Model Version (name={model}, version={version}) not found")
        refusal = self.gate(model, version, alias)
        if refusal is not None:
            return _error(403, "PERMISSION_DENIED", refusal)
        self.aliases[model, alias] = version
        self.moves.append((model, alias, version))
        return JSONResponse({})

    def _get_version(self, request: Request) -> Response:
        return self._described(request.query_params["name"], request.query_params["version"])

    async def _set_tag(self, request: Request) -> Response:
        body = await request.json()
        self.tags[body["name"], body["version"]][body["key"]] = body["value"]
        return JSONResponse({})

    def _get_uri(self, request: Request) -> Response:
        key = request.query_params["name"], request.query_params["version"]
        if key not in self.versions:
            return _absent(f"Model Version (name={key[0]}, version={key[1]}) not found")
        return JSONResponse({"artifact_uri": self.versions[key]["source"]})

    def _list_files(self, request: Request) -> Response:
        folder = request.query_params.get("path", "").rstrip("/") + "/"
        below = [path.removeprefix(folder) for path in self.files if path.startswith(folder)]
        entries = {name.split("/")[0]: "/" in name for name in below}
        files = [{"path": name, "is_dir": is_dir} for name, is_dir in sorted(entries.items())]
        return JSONResponse({"files": files})

    def _get_file(self, request: Request) -> Response:
        path = request.path_params["path"]
        if path not in self.files:
            return _absent(f"No such artifact: {path}")
        return Response(self.files[path])


def _absent(message: str) -> Response:
    return _error(404, "RESOURCE_DOES_NOT_EXIST", message)


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error_code": code, "message": message}, status)
