"""Several processes serve one repository, and each says the same of it."""

import time

import pytest
from tests.unit.serving.layouts.conftest import adder
from tests.unit.serving.test_workers import Workers

pytestmark = pytest.mark.timeout(240)


def patient(condition, seconds=100):
    """Wait as long as a busy machine needs."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def test_every_worker_knows_what_is_served_and_why_something_is_not(folder, tmp_path):
    folder.triton("good", v1=1)
    folder.put("half/1/model.onnx", adder()[:40])
    folder.mlserver("custom", implementation="my.Runtime")
    server = Workers(tmp_path, "--repository", str(folder.root), count=2)
    try:
        patient(lambda: "answers on" in server.said())
        server.url = server.said().partition("answers on ")[2].split(",")[0].split()[0]
        patient(lambda: server.get("/v2/health/ready").status_code == 200)

        def index():
            found = server.post("/v2/repository/index").json()
            return {(e["name"], e["version"]): (e["state"], e["reason"]) for e in found}

        first = index()
        assert first["good", "1"] == ("READY", "")
        assert "cannot be loaded" in first["half", "1"][1]
        assert "my.Runtime" in first["custom", ""][1]
        assert all(index() == first for _ in range(20))
        assert all(server.get("/v2/models/half/ready").status_code == 503 for _ in range(20))
        folder.put("half/1/model.onnx", adder())
        assert server.post("/v2/repository/models/half/load").status_code == 200
        assert all(index()["half", "1"] == ("READY", "") for _ in range(20))
    finally:
        server.stop()
