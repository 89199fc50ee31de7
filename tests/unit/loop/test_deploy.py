"""Both kinds of inference server, as twins."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.loop import FolderDeployer, Joints, RegistryDeployer, make_deployer
from dovetail.loop.errors import NoProbabilityError, UnsupportedServerError
from dovetail.loop.scoring import positive_scores
from dovetail.testing import twins
from dovetail.wire import mlflow, open_inference
from dovetail.wire.http import NotFound
from dovetail.wire.open_inference import InferenceResponse, from_array

ROWS = np.array([[0.1, 0.9], [np.nan, 0.5], [0.7, 0.2]], np.float32)
EXPECTED = {"1": [0.9, 0.5, 0.2], "2": [0.45, 0.25, 0.1]}


def find(model: str, version: str) -> twins.Scores:
    if version not in EXPECTED:
        raise LookupError(version)
    return lambda rows: rows[:, 1].astype(np.float32).astype(np.float64) / int(version)


@pytest.fixture(params=["registry", "folder"])
def side(request, tmp_path):
    """A deployer, its server and where its folder is."""
    registry = twins.Registry()
    for _ in EXPECTED:
        registry.add("late", files={"MLmodel": b"", "model.lgb": b"tree"})
    folder = tmp_path if request.param == "folder" else None
    serving = twins.InferenceServer(find, folder)
    with (
        twins.serve(registry, serving) as server,
        mlflow.Client(server.url) as client,
        open_inference.Client(server.url) as oip,
    ):
        joints = Joints(registry=client, serving=oip)
        yield make_deployer(joints, "late", str(folder or ""), {}), serving, tmp_path


def test_the_deployer_fits_the_server(side):
    deployer, serving, _ = side
    kind = RegistryDeployer if serving._folder is None else FolderDeployer
    assert isinstance(deployer, kind)


def test_versions_are_loaded_beside_each_other_and_scored_apart(side):
    deployer, serving, _ = side
    deployer.load("1")
    deployer.load("2")
    for version, expected in EXPECTED.items():
        assert deployer.score(version, ROWS) == pytest.approx(expected)
    assert deployer.score("1", ROWS[:0]).shape == (0,)
    assert serving.roles == ["test", "test"]


def test_many_rows_are_scored_in_slices_in_order(side):
    deployer, serving, _ = side
    deployer.load("1")
    rows = np.random.default_rng(0).random((9000, 2)).astype(np.float32)
    assert deployer.score("1", rows) == pytest.approx(rows[:, 1])
    assert len(serving.roles) == 3


def test_orders_may_be_given_twice(side):
    deployer, serving, _ = side
    for version in ("1", "2", "2"):
        deployer.load(version)
    deployer.split({"1": 100.0})
    deployer.unload("2")
    deployer.unload("2")
    assert set(serving.loaded) == {("late", "1")}
    deployer.unload("1")
    deployer.unload("1")
    assert serving.loaded == {}
    deployer.load("1")
    assert set(serving.loaded) == {("late", "1")}


def test_a_version_that_does_not_exist_is_an_error_and_leaves_nothing(side):
    deployer, serving, folder = side
    deployer.load("1")
    with pytest.raises(NotFound):
        deployer.load("7")
    assert set(serving.loaded) == {("late", "1")}
    assert not (folder / "late" / "7").exists()


@pytest.fixture
def folder(tmp_path):
    """A deployer of a server with a folder; the server, the registry and the folder."""
    registry, serving = twins.Registry(), twins.InferenceServer(find, tmp_path)
    with (
        twins.serve(registry, serving) as server,
        mlflow.Client(server.url) as client,
        open_inference.Client(server.url) as oip,
    ):
        joints = Joints(registry=client, serving=oip)
        yield FolderDeployer(joints, "late", tmp_path, {}), serving, registry, tmp_path


@pytest.mark.parametrize("name", ["model.lgb", "model.txt", "late.bst"])
def test_the_folder_holds_the_booster_and_its_settings(folder, name):
    deployer, _, registry, path = folder
    registry.add("late", files={"requirements.txt": b"x", name: b"tree"})
    deployer.load("1")
    assert (path / "late/1/model.bst").read_bytes() == b"tree"
    assert json.loads((path / "late/1/model-settings.json").read_text()) == {
        "name": "late",
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": "./model.bst", "version": "1"},
    }
    deployer.unload("1")
    assert not (path / "late/1").exists()


def test_an_unload_that_was_cut_short_is_finished(folder):
    deployer, serving, registry, path = folder
    for _ in EXPECTED:
        deployer.load(registry.add("late", files={"model.lgb": b"tree"}))
    (path / "late/2/model-settings.json").unlink()
    deployer.unload("2")
    assert set(serving.loaded) == {("late", "1")}
    assert not (path / "late/2").exists()


def test_a_version_that_the_server_cannot_load_does_not_stay_in_the_folder(folder):
    deployer, serving, registry, path = folder
    deployer.load(registry.add("late", files={"model.lgb": b"tree"}))

    def refuse(model: str) -> None:
        raise NotFound("bad tree", status=404)

    deployer._serving.load, kept = refuse, deployer._serving.load
    with pytest.raises(NotFound):
        deployer.load(registry.add("late", files={"model.lgb": b"bad"}))
    deployer._serving.load = kept
    assert [p.name for p in (path / "late").iterdir() if p.name[0] != "."] == ["1"]
    assert set(serving.loaded) == {("late", "1")}


def test_a_version_without_a_booster_says_what_it_has(folder):
    deployer, _, registry, _ = folder
    registry.add("late", files={"model.pkl": b"", "MLmodel": b""})
    with pytest.raises(UnsupportedServerError) as caught:
        deployer.load("1")
    assert str(caught.value) == (
        "version 1 of late has no LightGBM booster. its artifacts are MLmodel, model.pkl. "
        "serve it with Dovetail, or log the model with MLflow's lightgbm flavour."
    )


HOSTILE = [
    "..",
    ".",
    "",
    "a/b",
    "../../etc",
    "/abs",
    ".hidden",
    "a\\b",
    "1\n",
    "-rf",
    "a%2fb",
    "\x00",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_leave_the_folder_are_refused(folder, name):
    deployer, _, _, path = folder
    before = set(path.rglob("*"))
    for order in (deployer.load, deployer.unload):
        with pytest.raises(InvalidInputError):
            order(name)
    with pytest.raises(InvalidInputError):
        FolderDeployer(Joints(registry=None, serving=None), name, path, {})
    assert set(path.rglob("*")) == before


def routed(weights: dict[str, float]) -> Counter:
    deployer = FolderDeployer(Joints(registry=None, serving=None), "late", Path("unused"), weights)
    chosen = [deployer.route(f"request-{i}") for i in range(20_000)]
    assert chosen == [deployer.route(f"request-{i}") for i in range(20_000)]
    return Counter(chosen)


def test_routing_keeps_the_shares_and_repeats_itself():
    shares = routed({"1": 80.0, "2": 20.0})
    assert shares["2"] / 20_000 == pytest.approx(0.2, abs=0.01)
    assert shares.keys() == {"1", "2"}


def test_routing_with_one_version_or_none():
    assert routed({"3": 100.0}) == {"3": 20_000}
    assert routed({}) == {None: 20_000}


def test_a_new_split_moves_only_what_it_must():
    deployer = FolderDeployer(Joints(registry=None, serving=None), "m", Path("unused"), {})
    ids = [str(i) for i in range(5000)]
    deployer.split({"1": 80.0, "2": 20.0})
    before = [deployer.route(i) for i in ids]
    deployer.split({"1": 60.0, "2": 40.0})
    after = [deployer.route(i) for i in ids]
    assert all(new == "2" for old, new in zip(before, after, strict=True) if old == "2")


def answer(*arrays: np.ndarray) -> InferenceResponse:
    outputs = tuple(from_array(f"output{i}", array) for i, array in enumerate(arrays))
    return InferenceResponse(model_name="late", outputs=outputs)


@pytest.mark.parametrize(
    "given",
    [
        [np.array([0.2, 0.7])],
        [np.array([[0.2], [0.7]])],
        [np.array([[0.8, 0.2], [0.3, 0.7]])],
        [np.array([0, 1]), np.array([[0.8, 0.2], [0.3, 0.7]])],
    ],
    ids=["[rows]", "[rows, 1]", "[rows, 2]", "labels before probabilities"],
)
def test_scores_are_found_in_every_usual_shape(given):
    assert positive_scores(answer(*given), 2).tolist() == [0.2, 0.7]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([np.zeros((2, 3))], "the output has shape [2, 3] for 2 rows"),
        ([np.zeros((1, 2))], "the output has shape [1, 2] for 2 rows"),
        ([np.zeros((2, 1, 1))], "the output has shape [2, 1, 1] for 2 rows"),
        ([np.array([0.5, np.nan])], "values are missing or not from 0 to 1"),
        ([np.array([0.5, -1.2])], "values are missing or not from 0 to 1"),
        ([], "there is no output"),
    ],
    ids=["classes", "turned", "deep", "missing", "margins", "empty"],
)
def test_what_is_no_probability_is_refused(given, why):
    with pytest.raises(NoProbabilityError, match="the answer of late cannot be compared") as caught:
        positive_scores(answer(*given), 2)
    assert why in str(caught.value)


def test_a_server_without_either_way_is_named(tmp_path):
    serving = twins.InferenceServer(find, tmp_path)
    with (
        twins.serve(serving) as server,
        open_inference.Client(server.url) as oip,
        pytest.raises(UnsupportedServerError) as caught,
    ):
        make_deployer(Joints(registry=None, serving=oip), "late", "", {})
    assert str(caught.value) == (
        "twin 1 cannot load a version from a registry. "
        "name its model repository folder with [loop] repository."
    )
