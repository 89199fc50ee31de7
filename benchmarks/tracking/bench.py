"""Tracking: one client over MLflow's REST API, against ours and against `mlflow server`.

Both store in SQLite on the same disk. MLflow runs with one worker: more would not help one client
and would cost it more memory.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import BIN, Connection, Server, at_rest, measure, server

API = "/api/2.0/mlflow"
SUBJECTS = {
    "dovetail": [str(BIN / "dovetail"), "tracking", "run", "--port", "{port}", "--state", "."],
    "mlflow": [
        *(str(BIN / "mlflow"), "server", "--port", "{port}", "--workers", "1"),
        *("--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "artifacts"),
    ],
}
RUNS = 200


def new_run(connection: Connection, experiment: str) -> str:
    """Create a run and return its id."""
    body = {"experiment_id": experiment, "start_time": 1}
    run_id: str = connection.call("POST", f"{API}/runs/create", body)["run"]["info"]["run_id"]
    return run_id


def batch(run_id: str, number: int, metrics: int) -> dict[str, object]:
    """A log-batch of steps of one metric."""
    steps = [
        {"key": "loss", "value": 1 / (s + 1), "timestamp": s, "step": number * metrics + s}
        for s in range(metrics)
    ]
    return {"run_id": run_id, "metrics": steps}


def workloads(connection: Connection) -> dict[str, tuple[Callable[[int], object], int]]:
    """What is measured: a name, an operation, how often."""
    experiment = connection.call("POST", f"{API}/experiments/create", {"name": "bench"})[
        "experiment_id"
    ]
    run_id = new_run(connection, experiment)

    def create_and_finish(_: int) -> None:
        made = new_run(connection, experiment)
        finish = {"run_id": made, "status": "FINISHED", "end_time": 2}
        connection.call("POST", f"{API}/runs/update", finish)

    def log_metric(number: int) -> None:
        point = {"run_id": run_id, "key": "auc", "value": 0.7, "timestamp": number, "step": 1}
        connection.call("POST", f"{API}/runs/log-metric", point)

    def log_batch(number: int) -> None:
        connection.call("POST", f"{API}/runs/log-batch", batch(run_id, number, 1000))

    def populate(number: int) -> None:
        made = new_run(connection, experiment)
        metrics = [{"key": "m", "value": (number * 37) % 100, "timestamp": 1, "step": 0}]
        params = [{"key": "p", "value": str(number)}]
        connection.call(
            "POST", f"{API}/runs/log-batch", {"run_id": made, "metrics": metrics, "params": params}
        )

    def search(_: int) -> None:
        connection.call(
            "POST",
            f"{API}/runs/search",
            {
                "experiment_ids": [experiment],
                "filter": "metrics.m > 50",
                "order_by": ["metrics.m DESC"],
                "max_results": 100,
            },
        )

    return {
        "create and finish a run": (create_and_finish, 50),
        "log one metric": (log_metric, 100),
        "log a batch of 1,000 metrics": (log_batch, 10),
        "create a run with a metric and a parameter": (populate, RUNS),
        f"search among {RUNS} runs, filtered and ordered by a metric": (search, 20),
    }


def drive(subject: str, target: Server) -> None:
    """Print every figure of one server."""
    at_rest("tracking", subject, target)
    for name, (work, times) in workloads(target.connect()).items():
        measure("tracking", name, subject, target, work, times)


def main() -> None:
    """Run the benchmark."""
    for subject, command in SUBJECTS.items():
        print(f"tracking: {subject}", file=sys.stderr)
        with (
            tempfile.TemporaryDirectory() as folder,
            server(command, "/health", Path(folder)) as target,
        ):
            drive(subject, target)


if __name__ == "__main__":
    main()
