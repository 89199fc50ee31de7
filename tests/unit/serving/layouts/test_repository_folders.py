"""A folder of models is served as MLServer and Triton serve theirs."""

import shutil

import pytest
from tests.unit.serving.layouts.conftest import adder, until

READY = ("READY", "")


def test_both_layouts_and_bare_files_are_served_side_by_side(folder, serve):
    folder.mlserver("a", 1)
    folder.triton("b", v1=2)
    folder.put("c.onnx", adder(3))
    folder.put("group/d/model.onnx", adder(4))
    folder.put("README.md", "no model")
    with serve() as client:
        assert client.states() == {(name, "1"): READY for name in "abcd"}
        assert [client.added(name)[1] for name in "abcd"] == [1, 2, 3, 4]


def test_one_bad_model_is_in_the_index_with_the_reason_and_the_others_serve(folder, serve):
    folder.mlserver("good")
    folder.mlserver("custom", implementation="my_code.Runtime")
    folder.put("half/1/model.onnx", adder()[:40])
    folder.put("text/model-settings.json", "{")
    with serve() as client:
        states = client.states()
        assert states.pop(("good", "1")) == READY
        assert {state for state, _ in states.values()} == {"UNAVAILABLE"}
        assert "'my_code.Runtime' is a runtime of MLServer" in states["custom", ""][1]
        assert "it is not JSON" in states["text", ""][1]
        assert str(folder.root / "half") in states["half", "1"][1]
        assert client.added("good") == ("1", 1)
        assert client.get("/v2/models/custom/ready").status_code == 503


def test_load_reads_the_model_anew_and_unload_lets_it_go(folder, serve):
    folder.mlserver("a", 1)
    folder.mlserver("b", 1)
    with serve() as client:
        assert client.unload("a").status_code == 200
        assert client.states()["a", "1"] == ("UNAVAILABLE", "unloaded")
        assert client.get("/v2/models/a").status_code == 404
        folder.mlserver("a", 5)
        folder.mlserver("b", 5)
        assert client.load("a").status_code == 200
        assert (client.added("a"), client.added("b")) == (("1", 5), ("1", 1))
        assert client.load("nothing").status_code == 404


def test_a_new_folder_is_listed_and_loaded_when_a_client_asks(folder, serve):
    folder.mlserver("a")
    with serve() as client:
        folder.triton("b", v1=2)
        assert client.states() == {("a", "1"): READY, ("b", "1"): ("UNAVAILABLE", "unloaded")}
        assert client.load("b").status_code == 200
        assert client.added("b") == ("1", 2)


def test_polling_finds_what_is_new_changed_and_gone(folder, serve):
    folder.mlserver("a", 1)
    with serve(repository_seconds=0.05) as client:
        folder.mlserver("b", 2)
        until(lambda: client.states().get(("b", "1")) == READY)
        folder.mlserver("a", 7)
        until(lambda: client.added("a") == ("1", 7))
        shutil.rmtree(folder.root / "b")
        until(lambda: client.states()["b", "1"][0] == "UNAVAILABLE")
        assert "no longer in the repository" in client.states()["b", "1"][1]


def test_a_model_that_was_half_written_is_loaded_once_it_is_whole(folder, serve):
    file = folder.put("a/1/model.onnx", adder(3)[:40])
    with serve(repository_seconds=0.05) as client:
        assert client.states()["a", "1"][0] == "UNAVAILABLE"
        file.write_bytes(adder(3))
        until(lambda: client.states()["a", "1"] == READY)
        assert client.added("a") == ("1", 3)


def test_explicit_mode_loads_nothing_by_itself(folder, serve):
    folder.mlserver("a")
    folder.mlserver("b")
    with serve(repository_loads=False) as client:
        assert set(client.states().values()) == {("UNAVAILABLE", "unloaded")}
        assert client.load("a").status_code == 200
        assert client.states()["a", "1"] == READY
        assert client.states()["b", "1"] == ("UNAVAILABLE", "unloaded")


def test_after_a_restart_the_folder_decides(folder, serve):
    folder.mlserver("a", 1)
    folder.mlserver("b", 1)
    with serve():
        pass
    folder.mlserver("a", 9)
    shutil.rmtree(folder.root / "b")
    with serve() as client:
        assert client.added("a") == ("1", 9)
        assert client.states()["b", "1"][0] == "UNAVAILABLE"


def test_a_folder_that_cannot_be_reached_leaves_the_kept_models_serving(folder, serve):
    folder.mlserver("a", 1)
    with serve():
        pass
    folder.root.rename(folder.root.with_name("away"))
    with serve() as client:
        assert client.added("a") == ("1", 1)


def test_the_newest_version_by_number_answers_and_a_divided_traffic_stays(folder, serve):
    folder.triton("m", "version_policy: { all {} }", v2=2, v9=9, v10=10)
    with serve() as client:
        assert client.get("/v2/models/m").json()["versions"] == ["2", "9", "10"]
        assert client.added("m") == ("10", 10)
        folder.triton("m", None, v11=11)
        client.load("m")
        assert client.added("m") == ("11", 11)
        path = "/v2/models/m/traffic"
        import httpx

        httpx.put(client.url + path, json={"weights": {"9": 1}})
        folder.triton("m", None, v12=12)
        client.load("m")
        assert client.added("m") == ("9", 9)
        assert client.get("/v2/models/m/versions/12").status_code == 200


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("", ["10"]),
        ("version_policy: { latest { num_versions: 2 } }", ["9", "10"]),
        ("version_policy: { specific { versions: [2, 9] } }", ["2", "9"]),
        ("version_policy { all: {} }", ["2", "9", "10"]),
    ],
    ids=["default", "latest", "specific", "all"],
)
def test_the_version_policy_is_kept(folder, serve, policy, served):
    folder.triton("m", policy, v2=2, v9=9, v10=10)
    with serve() as client:
        assert client.get("/v2/models/m").json()["versions"] == served


def test_the_version_before_is_unloaded_when_a_newer_one_is_loaded(folder, serve):
    folder.triton("m", v1=1)
    with serve() as client:
        folder.triton("m", v2=2)
        client.load("m")
        assert client.added("m") == ("2", 2)
        assert client.get("/v2/models/m").json()["versions"] == ["2"]


def test_versions_in_mlservers_way_are_folders_of_one_name(folder, serve):
    for number in (1, 9, 10):
        folder.mlserver(
            f"m-{number}",
            number,
            name="m",
            parameters={"uri": "./model.onnx", "version": f"v{number}"},
        )
    with serve() as client:
        assert sorted(client.get("/v2/models/m").json()["versions"]) == ["v1", "v10", "v9"]
        assert client.added("m") == ("v10", 10)


@pytest.mark.parametrize("key", ["config", "file:1/model.onnx"])
def test_models_sent_by_clients_are_refused(folder, serve, key):
    folder.mlserver("a")
    with serve() as client:
        answer = client.load("a", **{key: "{}"})
        assert answer.status_code == 400
        assert f"load parameter '{key}' is not taken" in answer.json()["error"]


def test_what_failed_elsewhere_is_not_taken_for_a_folder_that_is_gone(folder, serve, tmp_path):
    folder.mlserver("a")
    (tmp_path / "may").mkdir()
    file = tmp_path / "may/other.onnx"
    file.write_bytes(adder()[:40])
    with serve(repository_seconds=0.05, folders=(str(tmp_path / "may"),)) as client:
        assert client.load("other", uri=str(file)).status_code == 400
        folder.mlserver("b")
        until(lambda: client.states().get(("b", "1")) == READY)
        assert "cannot be loaded" in client.states()["other", "1"][1]
