"""A store of MLflow comes over whole and goes back whole; MLflow's own client is the judge."""

import contextlib
import math
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from dovetail.tracking.move.moves import bring, give
from dovetail.tracking.move.report import Report
from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

pytestmark = pytest.mark.compat

GUIDE = Path(__file__).parents[3] / "docs/how-to/tracking-move.md"
Start = Callable[[Path], AbstractContextManager[str]]


class Store(NamedTuple):
    """A server of MLflow and the folder that it keeps everything in."""

    url: str
    folder: Path


def fill(mlflow: ModuleType, url: str) -> None:
    """Make one of everything through the real client."""
    from mlflow.entities import (
        Dataset,
        DatasetInput,
        InputTag,
        LoggedModelInput,
        LoggedModelOutput,
        Metric,
        Param,
        RunTag,
    )

    client = mlflow.MlflowClient(url, registry_uri=url)
    flights = client.create_experiment("flights", tags={"team": "ops", "note": "línea"})
    gone, other = client.create_experiment("gone"), client.create_experiment("other")
    run = client.create_run(flights, run_name="first", tags={"a": "1"})
    number = run.info.run_id
    client.log_batch(
        number,
        metrics=[Metric("auc", i / 7, 1000 + i, i) for i in range(900)],
        params=[Param("depth", "6"), Param("a/b", "x" * 3000)],
        tags=[RunTag("t", "v")],
    )
    odd = [Metric("odd", v, 5 + i, i) for i, v in enumerate((math.nan, math.inf, -math.inf))]
    client.log_batch(number, metrics=odd)
    read = DatasetInput(Dataset("d", "dig", "local", "s", "{}", "{}"), [InputTag("k", "train")])
    client.log_inputs(number, [read])
    client.log_text(number, "hello", "notes/n.txt")
    model = client.create_logged_model(
        flights, name="lm", source_run_id=number, tags={"x": "1"}, params={"p": "2"}, model_type="k"
    )
    client.log_model_artifact(model.model_id, __file__)
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(number, [LoggedModelOutput(model.model_id, 3)])
    client.log_metric(
        number, "lmm", 0.7, timestamp=9, step=1, model_id=model.model_id,
        dataset_name="d", dataset_digest="dig",
    )  # fmt: skip
    client.set_terminated(number)
    client.delete_run(client.create_run(flights, run_name="dead").info.run_id)
    second = client.create_run(other, run_name="second").info.run_id
    client.log_inputs(second, models=[LoggedModelInput(model.model_id)])
    client.set_terminated(second, "FAILED")
    client.create_run(gone, run_name="lost")
    client.delete_experiment(gone)
    _register(client, run, model.model_id)
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    mlflow.genai.register_prompt("hi", "hello {{name}}")
    _trace(mlflow, other)


def _trace(mlflow: ModuleType, experiment: str) -> None:
    """Record one trace that went well, in a run, and one that did not."""
    with (
        mlflow.start_run(experiment_id=experiment, run_name="traced"),
        mlflow.start_span("answer", span_type="CHAIN", attributes={"deep": {"a": [1, 2.5]}}) as top,
    ):
        top.set_inputs({"question": "¿línea?"})
        with mlflow.start_span("look up", span_type="RETRIEVER") as inner:
            inner.set_outputs(["a", {"b": None}])
            inner.add_event(mlflow.entities.SpanEvent("found", attributes={"n": 2}))
        top.set_outputs("42")
    with (
        mlflow.start_run(experiment_id=experiment, run_name="failing"),
        contextlib.suppress(ZeroDivisionError),
        mlflow.start_span("fail"),
    ):
        _ = 1 / 0
    mlflow.flush_trace_async_logging()
    mlflow.set_trace_tag(top.trace_id, "reviewed", "yes")


def _register(client: Any, run: Any, model_id: str) -> None:
    number, notes = run.info.run_id, f"{run.info.artifact_uri}/notes"
    client.create_registered_model("fm", tags={"rt": "1"}, description="of delays")
    for source, model in (
        (notes, None), (f"models:/{model_id}", model_id), (f"runs:/{number}/notes", None),
        (notes, None),
    ):  # fmt: skip
        client.create_model_version(
            "fm", source, run_id=number, model_id=model, tags={"vt": "1"}, description="one"
        )
    client.delete_model_version("fm", "1")
    client.delete_model_version("fm", "4")
    client.set_registered_model_alias("fm", "champion", "2")
    client.transition_model_version_stage("fm", "3", "Staging")
    client.create_registered_model("empty")


def _plain(thing: Any) -> Any:
    """Return an entity of the client as values that compare."""
    if isinstance(thing, float) and math.isnan(thing):
        return "nan"
    if isinstance(thing, list | tuple):
        return sorted((_plain(one) for one in thing), key=repr)
    if isinstance(thing, dict):
        return {key: _plain(value) for key, value in thing.items()}
    if hasattr(thing, "__dict__") and type(thing).__module__.startswith("mlflow."):
        return {key: _plain(value) for key, value in vars(thing).items()}
    return thing


def seen(mlflow: ModuleType, url: str, folder: Path) -> dict[str, Any]:
    """Return everything that the client sees on a server."""
    client = mlflow.MlflowClient(url, registry_uri=url)
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    experiments = client.search_experiments(view_type=mlflow.entities.ViewType.ALL)
    ids = [one.experiment_id for one in experiments]
    runs = client.search_runs(ids, run_view_type=mlflow.entities.ViewType.ALL)
    histories = {
        (run.info.run_id, key): _plain(client.get_metric_history(run.info.run_id, key))
        for run in runs
        for key in run.data.metrics
    }
    models = client.search_logged_models(ids)
    versions = client.search_model_versions("name = 'fm'")
    places = [r.info.artifact_uri for r in runs if client.list_artifacts(r.info.run_id)]
    files = {}
    for uri in [*places, *(model.artifact_location for model in models)]:
        place = folder / re.sub(r"\W", "_", uri)
        place.mkdir()
        mlflow.artifacts.download_artifacts(uri, dst_path=str(place))
        files[uri] = {p.name: p.read_bytes() for p in place.rglob("*") if p.is_file()}
    traces = mlflow.search_traces(locations=ids, return_type="list")
    return {
        "traces": sorted((trace.to_dict() for trace in traces), key=repr),
        "experiments": _plain([e for e in experiments if e.name != "Default"]),
        "runs": _plain([client.get_run(run.info.run_id) for run in runs]),
        "histories": histories,
        "models": _plain(models),
        "registered": _plain(
            [(m.name, m.description, m.tags, m.creation_timestamp) for m in
             client.search_registered_models()]
        ),
        "versions": _plain([
            (v.version, v.source, v.run_id, v.current_stage, v.description, v.tags,
             v.creation_timestamp, client.get_model_version_download_uri("fm", v.version))
            for v in versions
        ]),
        "champion": client.get_model_version_by_alias("fm", "champion").version,
        "prompt": mlflow.genai.load_prompt("prompts:/hi/1").template,
        "files": files,
    }  # fmt: skip


@pytest.fixture(scope="module")
def source(
    imported_mlflow: ModuleType, start_mlflow: Start, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("source")
    with start_mlflow(folder) as url:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # stages are deprecated, and still in use
            fill(imported_mlflow, url)
        yield Store(url, folder)


@pytest.fixture(scope="module")
def over_http(source: Store) -> Report:
    return bring(source.url, state=str(source.folder / "by-http"))


def _compare(mlflow: ModuleType, source: Store, state: Path, folder: Path) -> None:
    (folder / "theirs").mkdir()
    (folder / "ours").mkdir()
    theirs = seen(mlflow, source.url, folder / "theirs")
    with run_piece(piece, state=state) as server:
        ours = seen(mlflow, server.url, folder / "ours")
    for part, value in theirs.items():
        assert ours[part] == value, part
    assert len(theirs["histories"]) == 3
    assert sorted(len(trace["data"]["spans"]) for trace in theirs["traces"]) == [1, 2]
    assert b"hello" in [body for files in theirs["files"].values() for body in files.values()]


def test_the_client_finds_the_same_after_an_import_from_a_server(
    imported_mlflow: ModuleType, source: Store, over_http: Report, tmp_path: Path
) -> None:
    assert (over_http.differences, over_http.skipped) == ((), ())
    assert over_http.equal
    _compare(imported_mlflow, source, source.folder / "by-http", tmp_path)


def test_the_database_gives_the_same_as_its_server(
    imported_mlflow: ModuleType, source: Store, over_http: Report, tmp_path: Path
) -> None:
    address = f"sqlite:///{source.folder / 'mlflow.db'}"
    report = bring(address, state=str(tmp_path / "state"), roots=[str(source.folder / "artifacts")])
    assert report.equal
    for mine, theirs in zip(report.parts, over_http.parts, strict=True):
        assert mine == theirs
    _compare(imported_mlflow, source, tmp_path / "state", tmp_path)


def test_postgresql_at_every_end(source: Store, postgres_url: str, tmp_path: Path) -> None:
    """Into our store on PostgreSQL, out into MLflow's tables beside it, and back."""
    address = f"sqlite:///{source.folder / 'mlflow.db'}"
    roots = [str(source.folder / "artifacts")]
    first = bring(address, db=postgres_url, state=str(tmp_path / "state"), roots=roots)
    mine = {"db": postgres_url, "state": str(tmp_path / "state")}
    out = give(postgres_url, target_artifacts=str(tmp_path / "files"), **mine)
    back = bring(postgres_url, state=str(tmp_path / "back"), roots=[str(tmp_path / "files")])
    assert [r.equal for r in (first, out, back)] == [True, True, True]
    assert [part.found for part in back.parts] == [part.found for part in first.parts]


def _commands() -> Iterator[str]:
    for block in re.findall(r"^```console\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL):
        yield from (line.removeprefix("$ ") for line in block.splitlines())


def test_the_guide_brings_a_store_in_and_takes_it_back(
    imported_mlflow: ModuleType, source: Store, start_mlflow: Start, tmp_path: Path
) -> None:
    (tmp_path / "mlartifacts").symlink_to(source.folder / "artifacts")
    (tmp_path / "mlflow.db").symlink_to(source.folder / "mlflow.db")
    (tmp_path / "fresh").mkdir()
    with start_mlflow(tmp_path / "fresh") as url:
        for command in _commands():
            _type(command.replace("http://127.0.0.1:5000", url), tmp_path)
        _type("dovetail tracking export --state tracking-state --to " + url, tmp_path)
        client = imported_mlflow.MlflowClient(url, registry_uri=url)
        _check_exported(client)
    address = f"sqlite:///{tmp_path / 'copy.db'}"
    again = bring(address, state=str(tmp_path / "again"), roots=[str(tmp_path / "copy-artifacts")])
    assert again.equal
    first = bring(f"sqlite:///{tmp_path / 'mlflow.db'}", state=str(tmp_path / "tracking-state"),
                  roots=[str(tmp_path / "mlartifacts")])  # fmt: skip
    assert [part.found for part in again.parts] == [part.found for part in first.parts]


def _type(command: str, folder: Path) -> None:
    program = [sys.executable, "-m", "dovetail.cli", *command.split()[1:]]
    ran = subprocess.run(program, cwd=folder, capture_output=True, text=True, env={**os.environ})
    assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
    assert "--dry-run" in command or "Everything is there." in ran.stdout


def _check_exported(client: Any) -> None:
    """What the real client finds on a fresh server, after two exports to it."""
    flights = client.get_experiment_by_name("flights")
    assert flights.tags["note"] == "línea"
    assert client.get_experiment_by_name("gone").lifecycle_stage == "deleted"
    runs = client.search_runs([flights.experiment_id], run_view_type=3)
    assert sorted(run.info.run_name for run in runs) == ["dead", "first"]
    first = next(run for run in runs if run.info.run_name == "first")
    assert len(client.get_metric_history(first.info.run_id, "auc")) == 900
    assert len(first.data.tags["dovetail.run_id"]) == 32
    assert [f.path for f in client.list_artifacts(first.info.run_id, "notes")] == ["notes/n.txt"]
    champion = client.get_model_version_by_alias("fm", "champion")
    assert champion.version == "2"
    assert {v.version: v.current_stage for v in client.search_model_versions("name='fm'")} == {
        "2": "None", "3": "Staging",
    }  # fmt: skip
    made = client.create_model_version("fm", "s3://bucket/x")
    assert made.version == "5"
