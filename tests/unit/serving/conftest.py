import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import RunningApp, run_piece, serve_in_thread

FEATURES = 4


@pytest.fixture(scope="session")
def table() -> tuple[np.ndarray, np.ndarray]:
    """Rows with missing values and a categorical third column, and a label."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(600, FEATURES))
    rows[:, 2] = random.integers(0, 20, 600)
    rows[random.random(rows.shape) < 0.05] = np.nan
    return rows, (np.nan_to_num(rows[:, 0] + rows[:, 1] * (rows[:, 2] % 5)) > 0).astype(int)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory, table: tuple) -> Path:
    """A small binary classifier in LightGBM's text format."""
    import lightgbm

    rows, label = table
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_leaves": 7, "num_threads": 1},
        lightgbm.Dataset(rows, label, categorical_feature=[2]),
        8,
    )
    file = tmp_path_factory.mktemp("model") / "late.txt"
    booster.save_model(str(file))
    return file


@pytest.fixture(scope="session")
def other_file(tmp_path_factory: pytest.TempPathFactory, table: tuple) -> Path:
    """A second version with other answers."""
    import lightgbm

    rows, label = table
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_leaves": 3, "num_threads": 1},
        lightgbm.Dataset(rows, 1 - label),
        3,
    )
    file = tmp_path_factory.mktemp("other") / "late.txt"
    booster.save_model(str(file))
    return file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_file: Path) -> Iterator[RunningApp]:
    """A server with the classifier as `late` and an identity model as `echo`."""
    state = tmp_path_factory.mktemp("state")
    echo = state / "echo.identity"
    echo.touch()
    settings = ServingSettings(
        models=(f"late={model_file}", f"echo={echo}"),
        folders=(str(model_file.parent.parent),),
        isolate=False,
    )
    with run_piece(piece, settings, state=state) as running:
        wait_ready(running.url)
        yield running


def wait_ready(url: str) -> None:
    """Wait until a server says that its models are loaded."""
    for _ in range(400):
        if httpx.get(f"{url}/v2/health/ready").status_code == 200:
            return
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")


MLFLOW = "/api/2.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"


class Registry:
    """A model registry that speaks what serving needs of MLflow's REST API.

    Versions are folders below `root`; `sources` may name anything else.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.aliases: dict[tuple[str, str], str] = {}
        self.sources: dict[tuple[str, str], str] = {}
        self.listed: dict[str, list[dict[str, object]]] = {}
        self.url = ""

    def add(self, name: str, version: str, folder: Path) -> None:
        self.sources[name, version] = f"mlflow-artifacts:/{folder.relative_to(self.root)}"

    def routes(self) -> list[Route]:
        return [
            Route(f"{MLFLOW}/registered-models/alias", self.alias),
            Route(f"{MLFLOW}/model-versions/get-download-uri", self.source),
            Route(PROXY, self.files),
            Route(f"{PROXY}/{{path:path}}", self.file),
        ]

    def alias(self, request: Request) -> Response:
        name, alias = request.query_params["name"], request.query_params["alias"]
        version = self.aliases.get((name, alias))
        if version is None:
            return _missing(f"alias {alias} not found")
        return JSONResponse({"model_version": {"name": name, "version": version}})

    def source(self, request: Request) -> Response:
        key = request.query_params["name"], request.query_params["version"]
        if key not in self.sources:
            return _missing(f"version {key} not found")
        return JSONResponse({"artifact_uri": self.sources[key]})

    def files(self, request: Request) -> Response:
        path = request.query_params.get("path", "")
        listed = self.listed.get(path) or [
            {"path": item.name, "is_dir": item.is_dir()}
            for item in sorted((self.root / path).iterdir())
        ]
        return JSONResponse({"files": listed})

    def file(self, request: Request) -> Response:
        return FileResponse(self.root / request.path_params["path"])


def _missing(message: str) -> Response:
    return JSONResponse({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": message}, 404)


@pytest.fixture
def registry(tmp_path: Path, model_file: Path, other_file: Path) -> Iterator[Registry]:
    """A registry with three versions of `late`; the first and the third are the same model."""
    found = Registry(tmp_path / "artifacts")
    for version, file in (("1", model_file), ("2", other_file), ("3", model_file)):
        folder = found.root / version
        folder.mkdir(parents=True)
        shutil.copy(file, folder / "model.lgb")
        (folder / "MLmodel").write_text("flavors: {lightgbm: {data: model.lgb}}\n")
        found.add("late", version, folder)
    with serve_in_thread(Starlette(routes=found.routes())) as server:
        found.url = server.url
        yield found


@pytest.fixture
def run(tmp_path: Path, registry: Registry) -> Callable[..., AbstractContextManager[RunningApp]]:
    """Start a server, over the same state each time, and wait until it is ready."""

    @contextmanager
    def start(*models: str, joints: dict[str, str] | None = None, **settings: Any):
        with run_piece(
            piece,
            ServingSettings(
                models=models,
                follow_seconds=0.05,
                folders=(str(tmp_path / "may"),),
                **{"isolate": False, **settings},
            ),
            state=tmp_path / "state",
            joints=joints or {"tracking": registry.url},
        ) as server:
            wait_ready(server.url)
            yield server

    return start
