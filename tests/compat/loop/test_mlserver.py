"""Versions put onto a real MLServer by its model repository folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from dovetail.loop import FolderDeployer, Joints, make_deployer
from dovetail.testing import twins
from dovetail.wire import mlflow, open_inference
from dovetail.wire.http import ServerFault

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module")
def boosters() -> dict:
    """Two versions that answer differently, trained with missing values."""
    import lightgbm

    random = np.random.default_rng(0)
    data = random.normal(size=(500, 5))
    data[random.random(data.shape) < 0.1] = np.nan
    label = (np.nan_to_num(data[:, 0]) + np.nan_to_num(data[:, 1]) > 0).astype(int)
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1}
    return {
        version: lightgbm.train({**settings, "num_leaves": leaves}, lightgbm.Dataset(data, y), 12)
        for version, leaves, y in (("1", 7, label), ("2", 15, 1 - label))
    }


@pytest.fixture(scope="module")
def registry(boosters) -> twins.Registry:
    made = twins.Registry()
    for booster in boosters.values():
        text = booster.model_to_string().encode()
        made.add("late", files={"MLmodel": b"flavors: {}", "model.lgb": text})
    return made


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    drawn = np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32)
    drawn[::3, 1] = np.nan
    return drawn


@contextmanager
def deploying(registry: twins.Registry, url: str, folder: Path) -> Iterator[FolderDeployer]:
    with (
        twins.serve(registry) as server,
        mlflow.Client(server.url) as client,
        open_inference.Client(url) as serving,
    ):
        joints = Joints(registry=client, serving=serving)
        deployer = make_deployer(joints, "late", str(folder), {})
        assert isinstance(deployer, FolderDeployer)
        yield deployer


def test_a_life_on_mlserver(start_mlserver, boosters, registry, rows, tmp_path):
    def check(deployer: FolderDeployer, *versions: str) -> None:
        for version in versions:
            expected = boosters[version].predict(rows)
            np.testing.assert_array_equal(deployer.score(version, rows), expected)

    with (
        start_mlserver(tmp_path) as server,
        deploying(registry, server.url, tmp_path) as deployer,
        open_inference.Client(server.url) as serving,
    ):
        deployer.load("1")
        deployer.load("2")
        check(deployer, "1", "2")
        deployer.unload("1")
        assert not serving.is_model_ready("late", "1")
        check(deployer, "2")
        deployer.unload("2")
        assert not serving.is_model_ready("late", "2")
        deployer.load("2")
        deployer.load("1")
        check(deployer, "1", "2")
    with (
        start_mlserver(tmp_path) as server,
        deploying(registry, server.url, tmp_path) as deployer,
    ):
        check(deployer, "1", "2")  # the folder outlives the server


def test_a_broken_booster_spoils_nothing(start_mlserver, boosters, registry, rows, tmp_path):
    broken = registry.add("late", files={"model.lgb": b"no tree at all"})
    with (
        start_mlserver(tmp_path) as server,
        deploying(registry, server.url, tmp_path) as deployer,
    ):
        deployer.load("1")
        with pytest.raises(ServerFault):
            deployer.load(broken)
        deployer.load("2")
        for version in ("1", "2"):
            expected = boosters[version].predict(rows)
            np.testing.assert_array_equal(deployer.score(version, rows), expected)
