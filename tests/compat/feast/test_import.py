"""Repositories that Feast itself makes become definitions of ours, and answer the same."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dovetail.base.clock import ManualClock
from dovetail.features import Definitions, LatestView, load
from dovetail.features.cli import commands
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import run_piece
from dovetail.wire import feast as wire

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]
feast = pytest.importorskip("feast")
FEAST = [sys.executable, "-m", "feast.cli.cli"]
NOW = datetime(2024, 4, 1, 12, tzinfo=UTC)


def bring(repository: Path, out: Path) -> tuple[Definitions, Result]:
    done = CliRunner().invoke(commands, ["import", str(repository), "--out", str(out)])
    assert done.exit_code == 0, (done.output, done.exception)
    return load(out), done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `feast init` makes."""
    folder = tmp_path_factory.mktemp("init")
    subprocess.run([*FEAST, "init", "demo"], cwd=folder, check=True, capture_output=True)
    return folder / "demo" / "feature_repo"


@pytest.fixture(scope="module")
def applied(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after `feast apply`."""
    folder = tmp_path_factory.mktemp("applied") / "feature_repo"
    shutil.copytree(made, folder)
    subprocess.run([*FEAST, "apply"], cwd=folder, check=True, capture_output=True)
    return folder


FEATURES = ("conv_rate", "acc_rate", "avg_daily_trips", "driver_metadata", "driver_config",
            "driver_profile")  # fmt: skip


@pytest.mark.parametrize("how", ["made", "applied"])
def test_the_repository_of_feast_init(
    how: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    repository: Path = request.getfixturevalue(how)
    found, done = bring(repository, tmp_path / "features.py")
    assert set(found.views) == {"driver_hourly_stats", "driver_hourly_stats_fresh"}
    view = found.views["driver_hourly_stats"]
    assert isinstance(view, LatestView)
    assert (view.keys, view.features, view.ttl_us) == (
        ("driver_id",),
        FEATURES,
        timedelta(days=1) // timedelta(microseconds=1),
    )
    source = view.source
    assert (source.event_time, source.known_at) == ("event_timestamp", "created")
    assert source.path.endswith("driver_stats.parquet")
    assert found.views["driver_hourly_stats_fresh"].source.name == "driver_stats_push_source"
    services = {s.name: [p.view.name for p in s.selections] for s in found.services.values()}
    assert services == {
        "driver_activity_v1": ["driver_hourly_stats"],
        "driver_activity_v2": ["driver_hourly_stats"],
        "driver_activity_v3": ["driver_hourly_stats_fresh"],
    }
    assert "on-demand view 'transformed_conv_rate'" in done.stderr
    assert "label view 'driver_quality_labels'" in done.stderr
    text = (tmp_path / "features.py").read_text()
    assert '#         df["conv_rate_plus_val1"] = inputs["conv_rate"]' in text


def test_what_was_taken_over_answers_what_feast_answers(tmp_path: Path) -> None:
    import pandas as pd

    repository = tmp_path / "repo"
    repository.mkdir()
    times = [NOW - timedelta(hours=h) for h in (3, 2, 1)]
    frame = pd.DataFrame({"k": ["a", "b", "a"], "at": times, "f": [1.0, 2.0, 3.0]})
    frame.to_parquet(repository / "rows.parquet")
    (repository / "feature_store.yaml").write_text(
        "project: p\nprovider: local\nregistry: registry.db\n"
        "online_store: {type: sqlite, path: online.db}\nentity_key_serialization_version: 3\n"
    )
    (repository / "definitions.py").write_text(
        "from datetime import timedelta\n"
        "from feast import Entity, FeatureService, FeatureView, Field, FileSource\n"
        "from feast.types import Float64, String\n"
        "k = Entity(name='k', join_keys=['k'])\n"
        f"rows = FileSource(name='rows', path={str(repository / 'rows.parquet')!r}, "
        "timestamp_field='at')\n"
        "view = FeatureView(name='v', entities=[k], ttl=timedelta(days=3650), source=rows,\n"
        "    schema=[Field(name='k', dtype=String), Field(name='f', dtype=Float64)])\n"
        "service = FeatureService(name='s', features=[view[['f']]])\n"
    )
    subprocess.run([*FEAST, "apply"], cwd=repository, check=True, capture_output=True)
    store = feast.FeatureStore(str(repository))
    store.materialize(NOW - timedelta(days=1), NOW)
    theirs = store.get_online_features(
        features=store.get_feature_service("s"), entity_rows=[{"k": "a"}, {"k": "b"}, {"k": "z"}]
    ).to_dict()
    bring(repository / "registry.db", tmp_path / "features.py")
    settings = FeatureSettings(definitions=str(tmp_path / "features.py"))
    with (
        run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOW)) as server,
        wire.Client(server.url) as client,
    ):
        client.materialize(NOW - timedelta(days=1), NOW)
        ours = client.get_online_features({"k": ["a", "b", "z"]}, feature_service="s").columns()
    assert ours == theirs == {"k": ["a", "b", "z"], "f": [3.0, 2.0, None]}
