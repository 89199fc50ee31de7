"""What a person is told who mistypes a name, names no registry, or asks before all is loaded."""

import httpx
import pytest
from tests.unit.serving.layouts.conftest import adder

from dovetail.base.clock import SystemClock
from dovetail.base.errors import SettingsError
from dovetail.cli import main
from dovetail.serving.errors import did_you_mean
from dovetail.serving.follow import Follower
from dovetail.serving.layouts.catalog import is_repository
from dovetail.serving.payload import PayloadLog, PayloadSink
from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import run_piece

LATE = "/v2/models/late"
ROWS = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]}]}


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url) as client:
        yield client


def load(client, name, **parameters):
    path = f"/v2/repository/models/{name}/load"
    return client.post(path, json={"parameters": parameters})


def test_a_model_that_is_nearly_known(client):
    said = "model 'lte' is not known. did you mean 'late'? POST /v2/repository/index lists the"
    for path in ("/v2/models/lte", "/v2/models/lte/versions/1"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"].startswith(said)


def test_strangers_cannot_have_many_names_compared():
    assert did_you_mean("late", [f"m{n}" for n in range(500)] + ["late2"]) == ""


def test_an_output_that_the_model_has_not(client):
    answer = client.post(f"{LATE}/infer", json={**ROWS, "outputs": [{"name": "predcit"}]})
    assert answer.status_code == 400
    assert answer.json()["error"] == (
        "model 'late' has no output 'predcit'. did you mean 'predict'? it has: predict."
    )


def test_a_load_parameter_that_would_be_ignored(client):
    answer = load(client, "late", url="late.txt")
    assert answer.status_code == 400
    assert answer.json()["error"] == (
        "the load parameter 'url' is not known. did you mean 'uri'? those that are taken: uri,"
        " version."
    )


def test_a_file_that_is_not_there_is_told_once(client, model_file):
    missing = model_file.parent / "nothing.onnx"
    answer = load(client, "nothing", uri=str(missing))
    said = f"model {str(missing)!r} cannot be loaded. it does not exist."
    assert (answer.status_code, answer.json()["error"]) == (400, said)


def test_a_registry_that_nobody_named(client):
    answer = load(client, "flights", uri="models:/flights@champion")
    assert answer.status_code == 503
    assert "start the server with --registry URL" in answer.json()["error"]


def test_a_model_of_the_settings_that_cannot_be_had_yet(tmp_path, until):
    settings = ServingSettings(models=("models:/flights@champion",))
    with run_piece(piece, settings, state=tmp_path) as running:
        until(lambda: httpx.get(f"{running.url}/v2/health/ready").status_code == 200)
        answer = httpx.get(f"{running.url}/v2/models/flights/ready")
    assert answer.status_code == 503
    assert "models:/ URIs need a registry, and none is named" in answer.json()["error"]


def test_a_model_whose_turn_has_not_come():
    follower = Follower(None, None, None, ["late.txt", "f=models:/flights@champion"], 1)
    assert follower.awaited() == {"late": "", "f": ""}
    follower.has_looked = True
    assert follower.awaited() == {}
    follower.problems["late.txt"] = "no answer"
    assert follower.awaited() == {"late": "no answer"}


def test_a_model_that_is_awaited_is_in_the_index(tmp_path, until):
    settings = ServingSettings(models=("models:/flights@champion",))
    with run_piece(piece, settings, state=tmp_path) as running:
        until(lambda: httpx.get(f"{running.url}/v2/health/ready").status_code == 200)
        (entry,) = httpx.post(f"{running.url}/v2/repository/index").json()
    assert entry["reason"].startswith("models:/ URIs need a registry")
    assert (entry["name"], entry["version"], entry["state"]) == ("flights", "", "UNAVAILABLE")


def test_a_model_that_could_not_be_loaded_can_be_forgotten(client, model_file):
    broken = model_file.parent / "broken.onnx"
    broken.write_bytes(adder()[:40])
    assert load(client, "broken", uri=str(broken)).status_code == 400
    again = client.post("/v2/repository/models/broken/load", json={})
    assert again.status_code == 503
    assert again.json()["error"].endswith("say with uri where to load it from.")
    assert client.post("/v2/repository/models/broken/unload", json={}).status_code == 200
    names = [entry["name"] for entry in client.post("/v2/repository/index").json()]
    assert "broken" not in names


def test_an_address_without_http(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serving", "list", "--url", "127.0.0.1:8080"])
    assert ended.value.code == 1
    assert "does not begin with http:// or https://" in capsys.readouterr().err


FOLDERS = {
    "one model": (["a.onnx"], False),
    "one model with its data": (["a.onnx", "weights.bin"], False),
    "several models": (["a.onnx", "b.txt"], True),
    "one of them in a folder": (["a.onnx", "b/1/model.onnx"], True),
    "a model by its usual name": (["model.onnx", "scaler.pkl", "parts/model.onnx"], False),
    "versions of one in two forms": (["a.onnx", "a.pt"], False),
}


@pytest.mark.parametrize(("files", "is_one"), FOLDERS.values(), ids=FOLDERS)
def test_a_folder_is_one_model_or_many(tmp_path, files, is_one):
    for name in files:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(adder() if name.endswith("onnx") else b"tree\nversion=v4\n")
    assert is_repository(tmp_path) is is_one


def test_two_files_of_one_name(tmp_path, capsys):
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(adder())
    with pytest.raises(SystemExit) as ended:
        main(["serving", "run", f"m={tmp_path}/a.onnx", f"m={tmp_path}/b.onnx"])
    assert ended.value.code == 2
    assert "would both be the model 'm'. give one of them another name" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["s3://bucket/requests", "ftp://host/requests", "late"])
def test_a_payload_log_to_a_place_that_is_none(place):
    with pytest.raises(SettingsError, match=f"a payload log cannot go to {place!r}"):
        PayloadLog([PayloadSink(to=place)], lambda _: None, SystemClock())
