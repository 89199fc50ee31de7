"""What a server is that serves one compiled model: small, and without the library that made it."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

HEAVY = ("sklearn", "scipy", "pandas", "pyarrow", "skops", "lightgbm", "xgboost", "onnx", "torch")
MOST_MB = 120

SERVE = """
    import os, sys
    import httpx
    from dovetail.serving.piece import piece
    from dovetail.serving.settings import ServingSettings
    from dovetail.web.testing import run_piece
    from tests.unit.serving.conftest import wait_ready

    settings = ServingSettings(models=(f"lr={sys.argv[1]}",))
    with run_piece(piece, settings, state=sys.argv[2]) as running:
        wait_ready(running.url)
        rows = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]}
        answer = httpx.post(f"{running.url}/v2/models/lr/infer", json={"inputs": [rows]})
        assert answer.status_code == 200, answer.text
        page = httpx.get(f"{running.url}/v2/models/lr").json()
        assert page["platform"] == "dovetail_linear", page
        pages, size = open("/proc/self/statm").read().split()[1], os.sysconf("SC_PAGE_SIZE")
    print(int(pages) * size / 2**20, *sys.modules)
"""


def test_one_compiled_model_takes_no_library_and_little_memory(tmp_path):
    linear = pytest.importorskip("sklearn.linear_model")
    skops = pytest.importorskip("skops.io")
    rows = np.random.default_rng(0).normal(size=(200, 4))
    file = tmp_path / "lr.skops"
    skops.dump(linear.LogisticRegression().fit(rows, rows[:, 0] > 0), file)
    command = [sys.executable, "-c", textwrap.dedent(SERVE), str(file), str(tmp_path / "state")]
    for start in ("first", "second"):
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        memory, *modules = said.splitlines()[-1].split()
        assert not {name.partition(".")[0] for name in modules} & set(HEAVY), start
        assert float(memory) < MOST_MB, start
