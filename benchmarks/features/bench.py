"""Features: the same rows pushed to and read from ours and Feast's feature server.

Ten numbers for each of 1,000 entities, through Feast's HTTP on both sides. Feast runs with one
worker over its SQLite store.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import BIN, Connection, Server, at_rest, measure, server

ENTITIES = 1000
FEATURES = [f"f{i}" for i in range(10)]
OURS = f"""
from dovetail.features import DeltaSource, Entity, LatestView

driver = Entity("driver")
source = DeltaSource("rows", path="rows", event_time="at")
view = LatestView("view", entities=[driver], source=source, features={FEATURES!r}, ttl="3650d")
"""
PEER = f"""
from datetime import timedelta
from feast import Entity, FeatureView, Field, FileSource, PushSource, ValueType
from feast.types import Float64, String

driver = Entity(name="driver", join_keys=["driver"], value_type=ValueType.STRING)
batch = FileSource(name="batch", path="rows.parquet", timestamp_field="at")
rows = PushSource(name="rows", batch_source=batch)
view = FeatureView(
    name="view", entities=[driver], ttl=timedelta(days=3650), source=rows, online=True,
    schema=[Field(name=name, dtype=Float64) for name in {FEATURES!r}]
    + [Field(name="driver", dtype=String)],
)
"""
PEER_STORE = """
project: bench
provider: local
registry: registry.db
online_store: {type: sqlite, path: online.db}
entity_key_serialization_version: 3
"""


def rows(count: int, minute: int) -> dict[str, list[object]]:
    """Rows of the first entities at one moment."""
    columns: dict[str, list[object]] = {name: [minute + 0.5] * count for name in FEATURES}
    columns["driver"] = [f"d{number}" for number in range(count)]
    columns["at"] = [f"2026-01-01T{minute // 60 % 24:02}:{minute % 60:02}:00Z"] * count
    return columns


def make_peer(folder: Path) -> None:
    """Write Feast's repository and apply it."""
    import pandas

    first = pandas.DataFrame(rows(1, 0))
    first["at"] = pandas.to_datetime(first["at"])
    first.to_parquet(folder / "rows.parquet")
    (folder / "definitions.py").write_text(PEER)
    (folder / "feature_store.yaml").write_text(PEER_STORE)
    feast = [sys.executable, "-m", "feast.cli.cli", "-c", str(folder), "apply"]
    subprocess.run(feast, check=True, cwd=folder, capture_output=True)


def commands(folder: Path) -> dict[str, list[str]]:
    """How each subject is started."""
    (folder / "ours.py").write_text(OURS)
    ours = [str(BIN / "dovetail"), "features", "run", str(folder / "ours.py")]
    peer = [sys.executable, "-m", "feast.cli.cli", "-c", str(folder), "serve", "--no-access-log"]
    return {
        "dovetail": [*ours, "--port", "{port}", "--state", "state"],
        "feast": [*peer, "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"],
    }


def push(connection: Connection, count: int) -> Callable[[int], object]:
    """A push of fresh rows."""

    def work(number: int) -> None:
        body = {"push_source_name": "rows", "df": rows(count, number), "to": "online"}
        connection.send("POST", "/push", json.dumps(body).encode())

    return work


def look_up(connection: Connection, count: int) -> Callable[[int], object]:
    """A lookup of all features of some entities."""
    body = {
        "features": [f"view:{name}" for name in FEATURES],
        "entities": {"driver": [f"d{number}" for number in range(count)]},
    }
    asked = json.dumps(body).encode()

    def work(_: int) -> None:
        found = connection.call("POST", "/get-online-features", asked)
        assert None not in found["results"][-1]["values"]

    return work


def drive(subject: str, target: Server) -> None:
    """Print every figure of one server."""
    at_rest("features", subject, target)
    connection = target.connect()
    push(connection, ENTITIES)(0)
    for name, work, times in (
        ("push 1 row", push(connection, 1), 100),
        ("push 1,000 rows", push(connection, ENTITIES), 5),
        ("look up 10 features of 1 entity", look_up(connection, 1), 200),
        ("look up 10 features of 100 entities", look_up(connection, 100), 50),
    ):
        measure("features", name, subject, target, work, times)


def main() -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        make_peer(Path(folder))
        for subject, command in commands(Path(folder)).items():
            print(f"features: {subject}", file=sys.stderr)
            with server(command, "/health", Path(folder)) as target:
                drive(subject, target)


if __name__ == "__main__":
    main()
