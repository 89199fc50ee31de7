"""An `mlruns` folder comes over whole, and a hostile one can do nothing."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dovetail.base.errors import IntegrityError, InvalidInputError
from dovetail.tracking.move.folder_points import distinct, read_points
from dovetail.tracking.move.report import Report, totals
from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import Client, GetLoggedModel, SearchExperiments, endpoints

Import = Callable[..., Report]


def test_everything_comes_over_with_its_ids(
    imported: Import, names: SimpleNamespace, tmp_path: Path, database_url: str
) -> None:
    report = imported()
    assert (report.equal, report.differences, report.skipped) == (True, (), ())
    assert totals(part.found for part in report.parts) == {
        "experiments": 2, "experiment tags": 1, "runs": 3, "params": 3, "tags": 2, "metrics": 105,
        "dataset inputs": 1, "model links": 1, "logged models": 1, "logged model params": 1,
        "logged model tags": 1, "logged model metrics": 1, "registered models": 1,
        "registered model tags": 1, "versions": 2, "version tags": 1, "aliases": 1,
        "artifacts": 2, "artifact bytes": 17,
    }  # fmt: skip
    settings = TrackingSettings(database=database_url, artifacts=str(tmp_path / "state/artifacts"))
    with (
        run_piece(piece, settings, state=tmp_path / "state") as server,
        Client(server.url) as client,
    ):
        _check_runs(client, names)
        _check_models(client, names)
        made = client.create_experiment("after")
        assert int(made) > int(names.gone)


def _check_runs(client: Client, names: SimpleNamespace) -> None:
    request = SearchExperiments(view_type="ALL")
    found = client.call(endpoints.SEARCH_EXPERIMENTS, request).experiments
    assert {(e.experiment_id, e.name, e.lifecycle_stage) for e in found} == {
        ("0", "Default", "active"),
        (names.experiment, "flights", "active"),
        (names.gone, "gone", "deleted"),
    }
    run = client.get_run(names.run)
    info = run.info
    assert (info.run_name, info.user_id, info.status) == ("first", "ada", "FINISHED")
    assert (info.start_time, info.end_time) == (1_700_000_001_000, 1_700_000_002_000)
    assert {p.key: p.value for p in run.data.params} == {
        "depth": "6", "a/b": "x", "text": "two\nlines",
    }  # fmt: skip
    odd = list(client.get_metric_history(names.run, "odd"))
    assert [(p.step, p.timestamp) for p in odd] == [(0, 5), (1, 6), (-1, 7)]
    assert math.isnan(odd[0].value)
    assert [odd[1].value, odd[2].value] == [1.7976931348623157e308, -1.7976931348623157e308]
    assert [p.step for p in client.get_metric_history(names.run, "auc")] == list(range(100))
    assert client.get_run(names.dead).info.lifecycle_stage == "deleted"
    path = f"{names.experiment}/{names.run}/artifacts/notes/n"
    assert client.get_artifact(path) == b"hello"
    assert info.artifact_uri == f"mlflow-artifacts:/{names.experiment}/{names.run}/artifacts"


def _check_models(client: Client, names: SimpleNamespace) -> None:
    model = client.call(endpoints.GET_LOGGED_MODEL, GetLoggedModel(names.model)).model
    assert (model.info.name, model.info.status) == ("trees", "LOGGED_MODEL_READY")
    assert model.data.metrics[0].dataset_name == "d"
    champion = client.get_alias("flights", "champion")
    root = f"mlflow-artifacts:/{names.experiment}"
    assert (champion.version, champion.current_stage) == ("3", "Production")
    assert champion.source == f"{root}/{names.run}/artifacts/notes"
    assert client.get_download_uri("flights", "4") == f"{root}/models/{names.model}/artifacts"
    assert client.create_model_version("flights", "s3://b/x").version == "5"


def test_a_second_import_doubles_nothing_and_brings_what_is_new(
    imported: Import, mlruns: Path, names: SimpleNamespace, build: SimpleNamespace
) -> None:
    first = imported()
    build.points(mlruns / names.experiment / names.run, "later", 7)
    again = imported()
    assert again.equal
    counts = [totals(part.found for part in one.parts)["metrics"] for one in (first, again)]
    assert counts == [105, 112]


def test_artifacts_can_stay_where_they_are(imported: Import) -> None:
    report = imported(no_artifacts=True)
    assert report.equal
    assert "artifacts" not in totals(part.found for part in report.parts)


def test_a_recorded_place_outside_the_folder_is_not_read(
    imported: Import, mlruns: Path, names: SimpleNamespace, build: SimpleNamespace, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    build.texts(secret, passwd="root")
    home = mlruns / names.experiment
    build.run(home, "e" * 32, artifact_uri=secret.as_uri())
    (home / ("e" * 32) / "artifacts").rmdir()
    (home / names.run / "artifacts" / "link").symlink_to(secret / "passwd")
    os.mkfifo(home / names.run / "artifacts" / "pipe")
    report = imported()
    assert not report.equal
    told = "\n".join(report.skipped)
    assert "is not inside a folder that may be read" in told
    assert "link is a link that leads out of its folder" in told
    assert "pipe is neither a file nor a folder" in told
    assert not [p for p in (tmp_path / "state").rglob("*") if p.name in ("passwd", "link")]
    (told,) = imported(roots=[str(secret)]).skipped
    assert "pipe" in told
    assert (
        tmp_path / "state/artifacts" / names.experiment / ("e" * 32) / "artifacts/passwd"
    ).exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("!!python/object/apply:os.system ['touch pwned']", "is not YAML"),
        ("- a\n- b\n", "is not a mapping"),
        ("run_id: ../../x\nexperiment_id: '1'\n", "belongs to another run"),
        ("{", "is not YAML"),
        ("[" * 50_000, "is nested too deeply"),
        ("- " * 50_000, "is nested too deeply"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nrun_name: [*b, *b]\n", "or has aliases"),
        ("start_time: 2001-99-99\n", "is not YAML"),
    ],
)
def test_a_run_with_a_hostile_file_is_passed_over_and_named(
    imported: Import, mlruns: Path, names: SimpleNamespace, text: str, why: str
) -> None:
    (mlruns / names.experiment / names.dead / "meta.yaml").write_text(text)
    report = imported()
    assert not report.equal
    assert [one for one in report.skipped if names.dead in one and why in one]
    assert totals(part.found for part in report.parts)["runs"] == 2
    assert not Path("pwned").exists()


def test_names_that_are_no_text_are_passed_over(
    imported: Import, mlruns: Path, names: SimpleNamespace
) -> None:
    home = os.fsencode(mlruns / names.experiment / names.run)
    for place in (b"metrics", b"artifacts"):
        with open(os.path.join(home, place, b"\xff\xfe"), "w") as file:
            file.write("1 1 1\n")
    report = imported()
    told = "\n".join(report.skipped)
    assert "or not in UTF-8" in told
    assert "is not a name in UTF-8" in told
    assert totals(part.found for part in report.parts)["metrics"] == 105


def test_numbers_that_no_database_takes_are_passed_over(
    imported: Import, mlruns: Path, names: SimpleNamespace, build: SimpleNamespace
) -> None:
    build.run(mlruns / names.experiment, "e" * 32, start_time=10**30)
    far = mlruns / "models" / "flights" / "version-99999999999"
    build.meta(far, name="flights", version=99999999999, status="READY")
    build.experiment(mlruns, "5", "x" * 600)
    told = "\n".join(imported().skipped)
    assert f"run {'e' * 32}: a time is too large" in told
    assert "version 99999999999: its number or its status is not one" in told
    assert "experiment 5: its name is empty or too long" in told


def test_the_folder_itself_may_be_a_link(imported: Import, mlruns: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(mlruns)
    assert imported(tmp_path / "link").equal


def test_keys_and_lines_that_do_not_fit_are_passed_over(
    imported: Import, mlruns: Path, names: SimpleNamespace
) -> None:
    home = mlruns / names.experiment / names.run
    (home / "metrics" / "broken").write_text("one two three\n")
    (home / "metrics" / "auc2").symlink_to(home / "metrics" / "auc")
    bad = mlruns / names.experiment / names.dead / "params" / "zero"
    bad.write_bytes(b"a\0b")
    report = imported()
    told = "\n".join(report.skipped)
    assert "has a line that is no point" in told
    assert "'zero' is not text that a database takes" in told


def test_what_is_no_mlruns_folder_is_refused(imported: Import, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="is not an mlruns folder"):
        imported(tmp_path / "empty")


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ("1 1 0\n1 1 0\n2 1 1\n", 2),
        ("1 1 0\n1 2 0\n1 1 0\n", 2),
        ("1 1 5\n1 1 4\n1 1 5\n1 1 4\n1 1 6\n", 3),
        ("1 1\n1 1\n", 1),
        ("", 0),
    ],
    ids=["twins", "same-step", "back-in-time", "without-step", "empty"],
)
def test_each_point_comes_once(tmp_path: Path, lines: str, left: int) -> None:
    path = tmp_path / "m"
    path.write_text(lines)
    assert len(list(read_points(path))) == left


def test_points_in_order_need_no_second_reading() -> None:
    begun: list[Any] = []

    def begin() -> Any:
        begun.append(1)
        return iter([(i, i, 0.0, False) for i in range(1000)])

    assert len(list(distinct(begin))) == 1000
    assert begun == [1]


def test_a_number_that_no_database_takes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m").write_text(f"{2**70} 1 1\n")
    with pytest.raises(IntegrityError, match="too large"):
        list(read_points(tmp_path / "m"))
