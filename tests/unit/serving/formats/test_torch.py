"""PyTorch's two formats of programs are served by name, from trusted sources alone."""

import subprocess
import sys
import warnings
import zipfile

import httpx
import numpy as np
import pytest

from dovetail.base.errors import UnavailableError, UntrustedError
from dovetail.serving import BadModelError, BadTensorError, InferenceFailedError, Model, formats
from dovetail.serving.formats import torch_predictors
from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import run_piece

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, x, ids):
        logits = self.layer(x) + ids.to(torch.float32)
        return {"logits": logits, "chance": logits.softmax(-1)}


class Two(torch.nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor, scale: float = 2.0):
        return x * scale, x + y


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An archive whose rows may be 1 to 64."""
    file = tmp_path_factory.mktemp("torch") / "net.pt2"
    rows = torch.export.Dim("rows", min=1, max=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            Net().eval(),
            (torch.zeros(2, 3), torch.zeros(2, 1, dtype=torch.int64)),
            dynamic_shapes={"x": {0: rows}, "ids": {0: rows}},
        )
        torch.export.save(program, str(file))
    return file


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    file = tmp_path_factory.mktemp("torch") / "two.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Two()).save(str(file))
    return file


X = np.arange(6, dtype=np.float32).reshape(2, 3)
IDS = np.array([[1], [2]])


def test_an_archive_is_served_under_the_names_it_was_exported_with(exported):
    model = Model.load(exported, trusted=True)
    expected = Net().eval()(torch.from_numpy(X), torch.from_numpy(IDS))
    found = model.infer({"x": X, "ids": IDS})
    for name, tensor in expected.items():
        np.testing.assert_allclose(found[name], tensor.detach().numpy(), rtol=1e-6)
    said = model.describe()
    assert said.platform == "pytorch_export"
    assert [(t.name, t.datatype, tuple(t.shape)) for t in said.inputs] == [
        ("x", "FP32", (-1, 3)),
        ("ids", "INT64", (-1, 1)),
    ]
    assert [(t.name, tuple(t.shape)) for t in said.outputs] == [
        ("logits", (-1, 2)),
        ("chance", (-1, 2)),
    ]


def test_tritons_names_and_doubles_are_understood(exported):
    model = Model.load(exported, trusted=True)
    found = model.infer({"INPUT__0": X.astype(np.float64), "INPUT__1": IDS}, ("chance",))
    assert list(found) == ["chance"]


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ({"x": X}, "missing: ids"),
        ({"x": X, "ids": IDS.astype(np.float32)}, "takes INT64"),
        ({"x": X[:, :2], "ids": IDS}, r"takes \[-1, 3\]"),
        ({"x": np.zeros((65, 3), np.float32), "ids": np.zeros((65, 1), np.int64)}, "<= 64"),
        ({"x": X, "ids": IDS[:1]}, "Guard failed"),
    ],
    ids=["missing", "type", "width", "rows", "rows differ"],
)
def test_tensors_that_do_not_fit_are_the_clients_error(exported, tensors, why):
    with pytest.raises(BadTensorError, match=why):
        Model.load(exported, trusted=True).infer(tensors)


def test_a_script_takes_its_arguments_by_name_or_by_place(script):
    model = Model.load(script, trusted=True)
    for names in (("x", "y"), ("INPUT__0", "INPUT__1")):
        found = model.infer({names[0]: X.astype(np.float64), names[1]: X})
        assert found["OUTPUT__0"].tolist() == (X * 2).tolist()
        assert found["OUTPUT__1"].tolist() == (X + X).tolist()
        assert found["OUTPUT__0"].dtype == np.float32
    with pytest.raises(BadTensorError, match="takes the tensors x, y"):
        model.infer({"x": X, "z": X})
    with pytest.raises(InferenceFailedError, match="size of tensor"):
        model.infer({"x": X, "y": X[:, :2]})


def test_the_bytes_of_a_request_are_not_written(script):
    frozen = X.copy()
    frozen.flags.writeable = False
    model = Model.load(script, trusted=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.infer({"x": frozen, "y": frozen})


@pytest.mark.parametrize("kind", ["exported", "script"])
def test_without_trust_nothing_is_opened(kind, request):
    with pytest.raises(UntrustedError, match="could execute code when it is opened"):
        formats.load(request.getfixturevalue(kind))


def test_weights_without_a_program_are_named_as_such(tmp_path):
    torch.save({"w": torch.zeros(2)}, tmp_path / "state.pt")
    with pytest.raises(BadModelError, match=r"a pickle of weights.*torch\.export\.save"):
        formats.load(tmp_path / "state.pt", trusted=True)
    (tmp_path / "net").mkdir()
    (tmp_path / "net/model.safetensors").touch()
    (tmp_path / "net/config.json").touch()
    with pytest.raises(BadModelError, match="weights and no program"):
        formats.load(tmp_path / "net", trusted=True)


@pytest.mark.parametrize("kind", ["exported", "script"])
@pytest.mark.parametrize("trusted", [True, False])
def test_damaged_files_are_refused(kind, trusted, request, tmp_path):
    whole = request.getfixturevalue(kind)
    half = tmp_path / whole.name
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises((BadModelError, UntrustedError), match="truncated or"):
        formats.load(half, trusted=trusted)
    with zipfile.ZipFile(half, "w") as archive:
        archive.writestr("net/code/__torch__.py", "no program")
    with pytest.raises((BadModelError, UntrustedError)):
        formats.load(half, trusted=trusted)


def test_an_archive_of_another_kind_is_refused(script, tmp_path):
    (tmp_path / "two.pt2").write_bytes(script.read_bytes())
    with pytest.raises(BadModelError, match="PyTorch cannot read it"):
        formats.load(tmp_path / "two.pt2", trusted=True)


def test_entries_that_lead_out_of_the_archive_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pt2", "w") as archive:
        archive.writestr("../../escape", "x")
    with pytest.raises(BadModelError, match="leads out of the archive"):
        formats.load(tmp_path / "x.pt2", trusted=True)


def test_a_repository_declares_what_a_script_leaves_open(script, tmp_path):
    root = tmp_path / "models"
    (root / "two/1").mkdir(parents=True)
    (root / "two/1/model.pt").write_bytes(script.read_bytes())
    (root / "two/config.pbtxt").write_text("""
        platform: "pytorch_libtorch" max_batch_size: 8
        input [ { name: "INPUT__0" data_type: TYPE_FP32 dims: 3 },
                { name: "INPUT__1" data_type: TYPE_FP32 dims: 3 } ]
        output { name: "OUTPUT__0" data_type: TYPE_FP32 dims: 3 }""")
    settings = ServingSettings(repository=(str(root),), trusted=(str(root),))
    with run_piece(piece, settings, state=tmp_path / "state") as server:
        while httpx.get(f"{server.url}/v2/health/ready").status_code != 200:
            pass
        said = httpx.get(f"{server.url}/v2/models/two").json()
        assert said["inputs"][1] == {"name": "INPUT__1", "datatype": "FP32", "shape": [-1, 3]}
        assert [output["name"] for output in said["outputs"]] == ["OUTPUT__0"]

        def ask(width):
            tensors = [
                {"name": f"INPUT__{i}", "shape": [1, width], "datatype": "FP32",
                 "data": [1.0] * width}
                for i in range(2)
            ]  # fmt: skip
            return httpx.post(f"{server.url}/v2/models/two/infer", json={"inputs": tensors})

        assert ask(3).json()["outputs"][0]["data"] == [2.0] * 3
        assert ask(4).status_code == 400


def test_without_pytorch_the_way_to_get_it_is_said(monkeypatch, script):
    torch_predictors.library.cache_clear()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UnavailableError, match="pip install torch"):
        formats.load(script, trusted=True)


def test_a_server_without_such_a_model_never_imports_pytorch():
    code = (
        "import sys, dovetail.serving.piece, dovetail.serving.formats.torch;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
