"""Features: the same rows pushed to, read from and brought online by ours and Feast.

Ten numbers for each of 1,000 entities, through Feast's HTTP on both sides. Feast runs with one
worker over its SQLite store. The servers are asked in turns, so that they share the machine's good
and bad moments; the floor is a dictionary and orjson behind our HTTP code.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.features.bring import in_process, write_table
from benchmarks.features.workload import ENTITIES, FEATURES, rows
from benchmarks.harness import BIN, Connection, Figure, Server, at_rest, server

TURNS = 10
FLOOR = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from benchmarks.features.floor import main
main(int(sys.argv[1]))
"""
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
        "floor": [sys.executable, "-c", FLOOR, "{port}"],
        "feast": [*peer, "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"],
    }


def push(connection: Connection, count: int) -> Callable[[int], object]:
    """A push of fresh rows."""

    def work(number: int) -> None:
        body = {"push_source_name": "rows", "df": rows(count, number), "to": "online"}
        connection.send("POST", "/push", json.dumps(body).encode())

    return work


def look_up(connection: Connection, count: int) -> Callable[[int], object]:
    """A lookup of all features of some entities, others each time."""
    dice = random.Random(1)
    asked = [
        json.dumps(
            {
                "features": [f"view:{name}" for name in FEATURES],
                "entities": {"driver": [f"d{n}" for n in dice.sample(range(ENTITIES), count)]},
            }
        ).encode()
        for _ in range(50)
    ]

    def work(number: int) -> None:
        found = connection.send("POST", "/get-online-features", asked[number % len(asked)])
        assert b"NOT_FOUND" not in found

    return work


def in_turns(
    name: str, works: Mapping[str, tuple[Server, Callable[[int], object]]], times: int
) -> None:
    """Time one operation of several servers in turns; print medians and CPU an operation.

    Args:
        name: What the operation is.
        works: By subject its server and the operation.
        times: How often in all; a turn is a tenth of that. A slow server gets a tenth of it.
    """
    lengths: dict[str, list[float]] = {subject: [] for subject in works}
    spent = dict.fromkeys(works, 0.0)
    for turn in range(TURNS + 1):
        for subject, (target, work) in works.items():
            share = max(1, times // TURNS // (10 if subject == "feast" else 1))
            before = target.cpu_seconds()
            for number in range(share):
                begun = time.perf_counter()
                work(turn * share + number)
                if turn:
                    lengths[subject].append(time.perf_counter() - begun)
            if turn:  # the first is not counted
                spent[subject] += target.cpu_seconds() - before
    for subject, found in lengths.items():
        median = sorted(found)[len(found) // 2] * 1000
        Figure("features", name, subject, median, "ms, median").emit()
        cpu = spent[subject] / len(found) * 1000
        Figure("features", name, subject, cpu, "ms of server CPU").emit()


def serve(folder: Path) -> None:
    """Print the figures of the servers."""
    with ExitStack() as stack:
        targets: dict[str, Server] = {}
        for subject, command in commands(folder).items():
            print(f"features: {subject}", file=sys.stderr)
            targets[subject] = stack.enter_context(server(command, "/health", folder))
            if subject != "floor":
                at_rest("features", subject, targets[subject])
        asked = {subject: target.connect() for subject, target in targets.items()}
        stores = [subject for subject in targets if subject != "floor"]
        for subject in stores:
            push(asked[subject], ENTITIES)(0)
        for count, times in ((1, 100), (ENTITIES, 10)):
            works = {s: (targets[s], push(asked[s], count)) for s in stores}
            in_turns(f"push {count:,} row{'s' if count > 1 else ''}", works, times)
        for count, times in ((1, 4000), (100, 2000)):
            works = {s: (targets[s], look_up(asked[s], count)) for s in targets}
            name = f"look up 10 features of {count} entit{'ies' if count > 1 else 'y'}"
            in_turns(name, works, times)


def bring(folder: Path, subject: str, entities: int) -> None:
    """Print what bringing a table online costs; in a process of its own."""
    table = folder / f"table{entities}.parquet"
    if not table.exists():
        write_table(table, entities)
    command = [sys.executable, "-m", "benchmarks.features.bring", subject, str(table)]
    done = subprocess.run(
        [*command, str(folder / f"{subject}{entities}")], check=True, capture_output=True
    )
    cpu, seconds, memory = json.loads(done.stdout.splitlines()[-1])
    name = f"bring {entities:,} entities with 10 features online"
    Figure("features", name, subject, seconds, "s").emit()
    Figure("features", name, subject, cpu, "s of CPU").emit()
    Figure("features", name, subject, memory, "MB at most").emit()


def main() -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        make_peer(Path(folder))
        serve(Path(folder))
        in_process(Path(folder))
        for entities in (100_000, 1_000_000):
            for subject in ("dovetail", "feast"):
                print(f"features: {entities} entities, {subject}", file=sys.stderr)
                bring(Path(folder), subject, entities)


if __name__ == "__main__":
    main()
