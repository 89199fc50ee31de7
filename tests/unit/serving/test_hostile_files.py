"""A damaged or hostile model fails alone: it says why, runs nothing, and the others answer."""

import io
import json
import os
import pickle
import shutil
import struct
import time
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.unit.serving.layouts.conftest import Client, Folder, adder

from dovetail.serving.formats import onnx_guard
from dovetail.serving.layouts.card import Card, content_of
from dovetail.serving.layouts.placing import place
from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import run_piece

onnx = pytest.importorskip("onnx")
TensorProto, helper = onnx.TensorProto, onnx.helper
FLOAT = TensorProto.FLOAT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = Folder(tmp_path_factory.mktemp("hostile") / "models")
    found.triton("good", v1=1)
    return found


@pytest.fixture(scope="module")
def client(folder):
    """A server with one good model, to whose repository each test adds a bad one."""
    trusted = str(folder.root / "trusted")
    settings = ServingSettings(repository=(str(folder.root),), folders=(), trusted=(trusted,))
    with run_piece(piece, settings, state=folder.root.parent / "state") as server:
        while httpx.get(f"{server.url}/v2/health/ready").status_code != 200:
            time.sleep(0.05)
        yield Client(server)


def refused(client, model, why, status=400):
    """Load a model, and see that it fails alone."""
    answer = client.load(model)
    assert answer.status_code == status, answer.text
    assert why in answer.json()["error"]
    states = client.states()
    state, reason = next(found for (name, _), found in states.items() if name == model)
    assert (state, why in reason) == ("UNAVAILABLE", True)
    assert client.added("good") == ("1", 1)
    return answer.json()["error"]


# Damaged files


@pytest.fixture(scope="module")
def whole(tmp_path_factory, model_file):
    """A whole file of each format."""
    root = tmp_path_factory.mktemp("whole")
    found = {"m.onnx": adder(), "m.txt": model_file.read_bytes()}
    rows = np.random.default_rng(0).normal(size=(60, 3))
    label = (rows[:, 0] > 0).astype(int)
    xgboost = pytest.importorskip("xgboost")
    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(rows, label), 3)
    for name in ("m.json", "m.ubj"):
        booster.save_model(root / name)
        found[name] = (root / name).read_bytes()
    skops = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    found["m.skops"] = skops.dumps(LogisticRegression().fit(rows, label))
    return found


@pytest.mark.parametrize("name", ["m.onnx", "m.txt", "m.json", "m.ubj", "m.skops"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped"])
def test_a_damaged_file_fails_alone(client, folder, whole, name, damage):
    content = whole[name]
    if damage == "flipped":
        content = bytes(b ^ 0xFF if i % 97 == 5 else b for i, b in enumerate(content))
    else:
        content = content[: len(content) // 2] if damage == "truncated" else b""
    model = f"{damage}-{name.replace('.', '-')}"
    folder.put(f"{model}/1/{name}", content)
    answer = client.load(model)
    if answer.status_code == 200:  # a few bits of weights may change unseen; a structure may not
        assert damage == "flipped"
    else:
        assert answer.status_code in (400, 403), answer.text
        assert str(folder.root / model) in answer.json()["error"]
    assert client.added("good") == ("1", 1)


@pytest.mark.parametrize("suffix", ["pt", "pt2"])
def test_a_damaged_program_fails_alone_where_it_is_trusted(client, folder, suffix):
    pytest.importorskip("torch")
    model = f"half-{suffix}"
    folder.put(f"trusted/{model}/1/model.{suffix}", b"PK\x03\x04 half an archive")
    refused(client, model, "it is truncated or not PyTorch's")


# Code


class Bomb:
    """What leaves a file behind when it is opened."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (Path.touch, (self.target,))


SUFFIXES = (
    "pkl joblib pickle dill pt pth ts pt2 skops bst txt lgb json ubj onnx safetensors cbm model bin"
)


@pytest.mark.parametrize("suffix", SUFFIXES.split())
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a zip"])
def test_a_pickle_bomb_does_not_go_off_whatever_it_is_called(client, folder, suffix, wrapped):
    exploded = folder.root.parent / f"exploded-{suffix}-{wrapped}"
    content = pickle.dumps(Bomb(exploded))
    if wrapped:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name in ("data.pkl", "m/data.pkl", "m/code/x.py", "schema.json", "model.pkl"):
                archive.writestr(name, content)
        content = packed.getvalue()
    model = f"bomb-{suffix}-{wrapped}"
    folder.put(f"{model}/1/model.{suffix}", content)
    answer = client.load(model)
    assert answer.status_code in (400, 403), answer.text
    assert not exploded.exists()
    assert client.added("good") == ("1", 1)


@pytest.mark.parametrize("suffix", ["skops", "pt2", "pt"])
def test_an_archive_does_not_write_outside_its_folder(client, folder, suffix):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("../../../escaped", "/tmp/dovetail-escaped", "m/code/x.py", "schema.json"):
            archive.writestr(name, "{}")
    folder.put(f"slip-{suffix}/1/model.{suffix}", packed.getvalue())
    assert client.load(f"slip-{suffix}").status_code in (400, 403)
    assert not list(folder.root.parent.rglob("escaped"))
    assert not Path("/tmp/dovetail-escaped").exists()
    assert client.added("good") == ("1", 1)


# ONNX that asks for too much


def graph(nodes, constants=(), output=None, functions=(), opset=18, ir=9, given=("x", [None, 3])):
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(given[0], FLOAT, given[1])],
        [helper.make_tensor_value_info("y", FLOAT, output)],
        list(constants),
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    return helper.make_model(
        made, opset_imports=imports, ir_version=ir, functions=list(functions)
    ).SerializeToString()


def constant(name, values, kind=TensorProto.INT64):
    return helper.make_tensor(name, kind, np.shape(values), np.ravel(values))


def loop(body):
    """A graph that runs nodes from `a` to `b` for ever."""
    info = helper.make_tensor_value_info
    inner = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), body],
        "body",
        [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, []), info("a", FLOAT, None)],
        [info("d", TensorProto.BOOL, []), info("b", FLOAT, None)],
    )
    ever = [constant("n", 2**62), constant("t", True, TensorProto.BOOL)]
    return graph([helper.make_node("Loop", ["n", "t", "x"], ["y"], body=inner)], ever)


def giant():
    """An initializer that claims 10 GB and holds nothing."""
    tensor = TensorProto(name="c", data_type=FLOAT, dims=[50_000, 50_000])
    add = helper.make_node("Add", ["x", "c"], ["y"])
    return graph([add], [tensor], given=("x", [50_000, 50_000]))


def laughs(levels=40):
    """Functions that each call the one below twice."""
    made = []
    for level in range(levels):
        below = "Identity" if level == 0 else f"f{level - 1}"
        domain = "" if level == 0 else "local"
        nodes = [
            helper.make_node(below, ["a"], ["b"], domain=domain),
            helper.make_node(below, ["b"], ["c"], domain=domain),
        ]
        imports = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
        made.append(helper.make_function("local", f"f{level}", ["a"], ["c"], nodes, imports))
    return graph([helper.make_node(f"f{levels - 1}", ["x"], ["y"], domain="local")], functions=made)


def circle():
    """A function that calls itself."""
    imports = [helper.make_opsetid("local", 1)]
    node = helper.make_node("f", ["a"], ["b"], domain="local")
    made = helper.make_function("local", "f", ["a"], ["b"], [node], imports)
    return graph([helper.make_node("f", ["x"], ["y"], domain="local")], functions=[made])


def external(location):
    model = onnx.load_from_string(adder())
    tensor = model.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "12")):
        tensor.external_data.add(key=key, value=value)
    return model.SerializeToString()


double = [helper.make_node("Add", ["x", "x"], ["y"])]
REFUSED = {
    "giant": (giant, "exceeds the 2147483648 byte limit"),
    "laughs": (laughs, "its functions unfold to over 200000 nodes"),
    "circle": (circle, "calls itself"),
    "custom operator": (
        lambda: graph([helper.make_node("Foo", ["x"], ["y"], domain="evil")]),
        "evil",
    ),
    "newer format": (lambda: graph(double, ir=99), "Unsupported model IR version: 99"),
    "newer operators": (lambda: graph(double, opset=99), "support for models stamped"),
    "not protobuf": (lambda: b"\xff" * 4096, "Protobuf parsing failed"),
    "data above": (lambda: external("../../good/1/model.onnx"), "lies outside the folder"),
    "data anywhere": (lambda: external("/etc/passwd"), "lies outside the folder"),
    "data in no file": (lambda: external("."), "lies outside the folder"),
    "data missing": (lambda: external("weights.bin"), "does not exist"),
    "data with nul": (lambda: external("a\0b"), "lies outside the folder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_onnx_file_that_cannot_be_served_says_why(client, folder, case):
    make, why = REFUSED[case]
    model = f"onnx-{case.replace(' ', '-')}"
    folder.put(f"{model}/1/model.onnx", make())
    said = refused(client, model, why)
    assert "onnxruntime_src" not in said


def infer(client, model, rows=1):
    tensor = {"name": "x", "shape": [rows, 3], "datatype": "FP32", "data": [0.0] * 3 * rows}
    return client.post(f"/v2/models/{model}/infer", {"inputs": [tensor]})


BOMBS = {
    "constant": lambda: graph(
        [
            helper.make_node("ConstantOfShape", ["s"], ["c"]),
            helper.make_node("ReduceSum", ["c"], ["y"], keepdims=0),
        ],
        [constant("s", [500_000, 500_000])],
    ),
    "expand": lambda: graph(
        [helper.make_node("Expand", ["x", "s"], ["y"])], [constant("s", [400_000, 300_000, 3])]
    ),
    "random": lambda: graph([helper.make_node("RandomNormal", [], ["y"], shape=[10**6, 10**6])]),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_graph_that_asks_for_more_memory_than_there_is_fails_its_own_request(
    client, folder, case
):
    folder.put(f"memory-{case}/1/model.onnx", BOMBS[case]())
    assert client.load(f"memory-{case}").status_code == 200
    answer = infer(client, f"memory-{case}")
    assert answer.status_code == 500
    assert "is smaller than requested bytes" in answer.json()["error"]
    assert client.added("good") == ("1", 1)


def test_a_graph_that_loops_for_ever_is_ended_and_the_others_answer(client, folder, monkeypatch):
    monkeypatch.setattr(onnx_guard, "LOOP_SECONDS", 0.5)
    folder.put("ever/1/model.onnx", loop(helper.make_node("Add", ["a", "a"], ["b"])))
    assert client.load("ever").status_code == 200
    answer = infer(client, "ever")
    assert answer.status_code == 500
    assert "did not end within 0.5 s" in answer.json()["error"]
    assert client.added("good") == ("1", 1)


# Files that are no files, links, rights


def test_a_folder_where_a_file_is_expected(client, folder):
    (folder.root / "dir/1/model.onnx").mkdir(parents=True)
    refused(client, "dir", "format is not recognised")
    (folder.root / "config/config.pbtxt").mkdir(parents=True)
    refused(client, "config", "it is not a file")
    (folder.root / "settings/model-settings.json").mkdir(parents=True)
    refused(client, "settings", "it is not a file")


def test_a_pipe_is_not_waited_for(client, folder):
    folder.put("pipe/1/README", "")
    os.mkfifo(folder.root / "pipe/1/model.onnx")
    refused(client, "pipe", "is not a plain file")


def test_links_that_leave_the_repository_are_not_followed(client, folder):
    secret = folder.root.parent / "secret"
    secret.mkdir()
    (secret / "model.onnx").write_bytes(adder(99))
    (folder.root / "linked-model").symlink_to(secret)
    refused(client, "linked-model", "leads out of the repository")
    folder.put("linked-file/1/README", "")
    (folder.root / "linked-file/1/model.onnx").symlink_to(secret / "model.onnx")
    refused(client, "linked-file", "is a link that leads out of")
    (folder.root / "linked-version").mkdir()
    (folder.root / "linked-version/1").symlink_to(secret)
    refused(client, "linked-version", "leads out of the repository")
    folder.put("linked-data/1/model.onnx", external("weights.bin"))
    (folder.root / "linked-data/1/weights.bin").symlink_to("/etc/passwd")
    refused(client, "linked-data", "lies outside the folder")
    folder.put("circle-link/1/model.onnx", adder(5))
    (folder.root / "circle-link/1/again").symlink_to(folder.root / "circle-link")
    assert client.load("circle-link").status_code == 200
    assert client.added("circle-link") == ("1", 5)


def test_a_link_that_is_turned_round_after_it_was_looked_at_changes_nothing(tmp_path):
    for name in ("trusted", "evil"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.onnx").write_text(name)
    link = tmp_path / "m.onnx"
    link.symlink_to(tmp_path / "trusted/m.onnx")
    placed = place("m", "1", link, Card(layout="plain"), within=(tmp_path,))
    link.unlink()
    link.symlink_to(tmp_path / "evil/m.onnx")
    (tmp_path / "copy").mkdir()
    placed.write(tmp_path / "copy")
    assert placed.uri == (tmp_path / "trusted/m.onnx").as_uri()
    assert content_of(tmp_path / "copy/kept").read_text() == "trusted"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(client, folder):
    file = folder.put("rights/1/model.onnx", adder())
    file.chmod(0)
    refused(client, "rights", "Permission denied")


@pytest.mark.parametrize("name", ["über-modell", "a.b-c_d", "名前", "m" * 200])
def test_names_in_any_script_are_served(client, folder, name):
    folder.put(f"named-{len(name)}/model.onnx", adder(4))
    said = {"name": name, "parameters": {"uri": "./model.onnx"}}
    folder.put(f"named-{len(name)}/model-settings.json", json.dumps(said))
    assert client.load(name).status_code == 200
    assert client.added(name) == ("1", 4)
    shutil.rmtree(folder.root / f"named-{len(name)}")


@pytest.mark.parametrize("name", ["..", "a/b", "a\0b", "a\u202eb", "m" * 5000, ""])
def test_names_that_cannot_be_called_are_never_loaded(client, folder, name):
    folder.put("odd/model.onnx", adder())
    said = {"name": name or None, "parameters": {"uri": "./model.onnx", "version": "a/b"}}
    folder.put("odd/model-settings.json", json.dumps(said))
    refused(client, "odd", "name" if name else "cannot stand in a URL")
    shutil.rmtree(folder.root / "odd")


@pytest.mark.parametrize("name", ["..%2F..%2Fgood", "%00", "m" * 5000, "%2e%2e", "a%0Ab"], ids=str)
def test_a_client_cannot_name_its_way_out(client, folder, name):
    for verb in ("load", "unload"):
        answer = httpx.post(f"{client.url}/v2/repository/models/{name}/{verb}")
        assert answer.status_code in (400, 404), answer.text
    uri = str(folder.root / "good/1/model.onnx")
    body = {"parameters": {"uri": uri, "version": "9" * 5000}}
    answer = httpx.post(f"{client.url}/v2/repository/models/{name}/load", json=body)
    assert answer.status_code in (400, 403, 404), answer.text
    assert client.added("good") == ("1", 1)


# Requests that claim too much


SHAPES = {
    "10 GB": [50_000, 50_000],
    "past 64 bits": [2**63, 2**63],
    "empty and past": [0, 2**70],
    "negative": [-1, 3],
    "many axes": [1] * 100,
}


@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("datatype", ["FP32", "BYTES", "INT64"])
@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
def test_a_shape_that_the_data_does_not_have_costs_nothing(client, case, datatype, binary):
    tensor = {"name": "x", "shape": SHAPES[case], "datatype": datatype}
    if binary:
        raw = struct.pack("<I", 0) if datatype == "BYTES" else b"\0" * 8
        tensor["parameters"] = {"binary_data_size": len(raw)}
        head = json.dumps({"inputs": [tensor]}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head))}
        answer = httpx.post(
            f"{client.url}/v2/models/good/infer", content=head + raw, headers=headers
        )
    else:
        tensor["data"] = ["a"] if datatype == "BYTES" else [1]
        answer = client.post("/v2/models/good/infer", {"inputs": [tensor]})
    assert answer.status_code == 400, answer.text
    assert client.added("good") == ("1", 1)


@pytest.mark.parametrize("length", ["-1", str(2**63), "9" * 5000, "abc", "0"])
def test_a_header_that_lies_about_its_length(client, length):
    answer = httpx.post(
        f"{client.url}/v2/models/good/infer",
        content=b"{}",
        headers={"Inference-Header-Content-Length": length},
    )
    assert answer.status_code == 400, answer.text
    assert client.added("good") == ("1", 1)
