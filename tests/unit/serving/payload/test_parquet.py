"""Payload files: whole, readable by any table engine, right in every row."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import httpx
import numpy as np
import pytest

from dovetail.serving.payload import PayloadSink

pl = pytest.importorskip("polars")
parquet = pytest.importorskip("pyarrow.parquet")

LATE = "/v2/models/late/infer"


def matrix(rows, id, **more):
    data = np.asarray(rows, float)
    tensor = {
        "name": "x", "shape": list(data.shape), "datatype": "FP64", "data": data.ravel().tolist(),
    }  # fmt: skip
    return {"id": id, "inputs": [tensor], **more}


def ask(server, body, path=LATE, **headers):
    answer = httpx.post(server.url + path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def read(folder):
    return pl.read_parquet(f"{folder}/**/*.parquet").sort("time", "id", "row")


def test_rows_of_requests_are_rows_of_files(run, tmp_path, model_file):
    sink = PayloadSink(to=f"{tmp_path}/log", headers=("X-Tenant",))
    with run(f"late={model_file}", payload_sinks=(sink,)) as server:
        parameters = {"event_time": "2013-04-01T10:00:00Z", "role": "shadow"}
        one = matrix([[0.5, -1, 3, 0.25]], "a", parameters=parameters)
        two = matrix([[1, 2, 3, 4], [5, 6, 7, 8]], "b")
        answers = [ask(server, one, **{"X-Tenant": "acme"}), ask(server, two)]
        assert not list(tmp_path.glob("log/**/*.parquet")), "a file shows only when it is whole"
    found = read(tmp_path / "log")
    names = ["Column_0", "Column_1", "Column_2", "Column_3"]
    assert found.columns == [
        "time", "id", "row", "model", "version", "role", "headers",
        *(f"request.{name}" for name in names), "response.predict",
    ]  # fmt: skip
    assert found["id"].to_list() == ["a", "b", "b"]
    assert found["row"].to_list() == [0, 0, 1]
    assert found["role"].to_list() == ["shadow", "live", "live"]
    assert found["time"][0] == datetime(2013, 4, 1, 10, tzinfo=UTC)
    assert set(found["model"]) == {"late"}
    assert set(found["version"]) == {"1"}
    (file,) = tmp_path.rglob("*.parquet")
    headers = parquet.read_table(file)["headers"].to_pylist()
    assert headers == [[("X-Tenant", "acme")], [], []]
    assert found.select([f"request.{name}" for name in names]).rows()[1:] == [
        (1, 2, 3, 4), (5, 6, 7, 8),
    ]  # fmt: skip
    outputs = [value for answer in answers for value in answer["outputs"][0]["data"]]
    assert found["response.predict"].to_list() == outputs


def test_what_is_no_table_is_kept_as_json(run, tmp_path):
    (tmp_path / "echo.identity").touch()
    tensors = [
        {"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "data": [1, 2, 3, 4]},
        {"name": "words", "shape": [2], "datatype": "BYTES", "data": ["a", "ü"]},
    ]
    with run(f"echo={tmp_path / 'echo.identity'}", payload_log=f"{tmp_path}/log/") as server:
        ask(server, {"id": "j", "inputs": tensors}, "/v2/models/echo/infer")
        lists = {"name": "m", "shape": [2, 3], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}
        words = {"name": "w", "shape": [2, 1], "datatype": "BYTES", "data": ["x", "y"]}
        ask(server, {"id": "t", "inputs": [lists, words]}, "/v2/models/echo/infer")
    files = sorted(tmp_path.glob("log/echo/1/*.parquet"))
    whole = [pl.read_parquet(file) for file in files]
    whole.sort(key=lambda table: table["id"][0])
    (request,) = whole[0]["request"].str.json_decode(pl.Struct({"inputs": pl.List(pl.Struct(
        {"name": pl.String, "shape": pl.List(pl.Int64)})) })).to_list()  # fmt: skip
    assert request["inputs"] == [
        {"name": "image", "shape": [1, 2, 2]}, {"name": "words", "shape": [2]},
    ]  # fmt: skip
    assert whole[1]["request.m"].to_list() == [[1, 2, 3], [4, 5, 6]]
    assert whole[1]["response.w"].to_list() == ["x", "y"]


def test_files_are_closed_by_time_and_by_size(run, tmp_path, model_file, until):
    sink = PayloadSink(to=f"{tmp_path}/log", file_seconds=0.1)
    with run(f"late={model_file}", payload_sinks=(sink,)) as server:
        ask(server, matrix([[1, 2, 3, 4]], "a"))
        until(lambda: len(list(tmp_path.glob("log/**/*.parquet"))) == 1)
        ask(server, matrix([[1, 2, 3, 4]], "b"))
        until(lambda: len(list(tmp_path.glob("log/**/*.parquet"))) == 2)
    assert read(tmp_path / "log")["id"].to_list() == ["a", "b"]
    sink = PayloadSink(to=f"{tmp_path}/sized", file_mb=1)
    with run(f"late={model_file}", payload_sinks=(sink,)) as server:
        for number in range(5):
            ask(server, matrix(np.ones((10_000, 4)), f"r{number}"))
        until(lambda: len(list(tmp_path.glob("sized/**/*.parquet"))) >= 1)
    assert read(tmp_path / "sized").height == 50_000


def test_names_of_models_stay_in_the_folder(run, tmp_path, model_file):
    with run(f"..={model_file}", payload_log=f"{tmp_path}/log/") as server:
        ask(server, matrix([[1, 2, 3, 4]], "a"), "/v2/models/%2E%2E/infer")
    (file,) = tmp_path.rglob("*.parquet")
    assert file.parent == tmp_path / "log" / "%2E." / "1"


def test_a_disk_that_is_full_loses_nothing_that_waits(run, tmp_path, model_file, until):
    (tmp_path / "log").write_text("a file where the folder should be")
    sink = PayloadSink(to=f"{tmp_path}/log", file_seconds=0.05)
    with run(f"late={model_file}", payload_sinks=(sink,)) as server:
        for number in range(3):
            ask(server, matrix([[1, 2, 3, 4]], f"r{number}"))
            time.sleep(0.1)
        until(lambda: httpx.get(f"{server.url}/serving.json").json()["payload_problem"])
        (tmp_path / "log").unlink()
    assert read(tmp_path / "log")["id"].to_list() == ["r0", "r1", "r2"]


def test_a_process_that_is_killed_leaves_nothing_half_written(tmp_path, until):
    """Killed while it writes file after file: what shows is whole, what was hidden is swept."""
    script = tmp_path / "writes.py"
    script.write_text(
        """
import sys
import numpy as np
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from dovetail.serving.payload import PayloadSink
from dovetail.serving.payload.parquet import ParquetSink
from dovetail.serving.payload.records import Record
from dovetail.serving.questions import Question

sink = ParquetSink(Path(sys.argv[1]), PayloadSink(to=sys.argv[1], file_seconds=1e-9))
model = SimpleNamespace(name="m", version="1", columns=())
x = np.random.default_rng(0).normal(size=(200_000, 3))
while True:
    question = Question("m", "", {"x": x}, id="i")
    reply = SimpleNamespace(model=model, outputs={"y": x[:, 0]}, body=None, error="")
    sink.take([Record(datetime.now(UTC), question, reply, 1)])
"""
    )
    folder = tmp_path / "log"
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, str(script), str(folder)])
        before = len(list(folder.rglob("*.parquet")))
        until(lambda before=before: len(list(folder.rglob("*.parquet"))) > before, 60)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    for file in folder.rglob("*.parquet"):
        assert pl.read_parquet(file).height == 200_000
    stale = folder / "m" / "1" / f".20200101T000000Z-{_host()}-{_dead()}-000000.parquet.tmp"
    stale.write_bytes(b"half")
    other = folder / "m" / "1" / ".20200101T000000Z-elsewhere-1-000000.parquet.tmp"
    other.write_bytes(b"another host's, perhaps being written")
    writer = subprocess.Popen([sys.executable, str(script), str(folder)])
    try:
        until(lambda: not stale.exists(), 60)
    finally:
        writer.kill()
        writer.wait()
    assert other.exists()


def _host():
    import socket
    from urllib.parse import quote

    return quote(socket.gethostname(), safe="").replace("-", "_")


def _dead():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert child.pid != os.getpid()
    return child.pid


def test_duckdb_reads_them_too(run, tmp_path, model_file):
    duckdb = pytest.importorskip("duckdb")
    with run(f"late={model_file}", payload_log=f"{tmp_path}/log/") as server:
        ask(server, matrix([[1, 2, 3, 4]], "a"))
    found = duckdb.sql(f"select id, version from '{tmp_path}/log/*/*/*.parquet'").fetchall()
    assert found == [("a", "1")]


@pytest.mark.parametrize(
    ("more", "told"), [({}, 2), ({"failed": False}, 0), ({"log": "response"}, 0)]
)
def test_requests_that_fail_have_files_of_their_own(run, tmp_path, model_file, more, told):
    with run(
        f"late={model_file}", payload_sinks=(PayloadSink(to=f"{tmp_path}/log", **more),)
    ) as server:
        ask(server, matrix([[0.5, -1, 3, 0.25]], "fine"))
        wrong = matrix([[1, 2], [3, 4]], "wrong")
        answer = httpx.post(f"{server.url}/v2/models/late/infer", json=wrong)
        assert answer.status_code == 400
    fine = pl.read_parquet(f"{tmp_path}/log/late/**/*.parquet")
    assert fine["id"].to_list() == ["fine"]
    assert "error" not in fine.columns
    failed = [pl.read_parquet(file) for file in tmp_path.glob("log/_failed/late/1/*.parquet")]
    assert sum(len(one) for one in failed) == told
    for one in failed:
        assert set(one["id"]) == {"wrong"}
        assert set(one["error"]) == {"bad-tensor"}
        assert not [name for name in one.columns if name.startswith("response")]
