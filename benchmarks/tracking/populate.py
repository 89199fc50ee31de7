"""Many runs in a store before anything is timed.

Over REST where that is fast enough. MLflow would take twenty minutes for 20,000 runs, so its rows
are written into its own tables; so are ours where there are 100,000.
"""

import random
import uuid
from typing import Any

import sqlalchemy as sa
from benchmarks.harness import Connection

__all__ = ["API", "METRICS", "over_rest", "through_mlflows_tables", "through_our_tables"]

API = "/api/2.0/mlflow"
METRICS = ("acc", "auc", "f1", "loss", "time")
PARAMS = ("depth", "lr", "model", "opt", "seed")
CHUNK = 2000


def values(number: int, chance: random.Random) -> tuple[dict[str, float], dict[str, str]]:
    """Metrics and parameters of one run."""
    params = {
        "depth": str(number % 9),
        "lr": ("0.1", "0.01", "0.001")[number % 3],
        "model": "gbm",
        "opt": "adam",
        "seed": str(number),
    }
    return {name: chance.random() for name in METRICS}, params


def over_rest(connection: Connection, experiment: str, runs: int) -> None:
    """Log runs as a client does."""
    chance = random.Random(7)
    for number in range(runs):
        metrics, params = values(number, chance)
        body = {"experiment_id": experiment, "start_time": number + 1, "tags": []}
        run_id = connection.call("POST", f"{API}/runs/create", body)["run"]["info"]["run_id"]
        batch = {
            "run_id": run_id,
            "metrics": [
                {"key": k, "value": v, "timestamp": 1, "step": 1} for k, v in metrics.items()
            ],
            "params": [{"key": k, "value": v} for k, v in params.items()],
            "tags": [{"key": "team", "value": f"t{number % 7}"}],
        }
        connection.call("POST", f"{API}/runs/log-batch", batch)


def through_mlflows_tables(database: str, experiment: str, runs: int) -> None:
    """Insert the same rows into MLflow's tables, and gather statistics as a grown store has."""
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    tables = sa.MetaData()
    names = ("runs", "metrics", "latest_metrics", "params", "tags")
    tables.reflect(engine, only=names)
    chance = random.Random(7)
    with engine.begin() as connection:
        for start in range(0, runs, CHUNK):
            rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
            for number in range(start, min(start + CHUNK, runs)):
                _add(rows, number, experiment, chance)
            for name, some in rows.items():
                connection.execute(tables.tables[name].insert(), some)
    engine.dispose()


def through_our_tables(database: str, experiment: str, runs: int) -> None:
    """Insert the same rows into our tables."""
    from dovetail.tracking.store import schema

    engine = sa.create_engine(database)
    chance = random.Random(7)
    with engine.begin() as connection:
        first = (connection.scalar(sa.select(sa.func.max(schema.runs.c.id))) or 0) + 1
        for start in range(0, runs, CHUNK):
            rows: dict[sa.Table, list[dict[str, Any]]] = {
                table: []
                for table in (
                    *(schema.runs, schema.metrics, schema.latest_metrics),
                    *(schema.params, schema.tags),
                )
            }
            for number in range(start, min(start + CHUNK, runs)):
                _add_ours(rows, first + number, number, int(experiment), chance)
            for table, some in rows.items():
                connection.execute(table.insert(), some)
    engine.dispose()


def _add_ours(
    rows: dict[sa.Table, list[dict[str, Any]]],
    key: int,
    number: int,
    experiment: int,
    chance: random.Random,
) -> None:
    from dovetail.tracking.store import schema

    run = uuid.UUID(int=chance.getrandbits(128)).hex
    metrics, params = values(number, chance)
    rows[schema.runs].append(
        {
            "id": key,
            "run_id": run,
            "experiment_id": experiment,
            "run_name": f"run-{number}",
            "user_id": "bench",
            "status": "FINISHED",
            "start_time": number + 1,
            "end_time": number + 2,
            "artifact_uri": f"mlflow-artifacts:/{experiment}/{run}/artifacts",
            "lifecycle_stage": "active",
        }
    )
    for name, value in metrics.items():
        point = {"run": key, "key": name, "value": value, "timestamp": 1, "step": 1}
        rows[schema.metrics].append({**point, "is_nan": False})
        rows[schema.latest_metrics].append({**point, "is_nan": False, "experiment_id": experiment})
    rows[schema.params] += [{"run": key, "key": k, "value": v} for k, v in params.items()]
    rows[schema.tags].append({"run": key, "key": "team", "value": f"t{number % 7}"})


def _add(
    rows: dict[str, list[dict[str, Any]]], number: int, experiment: str, chance: random.Random
) -> None:
    run = uuid.UUID(int=chance.getrandbits(128)).hex
    metrics, params = values(number, chance)
    rows["runs"].append(
        {
            "run_uuid": run,
            "name": f"run-{number}",
            "experiment_id": int(experiment),
            "status": "FINISHED",
            "start_time": number + 1,
            "end_time": number + 2,
            "lifecycle_stage": "active",
            "artifact_uri": f"mlflow-artifacts:/{experiment}/{run}/artifacts",
            "source_type": "LOCAL",
            "user_id": "bench",
        }
    )
    for key, value in metrics.items():
        point = {"run_uuid": run, "key": key, "value": value, "timestamp": 1, "step": 1}
        rows["metrics"].append({**point, "is_nan": False})
        rows["latest_metrics"].append({**point, "is_nan": False})
    rows["params"] += [{"run_uuid": run, "key": k, "value": v} for k, v in params.items()]
    rows["tags"].append({"run_uuid": run, "key": "team", "value": f"t{number % 7}"})
    rows["tags"].append({"run_uuid": run, "key": "mlflow.runName", "value": f"run-{number}"})
