"""Every example runs as it stands, from an empty folder, and says what its story promises."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
FOLDER = Path(__file__).resolve().parents[2] / "examples"
STORIES = {
    "gate_a_registry": ("", "refused: ", "champion at ", "now: version 2"),
    "loop_recipe": ("lightgbm", "champion: version "),
    "point_in_time": ("polars", "delay_mean_3h"),
    "serve_onnx": ("onnx", "prices: [18.0, 25.5]"),
    "track_with_mlflow": ("mlflow", "best run: rate 0.1", "champion: version 1"),
    "versioned_table": ("deltalake", "written once: True", "refused: ", "rows are there: 200 True"),
    "watch_a_model": ("", "day 2", "wind moved +1.0 standard deviations"),
}


@pytest.mark.parametrize("name", STORIES)
def test_an_example_tells_its_story(name, tmp_path):
    library, *said = STORIES[name]
    if library and importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py")],
        capture_output=True, text=True, cwd=tmp_path, timeout=150,
        env={**os.environ, "PYTHONWARNINGS": "ignore" if library == "mlflow" else "error"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for phrase in said:
        assert phrase in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_every_example_is_run_and_listed():
    names = {path.stem for path in FOLDER.glob("*.py")}
    listed = (FOLDER / "README.md").read_text()
    assert names == set(STORIES)
    assert [name for name in names if f"[{name}.py]({name}.py)" not in listed] == []
