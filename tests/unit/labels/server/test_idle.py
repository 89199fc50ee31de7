"""A server that nobody asks anything yet is up in a moment and small."""

import sys
import time
from pathlib import Path

import pytest
from tests.unit.labels.server.test_hard import answers, serve

HEAVY = ("numpy", "polars", "PIL", "pyarrow", "sklearn")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says what a process has loaded")
def test_an_idle_server_has_loaded_nothing_that_computes(api_at, free_port, tmp_path):
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = serve(tmp_path / "state", port, log)
        try:
            answers(f"http://127.0.0.1:{port}")
            labels = api_at(f"http://127.0.0.1:{port}")
            project = labels.project()
            labels.load(project, [{"text": "one"}])
            task = labels.get(f"/api/projects/{project}/next")["id"]
            labels.post(f"/api/tasks/{task}/annotations/", {"result": []})
            time.sleep(0.5)  # what listens to annotations works in threads
            of_process = Path("/proc", str(process.pid))
            maps, status = (of_process / "maps").read_text(), (of_process / "status").read_text()
        finally:
            process.terminate()
            process.wait(20)
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    assert [name for name in HEAVY if f"/{name}" in maps] == []
    assert int(resident.split()[1]) < 95_000, resident
