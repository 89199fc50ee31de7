"""Tracking over MLflow's REST API: ours beside `mlflow server` and FastTrackML, in one run.

MLflow runs with one worker: more would not help one client and would cost it more memory. On
PostgreSQL the database's own CPU and memory count.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Connection, Figure, Server, at_rest, measure, measure_together
from benchmarks.tracking.populate import (
    API,
    METRICS,
    over_rest,
    through_mlflows_tables,
    through_our_tables,
)
from benchmarks.tracking.subjects import SUBJECTS, Subject, serving

PIECE = "tracking"
Work = Callable[[int], object]
POINTS = 100_000
GIGABYTE = 1 << 30


def experiment_of(connection: Connection, name: str) -> str:
    """Create an experiment and return its id."""
    made: str = connection.call("POST", f"{API}/experiments/create", {"name": name})[
        "experiment_id"
    ]
    return made


def new_run(connection: Connection, experiment: str) -> str:
    """Create a run and return its id."""
    body = {"experiment_id": experiment, "start_time": 1}
    run_id: str = connection.call("POST", f"{API}/runs/create", body)["run"]["info"]["run_id"]
    return run_id


def points(number: int, count: int) -> list[dict[str, object]]:
    """The next steps of one metric."""
    return [
        {"key": "loss", "value": 1 / (s + 2), "timestamp": 1, "step": number * count + s}
        for s in range(count)
    ]


def writes(target: Server, subject: str) -> None:
    """Measure what training scripts do, from one client and from eight."""
    experiment = experiment_of(target.connect(), "writes")

    def create_and_finish(connection: Connection) -> Work:
        def work(_: int) -> None:
            made = new_run(connection, experiment)
            finish = {"run_id": made, "status": "FINISHED", "end_time": 2}
            connection.call("POST", f"{API}/runs/update", finish)

        return work

    def log_metric(connection: Connection) -> Work:
        run = new_run(connection, experiment)

        def work(number: int) -> None:
            point = {"run_id": run, "key": "auc", "value": 0.7, "timestamp": 1, "step": number}
            connection.call("POST", f"{API}/runs/log-metric", point)

        return work

    def log_steps(connection: Connection) -> Work:
        run = new_run(connection, experiment)
        return lambda number: connection.call(
            "POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": points(number, 1000)}
        )

    def log_keys(connection: Connection) -> Work:
        run = new_run(connection, experiment)

        def work(number: int) -> None:
            metrics = [
                {"key": f"m{k}", "value": 0.5, "timestamp": 1, "step": number} for k in range(1000)
            ]
            connection.call("POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": metrics})

        return work

    for name, make in (
        ("create and finish a run", create_and_finish),
        ("log one metric", log_metric),
        ("log 1,000 steps of a metric", log_steps),
        ("log 1,000 metrics at a step", log_keys),
    ):
        for clients in (1, 8):
            plural = "client" if clients == 1 else "clients"
            what = f"{name}, {clients} {plural}"
            measure_together(PIECE, what, subject, target, make, clients)


def searches(target: Server, subject: Subject, database: str, runs: int) -> None:
    """Measure searches among many runs of one experiment."""
    connection = target.connect()
    experiment = experiment_of(connection, f"runs-{runs}")
    if subject.kind == "mlflow":
        through_mlflows_tables(database, experiment, runs)
    elif runs > 20_000:
        through_our_tables(database, experiment, runs)
    else:
        over_rest(connection, experiment, runs)
    connection = target.connect()  # the other may have been idle for too long

    def search(_: int) -> None:
        body = {
            "experiment_ids": [experiment],
            "filter": "metrics.acc > 0.5 AND params.lr = '0.1'",
            "order_by": [f"metrics.{METRICS[1]} DESC"],
            "max_results": 100,
        }
        connection.call("POST", f"{API}/runs/search", body)

    def best(_: int) -> None:
        body = {
            "experiment_ids": [experiment],
            "order_by": ["metrics.acc DESC"],
            "max_results": 100,
        }
        connection.call("POST", f"{API}/runs/search", body)

    def page(_: int) -> None:
        body = {"experiment_ids": [experiment], "max_results": 1000}
        connection.call("POST", f"{API}/runs/search", body)

    among = f"{runs:,} runs"
    times, name = 40, subject.name
    measure(PIECE, f"filter and order by a metric among {among}", name, target, search, times)
    measure(PIECE, f"the best 100 by a metric among {among}", name, target, best, times)
    measure(PIECE, f"a page of 1,000 of {among}", name, target, page, max(5, times // 4))


def histories(target: Server, subject: Subject) -> None:
    """Measure reading a long metric whole, and a sample of it."""
    connection = target.connect()
    run = new_run(connection, experiment_of(connection, "history"))
    for number in range(POINTS // 1000):
        batch = {"run_id": run, "metrics": points(number, 1000)}
        connection.call("POST", f"{API}/runs/log-batch", batch)

    def whole(_: int) -> None:
        token = ""
        while True:
            more = f"&page_token={token}" if token else ""
            query = f"run_id={run}&metric_key=loss&max_results=25000{more}"
            token = connection.call("GET", f"{API}/metrics/get-history?{query}").get(
                "next_page_token", ""
            )
            if not token:
                return

    def sample(_: int) -> None:
        query = f"run_ids={run}&metric_key=loss&max_results=320"
        connection.call("GET", f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{query}")

    measure(PIECE, f"read {POINTS:,} points of a metric", subject.name, target, whole, 5)
    if subject.kind != "fasttrackml":  # which has no such endpoint
        measure(PIECE, f"320 of {POINTS:,} points", subject.name, target, sample, 20)


def files(target: Server, subject: Subject) -> None:
    """Measure a file of 1 GB through the artifact proxy, and the memory that it takes."""
    path = f"/api/2.0/mlflow-artifacts/artifacts/bench/{subject.kind}.bin"
    content = os.urandom(1 << 20) * (GIGABYTE >> 20)
    connection = target.connect()
    before = target.memory_mb()
    for name, method, body in (("upload 1 GB", "PUT", content), ("download 1 GB", "GET", b"")):
        spent, begun = target.cpu_seconds(), time.perf_counter()
        connection.send(method, path, body, "application/octet-stream")
        took = time.perf_counter() - begun
        Figure(PIECE, name, subject.name, GIGABYTE / (1 << 20) / took, "MB/s").emit()
        cpu = target.cpu_seconds() - spent
        Figure(PIECE, name, subject.name, cpu, "s of server CPU").emit()
    grown = target.memory_mb() - before
    Figure(PIECE, "memory that both left behind", subject.name, grown, "MB (PSS)").emit()


def drive(subject: Subject, target: Server, database: str, most: int) -> None:
    """Print every figure of one server."""
    at_rest(PIECE, subject.name, target)
    writes(target, subject.name)
    searches(target, subject, database, 20_000)
    if subject.name == "dovetail" and most > 20_000:
        searches(target, subject, database, most)
    histories(target, subject)
    if not subject.on_postgres and subject.kind != "fasttrackml":  # which resets the connection
        files(target, subject)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="name of a subject; may be repeated")
    parser.add_argument("--most", type=int, default=100_000, help="runs of our largest experiment")
    chosen = parser.parse_args()
    for subject in SUBJECTS:
        if chosen.only and subject.name not in chosen.only:
            continue
        if missing := subject.missing():
            print(f"tracking: without {subject.name}: {missing}", file=sys.stderr)
            continue
        print(f"tracking: {subject.name}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            place.chmod(0o755)
            with serving(subject, place) as (target, database):
                drive(subject, target, database, chosen.most)


if __name__ == "__main__":
    main()
