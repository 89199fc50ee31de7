"""An `mlruns` folder as MLflow's FileStore writes it, from 1.x to 3.x, made by hand."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from dovetail.tracking.move.moves import bring
from dovetail.tracking.move.report import Report

EXPERIMENT = "411111111111111111"
GONE = "422222222222222222"
RUN, DEAD, LOST = "a" * 32, "b" * 32, "c" * 32
MODEL = "m-" + "d" * 32


def meta(place: Path, **values: Any) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / "meta.yaml").write_text(yaml.safe_dump(values))


def texts(place: Path, **values: str) -> None:
    for key, value in values.items():
        path = place / key.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)


def experiment(root: Path, number: str, name: str, *, deleted: bool = False) -> Path:
    place = root / ".trash" / number if deleted else root / number
    meta(
        place,
        artifact_location=f"file:///old/place/mlruns/{number}",
        creation_time=1_700_000_000_000,
        last_update_time=1_700_000_000_500,
        experiment_id=number,
        lifecycle_stage="deleted" if deleted else "active",
        name=name,
    )
    return place


def run(place: Path, run_id: str, **changed: Any) -> Path:
    """A run; its artifacts were recorded where the folder once was."""
    values = {
        "artifact_uri": f"file:///old/place/mlruns/{place.name}/{run_id}/artifacts",
        "end_time": 1_700_000_002_000,
        "experiment_id": place.name,
        "lifecycle_stage": "active",
        "run_id": run_id,
        "run_name": "first",
        "run_uuid": run_id,
        "source_type": 4,
        "start_time": 1_700_000_001_000,
        "status": 3,
        "tags": [],
        "user_id": "ada",
    }
    home = place / run_id
    meta(home, **{**values, **changed})
    for folder in ("metrics", "params", "artifacts", "tags"):
        (home / folder).mkdir()
    return home


def points(home: Path, key: str, count: int) -> None:
    lines = [f"{1_700_000_000_000 + i} {i / 7} {i}\n" for i in range(count)]
    texts(home / "metrics", **{key: "".join(lines)})


def write(root: Path) -> Path:
    """A folder with one of everything."""
    place = experiment(root, EXPERIMENT, "flights")
    texts(place / "tags", team="ops")
    home = run(place, RUN)
    points(home, "auc", 100)
    texts(
        home / "metrics",
        odd="5 nan 0\n6 inf 1\n7 -inf -1\n7 -inf -1\n",
        old="9 0.5\n",
        lm="9 0.75 1 d dig\n",
    )
    texts(home / "params", depth="6", a__b="x", text="two\nlines")
    texts(home / "tags", mlflow__x="1", **{"mlflow.runName": "first"})
    texts(home / "artifacts", notes__n="hello")
    meta(
        place / "datasets" / "e1",
        name="d",
        digest="dig",
        source_type="local",
        source="s",
        schema=None,
        profile="{}",
    )
    meta(
        home / "inputs" / "i1",
        source_type="DATASET",
        source_id="e1",
        destination_type="RUN",
        destination_id="e1",
        tags={"mlflow.data.context": "train"},
    )
    meta(
        home / "outputs" / MODEL,
        source_type="RUN_OUTPUT",
        source_id=MODEL,
        destination_type="MODEL_OUTPUT",
        destination_id=MODEL,
        tags={},
        step=3,
    )
    run(place, DEAD, lifecycle_stage="deleted", deleted_time=1_700_000_003_000, status=4)
    run(experiment(root, GONE, "gone", deleted=True), LOST)
    _model(place)
    _registry(root)
    return root


def _model(place: Path) -> None:
    home = place / "models" / MODEL
    meta(
        home,
        model_id=MODEL,
        experiment_id=place.name,
        name="trees",
        artifact_location=f"file:///old/place/mlruns/{place.name}/models/{MODEL}/artifacts",
        creation_timestamp=1_700_000_001_500,
        last_updated_timestamp=1_700_000_001_600,
        source_run_id=RUN,
        status=2,
        model_type="sk",
        lifecycle_stage="active",
    )
    texts(home / "params", p="1")
    texts(home / "tags", t="2")
    texts(home / "metrics", lm=f"9 0.75 1 {RUN} d dig\n")
    texts(home / "artifacts", MLmodel="flavors: {}\n")


def _registry(root: Path) -> None:
    place = root / "models" / "flights"
    known = {"creation_timestamp": 1_700_000_004_000, "last_updated_timestamp": 1_700_000_005_000}
    meta(place, name="flights", description="of delays", **known)
    texts(place / "tags", owner="ada")
    texts(place / "aliases", champion="3")
    for version, source, stage in (
        (1, "REDACTED-SOURCE-PATH", "Deleted_Internal"),
        (3, f"file:///old/place/mlruns/{EXPERIMENT}/{RUN}/artifacts/notes", "Production"),
        (4, f"models:/{MODEL}", "None"),
    ):
        meta(
            place / f"version-{version}",
            name="flights",
            version=version,
            current_stage=stage,
            source=source,
            storage_location=source if "models:" not in source else _place_of(MODEL),
            run_id=RUN,
            run_link="",
            status="READY",
            user_id="ada",
            description=f"number {version}",
            **known,
        )
    texts(place / "version-3" / "tags", checked="yes")


def _place_of(model: str) -> str:
    return f"file:///old/place/mlruns/{EXPERIMENT}/models/{model}/artifacts"


@pytest.fixture
def mlruns(tmp_path: Path) -> Path:
    """A folder with one of everything."""
    return write(tmp_path / "mlruns")


@pytest.fixture(scope="session")
def build() -> SimpleNamespace:
    """The parts of a folder, to build others."""
    return SimpleNamespace(experiment=experiment, run=run, points=points, texts=texts, meta=meta)


@pytest.fixture(scope="session")
def names() -> SimpleNamespace:
    """The ids in the folder."""
    return SimpleNamespace(experiment=EXPERIMENT, gone=GONE, run=RUN, dead=DEAD, model=MODEL)


@pytest.fixture
def imported(mlruns: Path, tmp_path: Path, database_url: str) -> Callable[..., Report]:
    """Import the folder into a store on either database."""

    def run_import(source: Path = mlruns, **options: Any) -> Report:
        state = str(tmp_path / "state")
        return bring(str(source), state=state, db=database_url, **options)

    return run_import
