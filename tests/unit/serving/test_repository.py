"""Versions come and go without a lost request, and are there again after a restart."""

import shutil
import threading
import time

import httpx
import pytest

ROW = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [0.5, -1, 3, 0.2]}]}
LOAD = "/v2/repository/models/late/load"
UNLOAD = "/v2/repository/models/late/unload"


def load(server, uri, **parameters):
    return httpx.post(server.url + LOAD, json={"parameters": {"uri": uri, **parameters}})


def infer(server, request_id="r", version=""):
    path = f"/v2/models/late{f'/versions/{version}' if version else ''}/infer"
    answer = httpx.post(server.url + path, json={"id": request_id, **ROW})
    assert answer.status_code == 200, answer.text
    return answer.json()["model_version"], answer.json()["outputs"][0]["data"][0]


def states(server):
    index = httpx.post(server.url + "/v2/repository/index").json()
    return {entry["version"]: (entry["state"], entry["reason"]) for entry in index}


def until(check):
    for _ in range(200):
        if check():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def test_a_version_loads_beside_the_others_and_takes_no_traffic(run):
    with run() as server:
        assert load(server, "models:/late/1").status_code == 200
        assert load(server, "models:/late/2").status_code == 200
        assert {infer(server, f"r{i}")[0] for i in range(20)} == {"1"}
        assert infer(server, version="2")[0] == "2"
        assert infer(server, version="2")[1] != infer(server, version="1")[1]
        assert httpx.get(server.url + "/v2/models/late").json()["versions"] == ["1", "2"]


def test_traffic_is_divided_by_request_id_and_survives_a_restart(run):
    with run() as server:
        load(server, "models:/late/1")
        load(server, "models:/late/2")
        traffic = server.url + "/v2/models/late/traffic"
        assert httpx.get(traffic).json() == {"weights": {"1": 1.0, "2": 0.0}}
        assert httpx.put(traffic, json={"weights": {"1": 50, "2": 50}}).status_code == 200
        before = [infer(server, f"r{i}")[0] for i in range(40)]
        assert set(before) == {"1", "2"}
    with run(joints={"tracking": "http://127.0.0.1:9"}) as server:  # the registry is down
        assert [infer(server, f"r{i}")[0] for i in range(40)] == before
        assert httpx.get(server.url + "/v2/models/late/traffic").json() == {
            "weights": {"1": 50.0, "2": 50.0}
        }


def test_a_request_without_an_id_gets_one_when_traffic_is_divided(run):
    with run() as server:
        load(server, "models:/late/1")
        load(server, "models:/late/2")
        httpx.put(server.url + "/v2/models/late/traffic", json={"weights": {"1": 1, "2": 1}})
        answer = httpx.post(server.url + "/v2/models/late/infer", json=ROW)
        assert len(answer.json()["id"]) == 32


def test_one_version_is_unloaded_and_its_traffic_goes_to_the_other(run):
    with run() as server:
        load(server, "models:/late/1")
        load(server, "models:/late/2")
        answer = httpx.post(server.url + UNLOAD, json={"parameters": {"version": "1"}})
        assert answer.status_code == 200
        assert infer(server)[0] == "2"
        assert states(server) == {"1": ("UNAVAILABLE", "unloaded"), "2": ("READY", "")}
        gone = httpx.post(server.url + "/v2/models/late/versions/1/infer", json=ROW)
        assert gone.status_code == 404
        assert gone.json()["error"] == (
            "model 'late' version '1' is unloaded. "
            "POST /v2/repository/models/late/load loads it again."
        )
    with run() as server:
        assert states(server)["1"] == ("UNAVAILABLE", "unloaded")
        assert httpx.post(server.url + LOAD).status_code == 200
        assert {state for state, _ in states(server).values()} == {"READY"}
        assert infer(server)[0] == "2"


def test_an_alias_is_followed_without_a_lost_request(run, registry):
    registry.aliases["late", "champion"] = "1"
    with run("models:/late@champion") as server:
        seen, failed, stop = [], [], threading.Event()

        def ask():
            with httpx.Client(base_url=server.url) as client:
                while not stop.is_set():
                    answer = client.post("/v2/models/late/infer", json=ROW)
                    if answer.status_code != 200:
                        failed.append(answer.text)
                    else:
                        seen.append(answer.json()["model_version"])

        asking = [threading.Thread(target=ask) for _ in range(3)]
        for thread in asking:
            thread.start()
        for version in ("2", "3"):
            registry.aliases["late", "champion"] = version
            until(lambda v=version: seen and seen[-1] == v)
        until(lambda: states(server)["2"][0] == "UNAVAILABLE")
        stop.set()
        for thread in asking:
            thread.join()
        assert failed == []
        assert states(server)["3"] == ("READY", "")


def test_a_followed_alias_keeps_what_someone_asked_for(run, registry):
    registry.aliases["late", "champion"] = "1"
    with run("models:/late@champion") as server:
        load(server, "models:/late/1")  # to compare with, for ever
        registry.aliases["late", "champion"] = "2"
        until(lambda: infer(server)[0] == "2")
        assert states(server)["1"] == ("READY", "")
        assert infer(server, version="1")[0] == "1"


def test_a_canary_is_left_alone_until_the_alias_moves(run, registry):
    registry.aliases["late", "champion"] = "1"
    with run("models:/late@champion") as server:
        load(server, "models:/late/2")
        httpx.put(server.url + "/v2/models/late/traffic", json={"weights": {"1": 9, "2": 1}})
        time.sleep(0.3)
        assert httpx.get(server.url + "/v2/models/late/traffic").json() == {
            "weights": {"1": 9.0, "2": 1.0}
        }
        registry.aliases["late", "champion"] = "2"
        until(lambda: {infer(server, f"r{i}")[0] for i in range(20)} == {"2"})


def test_an_alias_that_is_not_there_yet_is_waited_for(run, registry):
    with run("models:/late@champion") as server:
        assert "alias champion not found" in httpx.get(server.url + "/serving").text
        registry.aliases["late", "champion"] = "1"
        until(lambda: states(server).get("1") == ("READY", ""))
        assert infer(server)[0] == "1"


def test_a_bad_version_fails_alone_and_keeps_the_reason(run, registry):
    (registry.root / "2" / "model.lgb").write_text("tree\nversion=v4\n")
    with run() as server:
        load(server, "models:/late/1")
        answer = load(server, "models:/late/2")
        assert answer.status_code == 400
        assert "the file is truncated" in answer.json()["error"]
        assert infer(server)[0] == "1"
        assert states(server)["2"][0] == "UNAVAILABLE"
        assert "truncated" in states(server)["2"][1]
        refused = httpx.post(server.url + "/v2/models/late/versions/2/infer", json=ROW)
        assert refused.status_code == 503
        assert "truncated" in refused.json()["error"]


def test_files_that_changed_on_disk_are_not_served(run, tmp_path):
    with run() as server:
        load(server, "models:/late/1")
        load(server, "models:/late/2")
    kept = tmp_path / "state" / "serving" / "models" / "late" / "1" / "model" / "model.lgb"
    kept.write_text(kept.read_text().replace("leaf_value=", "leaf_value=9", 1))
    with run() as server:
        assert "are not those that were loaded" in states(server)["1"][1]
        assert infer(server)[0] == "2"


REFUSED = {
    "outside the folders": ("/etc/hosts", 403, "outside the folders"),
    "by a file URL": ("file:///etc/hosts", 403, "outside the folders"),
    "by dots": ("may/../../../etc/hosts", 403, "outside the folders"),
    "a web address": ("http://169.254.169.254/latest", 400, "not a place to load a model from"),
    "an object store": ("s3://bucket/model", 400, "not a place to load a model from"),
    "no such version": ("models:/late/99", 404, "models:/late/99 is not in the registry"),
}


@pytest.mark.parametrize(("uri", "status", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_place_that_is_not_allowed_is_refused(run, uri, status, message):
    with run() as server:
        answer = load(server, uri)
        assert answer.status_code == status, answer.text
        assert message in answer.json()["error"]


def test_a_path_in_an_allowed_folder_loads_under_any_version(run, tmp_path, model_file):
    (tmp_path / "may").mkdir()
    shutil.copy(model_file, tmp_path / "may" / "late.txt")
    with run() as server:
        assert load(server, str(tmp_path / "may" / "late.txt"), version="7").status_code == 200
        assert infer(server)[0] == "7"


HOSTILE_LISTINGS = {
    "dots": [{"path": "../../escape"}],
    "a slash at the end": [{"path": "a/.."}],
    "a backslash": [{"path": "..\\escape"}],
}


@pytest.mark.parametrize("listed", HOSTILE_LISTINGS.values(), ids=HOSTILE_LISTINGS.keys())
def test_a_registry_cannot_write_outside_the_folder(run, registry, tmp_path, listed):
    registry.listed["1"] = listed
    with run() as server:
        assert load(server, "models:/late/1").status_code >= 400
    assert not list(tmp_path.rglob("escape"))


def test_a_registry_that_names_a_path_is_held_to_the_allowed_folders(run, registry):
    registry.sources["late", "1"] = "file:///etc"
    with run() as server:
        assert load(server, "models:/late/1").status_code == 403
