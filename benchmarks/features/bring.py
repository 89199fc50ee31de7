"""Features in one process: a table brought online, and lookups without HTTP.

`python -m benchmarks.features.bring SUBJECT TABLE STATE` prints CPU seconds, seconds and the most
memory (MB) as one JSON list.
"""

import json
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.features import online_adapter
from benchmarks.features.workload import FEATURES
from benchmarks.harness import Figure

from dovetail.base import telemetry
from dovetail.wire.feast import GetOnlineFeatures

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC)
KEYS = 100_000


def write_table(path: Path, entities: int) -> None:
    """Write a table of one row an entity."""
    import numpy as np
    import polars as pl

    dice, at = np.random.default_rng(3), np.datetime64("2024-03-01T00:00:00", "us")
    columns: dict[str, Any] = {"k": [f"N{n:07d}" for n in range(entities)]}
    columns["event_timestamp"] = np.full(entities, at)
    columns |= {name: dice.standard_normal(entities) for name in FEATURES}
    stamp = pl.col("event_timestamp").dt.replace_time_zone("UTC")
    pl.DataFrame(columns).with_columns(stamp).write_parquet(path)


def peer(table: str, state: str) -> Callable[[], object]:
    """Make Feast's store; returns what brings the table online."""
    from datetime import timedelta

    import feast
    from feast.types import Float64, String

    folder = Path(state)
    folder.mkdir()
    store = feast.FeatureStore(
        config=feast.RepoConfig(
            project="bench",
            provider="local",
            registry=str(folder / "registry.db"),
            offline_store={"type": "dask"},
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            entity_key_serialization_version=3,
            repo_path=folder,
        )
    )
    key = feast.Entity(name="k", join_keys=["k"], value_type=feast.ValueType.STRING)
    source = feast.FileSource(name="rows", path=table, timestamp_field="event_timestamp")
    fields = [feast.Field(name=name, dtype=Float64) for name in FEATURES]
    view = feast.FeatureView(
        name="o",
        entities=[key],
        ttl=timedelta(0),
        schema=[*fields, feast.Field(name="k", dtype=String)],
        source=source,
        online=True,
    )
    store.apply([key, view])
    return lambda: store.materialize(START, END)


def ours(table: str, state: str) -> Callable[[], object]:
    """Make our store; returns what brings the table online."""
    Path(state).mkdir()
    return lambda: online_adapter.materialize(table, state)


def in_process(folder: Path) -> None:
    """Print what a lookup in this process takes, in CPU time: as columns, and as JSON."""
    telemetry.configure_logs("error")
    table, state = folder / "lookups.parquet", folder / "lookups"
    write_table(table, KEYS)
    ours(str(table), str(state))()
    handlers, dice = online_adapter.handlers(str(state)), random.Random(5)
    features = tuple(f"o:{name}" for name in FEATURES)

    def columns(keys: list[str]) -> object:
        question = GetOnlineFeatures(entities={"k": keys}, features=features)
        return handlers.get_online_features(question).columns()

    for count, times in ((1, 20_000), (100, 5_000)):
        keys = [[f"N{dice.randrange(KEYS):07d}" for _ in range(count)] for _ in range(times)]
        bodies = [
            json.dumps({"features": features, "entities": {"k": some}}).encode() for some in keys
        ]
        name = f"look up 10 features of {count} of {KEYS:,} keys, in process"
        _time(f"{name}, as columns", columns, keys)
        _time(f"{name}, as JSON", handlers.look_up, bodies)


def _time(name: str, work: Callable[[Any], object], asked: Sequence[Any]) -> None:
    for one in asked[:100]:
        work(one)
    lengths = []
    for one in asked:
        begun = time.thread_time()
        work(one)
        lengths.append(time.thread_time() - begun)
    lengths.sort()
    for unit, share in (("ms of CPU, median", 50), ("ms of CPU, p99", 99)):
        value = lengths[len(lengths) * share // 100] * 1000
        Figure("features", name, "dovetail", value, unit).emit()


def main(subject: str, table: str, state: str) -> None:
    """Bring a table online and print what it took."""
    work = (ours if subject == "dovetail" else peer)(table, state)
    before, begun = time.process_time(), time.perf_counter()
    work()
    took = time.process_time() - before, time.perf_counter() - begun
    print(json.dumps([*took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


if __name__ == "__main__":
    main(*sys.argv[1:])
