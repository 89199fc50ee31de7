"""Two tracking servers on one PostgreSQL and one artifact folder behave as one."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from dovetail.wire.http import Conflict, NotFound, WireError
from dovetail.wire.mlflow import Client, Metric

pytestmark = pytest.mark.e2e


@pytest.fixture
def replicas(tmp_path: Path, postgres_url: str, free_port) -> Iterator[tuple[Client, Client]]:
    processes, urls = [], []
    try:
        for number in range(2):
            port = free_port()
            command = [sys.executable, "-m", "dovetail.cli", "tracking", "run"]
            command += ["--port", str(port), "--db", postgres_url]
            command += ["--artifacts", str(tmp_path / "artifacts")]
            command += ["--state", str(tmp_path / f"state{number}")]
            with (tmp_path / f"log{number}").open("wb") as log:
                processes.append(subprocess.Popen(command, stderr=log, stdout=log, cwd=tmp_path))
            urls.append(f"http://127.0.0.1:{port}")
        for url in urls:  # both make the tables of an empty database at the same time
            _wait(url)
        with Client(urls[0]) as one, Client(urls[1]) as two:
            yield one, two
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)


def _wait(url: str) -> None:
    for _ in range(1200):
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("a server did not start")


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make calls at the same time and return their answers, errors included."""
    answers: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(number: int) -> None:
        gate.wait()
        try:
            answers[number] = calls[number]()
        except WireError as error:
            answers[number] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_what_one_took_the_other_tells(replicas: tuple[Client, Client]) -> None:
    one, two = replicas
    experiment = one.create_experiment("flights")
    run = two.create_run(experiment, name="first").info
    one.log_batch(run.run_id, metrics=[Metric("auc", 0.7, 1, 1)], params={"depth": "6"})
    two.log_batch(run.run_id, metrics=[Metric("auc", 0.8, 2, 2)], tags={"team": "x"})
    one.update_run(run.run_id)
    path = f"{experiment}/{run.run_id}/artifacts/model/a.txt"
    two.put_artifact(path, b"trees")
    one.create_registered_model("flights")
    version = two.create_model_version("flights", f"mlflow-artifacts:/{path}", run_id=run.run_id)
    one.set_alias("flights", "champion", str(version.version))
    for client in (one, two):
        found = next(client.search_runs([experiment], filter="metrics.auc > 0.75"))
        assert (found.info.status, found.data.params[0].value) == ("FINISHED", "6")
        assert [m.step for m in client.get_metric_history(run.run_id, "auc")] == [1, 2]
        assert client.get_artifact(path) == b"trees"
        assert client.get_alias("flights", "champion").run_id == run.run_id
    two.delete_alias("flights", "champion")
    with pytest.raises(NotFound):
        one.get_alias("flights", "champion")


@pytest.mark.parametrize("make", [Client.create_experiment, Client.create_registered_model])
def test_a_name_is_taken_once(
    make: Callable[[Client, str], object], replicas: tuple[Client, Client]
) -> None:
    for turn in range(20):
        answers = at_once([partial(make, client, f"n{turn}") for client in replicas * 2])
        refused = [answer for answer in answers if isinstance(answer, Conflict)]
        assert len(refused) == 3, answers


def test_versions_are_numbered_without_a_gap(replicas: tuple[Client, Client]) -> None:
    replicas[0].create_registered_model("flights")
    make = [partial(client.create_model_version, "flights", "s3://b/m") for client in replicas]
    numbers = []
    for _ in range(10):
        numbers += [int(answer.version) for answer in at_once(make * 3)]
    assert sorted(numbers) == list(range(1, 61))


def test_a_parameter_has_one_value(replicas: tuple[Client, Client]) -> None:
    run = replicas[0].create_run("0").info.run_id
    for turn in range(20):
        calls = [
            partial(client.log_batch, run, params={f"p{turn}": str(n)})
            for n, client in enumerate(replicas * 2)
        ]
        answers = at_once(calls)
        kept = next(n for n, answer in enumerate(answers) if answer is None)
        assert [answer is None for answer in answers].count(True) == 1
        found = {p.key: p.value for p in replicas[1].get_run(run).data.params}
        assert found[f"p{turn}"] == str(kept)


def test_the_newest_point_stands_whoever_took_it(replicas: tuple[Client, Client]) -> None:
    run = replicas[0].create_run("0").info.run_id
    calls = [
        partial(
            client.log_batch,
            run,
            metrics=[Metric("auc", n + i / 100, i, n * 100 + i) for i in range(100)],
        )
        for n, client in enumerate(replicas * 4)
    ]
    assert at_once(calls) == [None] * 8
    (newest,) = replicas[1].get_run(run).data.metrics
    assert (newest.step, newest.value) == (799, 7.99)
    steps = [point.step for point in replicas[0].get_metric_history(run, "auc")]
    assert sorted(steps) == list(range(800))


def test_a_page_token_of_one_is_good_at_the_other(replicas: tuple[Client, Client]) -> None:
    from dovetail.wire.mlflow import SearchRuns, endpoints

    one = replicas[0]
    experiment = one.create_experiment("pages")
    made = [one.create_run(experiment, name=f"r{i}").info.run_id for i in range(25)]
    seen, token = [], None
    for turn in range(4):
        asked = SearchRuns(experiment_ids=(experiment,), max_results=10, page_token=token)
        page = replicas[turn % 2].call(endpoints.SEARCH_RUNS, asked)
        seen += [run.info.run_id for run in page.runs]
        if not (token := page.next_page_token):
            break
    assert sorted(seen) == sorted(made)
