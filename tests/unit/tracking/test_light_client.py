"""The light client against a real server: what a script logs arrives once, whatever dies."""

import json
import logging
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from dovetail import tracking
from dovetail.tracking.cli import commands
from dovetail.tracking.client.journal import Journal, journals
from dovetail.tracking.client.records import Point, encode
from dovetail.tracking.piece import piece
from dovetail.web.serve import RunningApp
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import Client


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningApp]:
    with run_piece(piece, state=tmp_path / "state") as running:
        yield running


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def only_run(server: RunningApp, experiment: str = "flights") -> Any:
    with tracking.connect(server.url) as client:
        number = client.get_experiment_by_name(experiment).experiment_id
        (run,) = client.search_runs([number])
        return run


def start(server: RunningApp, spool: Path, **more: Any) -> tracking.Run:
    return tracking.start_run("flights", uri=server.url, spool=spool, **more)


def test_a_script_logs_and_the_server_has_it(
    server: RunningApp, spool: Path, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/a.txt").write_text("trees")
    with start(server, spool, name="first", params={"depth": 6}, tags={"team": "x"}) as run:
        for step in range(2500):
            run.log_metrics({"auc": step / 2500, "loss": -step}, step)
        run.log_metric("odd", math.nan)
        run.log_metric("odd", math.inf, 1)
        run.log_artifact(tmp_path / "model")
        run.log_text("hello", "notes/a.txt")
        run.register_model("flights", alias="champion", tags={"from": "test"})
    found = only_run(server)
    assert (found.info.run_name, found.info.status) == ("first", "FINISHED")
    assert {p.key: p.value for p in found.data.params} == {"depth": "6"}
    tags = {t.key: t.value for t in found.data.tags}
    assert (tags["team"], tags["dovetail.key"]) == ("x", run.key)
    assert tags["mlflow.source.type"] == "LOCAL"
    with tracking.connect(server.url) as client:
        points = list(client.get_metric_history(found.info.run_id, "auc"))
        assert [(p.step, p.value) for p in points] == [(s, s / 2500) for s in range(2500)]
        odd = [p.value for p in client.get_metric_history(found.info.run_id, "odd")]
        assert str(odd) == str([math.nan, 1.7976931348623157e308])
        root = f"{found.info.experiment_id}/{found.info.run_id}/artifacts"
        assert client.get_artifact(f"{root}/model/a.txt") == b"trees"
        assert client.get_artifact(f"{root}/notes/a.txt") == b"hello"
        champion = client.get_alias("flights", "champion")
    assert (champion.version, champion.run_id) == ("1", found.info.run_id)
    assert list(spool.iterdir()) == []


def test_metrics_are_seen_while_training_goes_on(server: RunningApp, spool: Path) -> None:
    with start(server, spool) as run:
        run.log_metric("loss", 1.0)
        assert run.flush()
        assert run.id == only_run(server).info.run_id
        assert [m.value for m in only_run(server).data.metrics] == [1.0]
        assert only_run(server).info.status == "RUNNING"


def test_a_run_is_continued(server: RunningApp, spool: Path) -> None:
    with start(server, spool) as first:
        first.log_metric("loss", 2.0, 1)
    with start(server, spool, run_id=first.id) as second:
        second.log_metric("loss", 1.0, 2)
    found = only_run(server)
    assert (second.id, found.info.status) == (first.id, "FINISHED")
    assert [(m.step, m.value) for m in found.data.metrics] == [(2, 1.0)]


def test_an_exception_ends_the_run_as_failed(server: RunningApp, spool: Path) -> None:
    with pytest.raises(ZeroDivisionError), start(server, spool) as run:
        run.log_metric("loss", 1 / 0)
    assert only_run(server).info.status == "FAILED"


def test_what_cannot_be_logged_is_told_and_never_raised(
    server: RunningApp, spool: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dovetail.tracking")
    with start(server, spool, params={"depth": 6}) as run:
        run.log_metric("text", "high")
        run.log_metric("bad\nname", 1.0)
        run.log_metric("fine", 1.0)
        run.log_param("depth", 7)
        run.log_param("long", "x" * 7000)
        run.log_artifact(tmp_path / "missing.txt")
    run.log_metric("late", 1.0)
    found = only_run(server)
    assert [m.key for m in found.data.metrics] == ["fine"]
    params = {p.key: p.value for p in found.data.params}
    assert (params["depth"], len(params["long"])) == ("6", 6000)
    told = " ".join(caplog.messages)
    for part in (
        "metric 'text' is not logged",
        "the tracking server refuses Point(key='bad",
        "param 'depth' stays '6'",
        "param 'long' is cut to 6000 characters",
        "missing.txt is not logged",
        "the run has ended",
    ):
        assert part in told


def test_a_server_that_is_away_does_not_hold_training_up(
    tmp_path: Path, spool: Path, free_port
) -> None:
    port = free_port()
    began = time.process_time()
    with tracking.start_run("flights", uri=f"http://127.0.0.1:{port}", spool=spool) as run:
        for step in range(1000):
            run.log_metric("loss", 1 / (step + 1), step)
    assert time.process_time() - began < 2
    assert run.id is None
    assert [journal.key for journal in journals(spool)] == [run.key]
    with run_piece(piece, state=tmp_path / "state", port=port) as server:
        assert tracking.resend(spool) == {run.key: ""}
        assert tracking.resend(spool) == {}
        found = only_run(server)
        assert found.info.status == "FINISHED"
        with tracking.connect(server.url) as client:
            points = list(client.get_metric_history(found.info.run_id, "loss"))
        assert [p.step for p in points] == list(range(1000))
    assert list(spool.iterdir()) == []


def test_the_next_run_sends_what_an_earlier_one_could_not(
    tmp_path: Path, spool: Path, free_port
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tracking.start_run("flights", "lost", uri=url, spool=spool) as lost:
        lost.log_metric("loss", 1.0)
    with run_piece(piece, state=tmp_path / "state", port=port) as server:
        with tracking.start_run("flights", "next", uri=url, spool=spool):
            pass
        for _ in range(200):
            if not journals(spool):
                break
            time.sleep(0.05)
        with tracking.connect(server.url) as client:
            number = client.get_experiment_by_name("flights").experiment_id
            names = {run.info.run_name for run in client.search_runs([number])}
        assert names == {"lost", "next"}


class LossyProxy(httpx.BaseTransport):
    """Delivers every request and loses every other answer."""

    def __init__(self) -> None:
        self._inner, self.count = httpx.HTTPTransport(), 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        response.read()
        self.count += 1
        if request.method != "GET" and self.count % 2:
            raise httpx.ReadError("the answer is lost")
        return response

    def close(self) -> None:
        self._inner.close()


def test_lost_answers_double_nothing(server: RunningApp, spool: Path, tmp_path: Path) -> None:
    from dovetail.tracking.client.delivery import Delivery
    from dovetail.wire.http import WireError

    run = tracking.start_run("flights", uri="http://127.0.0.1:9", spool=spool, params={"a": 1})
    for step in range(3000):
        run.log_metric("loss", step, step)
    run.log_text("x", "a.txt")
    run.register_model("flights", "model")
    run.close(timeout=5)
    (journal,) = journals(spool)
    assert journal.claim()
    proxy = LossyProxy()
    delivery = Delivery(journal, lambda uri: Client(server.url, transport=proxy))
    for _ in range(100):
        try:
            while delivery.step():
                pass
            break
        except WireError:
            continue
    delivery.close()
    assert delivery.delivered
    found = only_run(server)
    with tracking.connect(server.url) as client:
        points = list(client.get_metric_history(found.info.run_id, "loss"))
        versions = list(client.search_model_versions("name = 'flights'"))
    assert [p.step for p in points] == list(range(3000))
    assert [v.version for v in versions] == ["1"]


SCRIPT = """
import sys, time
from dovetail import tracking
run = tracking.start_run("flights", uri=sys.argv[1], spool=sys.argv[2])
for step in range(10**9):
    run.log_metric("loss", step, step)
    print(step, flush=True)
"""


def test_a_killed_script_loses_nothing_that_it_logged(server: RunningApp, spool: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, server.url, str(spool)]
    script = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert script.stdout is not None
    for line in script.stdout:
        if int(line) > 5000:
            break
    os.kill(script.pid, signal.SIGKILL)
    logged = [line for line in script.stdout if line.endswith("\n")]
    script.stdout.close()
    script.wait()
    last = int(logged[-1]) if logged else 5001
    (key,) = tracking.resend(spool)
    found = only_run(server)
    assert found.info.status == "KILLED"
    assert {t.key: t.value for t in found.data.tags}["dovetail.key"] == key
    with tracking.connect(server.url) as client:
        steps = [p.step for p in client.get_metric_history(found.info.run_id, "loss")]
    assert steps[: last + 1] == list(range(last + 1))
    assert len(steps) == len(set(steps))


def test_a_server_killed_in_the_middle_gets_everything_once(
    tmp_path: Path, spool: Path, free_port
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "dovetail.cli", "tracking", "run", "--port", str(port)]
    command += ["--state", str(tmp_path / "state")]
    url = f"http://127.0.0.1:{port}"

    def serve() -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=tmp_path)
        for _ in range(600):
            try:
                if httpx.get(f"{url}/health").is_success:
                    return process
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the server did not start")

    process = serve()
    run = tracking.start_run("flights", uri=url, spool=spool)
    for step in range(20_000):
        run.log_metric("loss", step, step)
        if step in (5_000, 12_000):
            run.flush(0.3)
            process.kill()
            process.wait()
            process = serve()
    try:
        while not run.flush(10):
            time.sleep(0.1)
        run.close()
        with tracking.connect(url) as client:
            assert run.id is not None
            steps = [p.step for p in client.get_metric_history(run.id, "loss")]
        assert steps == list(range(20_000))
    finally:
        process.terminate()
        process.wait()


def test_a_forked_worker_logs_too(server: RunningApp, spool: Path) -> None:
    with start(server, spool) as run:
        run.log_metric("parent", 1.0)
        child = os.fork()
        if child == 0:
            run.log_metric("child", 2.0)
            os._exit(0)
        os.waitpid(child, 0)
    keys = {m.key for m in only_run(server).data.metrics}
    assert keys == {"parent", "child"}


def test_a_deleted_run_is_set_aside_with_the_reason(
    server: RunningApp, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = start(server, spool)
    assert run.flush()
    run.close()
    with start(server, spool, run_id="0" * 32) as lost:
        lost.log_metric("loss", 1.0)
    assert journals(spool) == []
    why = (spool / lost.key / "refused.txt").read_text()
    assert f"Run with id={'0' * 32} not found" in why


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "key")
    journal.append(Point("a", 1.0, 1, 1))
    (segment,) = journal.segments()
    with (journal.folder / segment).open("ab") as file:
        file.write(encode(Point("a", 2.0, 2, 2))[:-5])
    assert [record for record, _ in journal.read(segment, 0)] == [Point("a", 1.0, 1, 1)]


def test_long_journals_are_cut_and_removed_as_they_are_sent(
    server: RunningApp, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dovetail.tracking.client.journal.SEGMENT_BYTES", 10_000)
    with start(server, spool) as run:
        for step in range(5000):
            run.log_metric("loss", step, step)
        assert run.flush()
        assert len(Journal(spool / run.key).segments()) == 1
    assert len(only_run(server).data.metrics) == 1


def test_the_command_sends_and_says_so(tmp_path: Path, spool: Path, free_port) -> None:
    port = free_port()
    with tracking.start_run("flights", uri=f"http://127.0.0.1:{port}", spool=spool) as run:
        run.log_metric("loss", 1.0)
    runner = CliRunner()
    away = runner.invoke(commands, ["resend", "--spool", str(spool), "--json"])
    assert away.exit_code == 1
    assert "no answer" in json.loads(away.stdout)[run.key]
    with run_piece(piece, state=tmp_path / "state", port=port):
        done = runner.invoke(commands, ["resend", "--spool", str(spool)])
    assert (done.exit_code, done.stdout) == (0, f"{run.key}: delivered\n")
    again = runner.invoke(commands, ["resend", "--spool", str(spool)])
    assert (again.exit_code, again.stdout) == (0, "Nothing is left to send.\n")


def test_importing_it_brings_no_server_along() -> None:
    servers = ("sqlalchemy", "starlette", "uvicorn", "jinja2")
    code = f"import sys, dovetail.tracking; print([m for m in {servers} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
