"""The demo's server as a real child process: started, killed, started again, ended."""

import os
import signal
import socket

import httpx
import msgspec
import pytest

from dovetail.app.demo.server import ServerProcess, _is_alive
from dovetail.app.demo.workspace import prepare
from dovetail.base.errors import UnavailableError

JOINTS = ("data", "features", "tracking", "serving", "monitoring", "loop")
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def workspace(tmp_path, monkeypatch, free_port):
    pytest.importorskip("tomli_w")
    monkeypatch.chdir(tmp_path)
    off = "\n".join(f'{name} = "off"' for name in JOINTS)
    (tmp_path / "dovetail.toml").write_text(f"[joints]\n{off}\n")
    return prepare(tmp_path / "demo", None, port=free_port())


def pid_of(workspace) -> int:
    return int(msgspec.json.decode((workspace.state / "server.json").read_bytes())["pid"])


def is_ready(workspace) -> bool:
    return httpx.get(f"{workspace.url}/readyz", trust_env=False).is_success


def test_a_server_that_was_killed_is_started_again_and_ended_at_the_end(workspace):
    with ServerProcess(workspace) as server:
        first = pid_of(workspace)
        assert is_ready(workspace)
        server.ensure()
        assert pid_of(workspace) == first

        os.kill(first, signal.SIGKILL)
        server._child.wait(20)
        server.ensure()
        second = pid_of(workspace)
        assert second != first
        assert is_ready(workspace)

        with ServerProcess(workspace) as another:
            assert another._pid == second
            assert another._child is None
            another._pid = None  # leave it to the first
    assert not _is_alive(second, server._child)
    assert not (workspace.state / "server.json").exists()


def test_a_note_that_names_a_stranger_is_not_believed(workspace):
    (workspace.state / "server.json").write_bytes(msgspec.json.encode({"pid": os.getpid()}))
    assert ServerProcess(workspace)._left_behind() is None


def test_a_taken_port_is_told_and_nothing_is_started(workspace):
    with socket.socket() as taken:
        taken.bind((workspace.server.host, workspace.server.port))
        taken.listen()
        with pytest.raises(UnavailableError, match="is in use"):
            ServerProcess(workspace).__enter__()
    assert not (workspace.state / "server.json").exists()


def test_a_server_that_cannot_start_says_why(workspace):
    workspace.config.write_text(workspace.config.read_text() + "[severing]\n")
    with pytest.raises(UnavailableError) as refused:
        ServerProcess(workspace).__enter__()
    assert "the demo's server ended while it started" in str(refused.value)
    assert "did you mean 'serving'?" in str(refused.value)
