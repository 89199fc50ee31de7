"""Training sets of flights: 16 features of weather, carriers and airports as of each question.

One year of flights in New York is repeated until there are enough of them, in an order of chance.
Ours, the joins as somebody who knows polars would write them, and Feast's DuckDB store, each in
a process of its own from file to file, in CPU time.

    python -m benchmarks.features.training >lines && python -m benchmarks --add lines
    python -m benchmarks.features.training one SUBJECT FOLDER    one run in a folder of `tables`
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.harness import Figure

WEATHER = [
    "temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib",
]  # fmt: skip
RECENT = ["delay_mean", "delay_max", "flights", "late"]
TABLES = {"weather": ("origin", 3, WEATHER), "carrier": ("carrier", 24, RECENT)} | {
    "origin": ("origin", 24, RECENT)
}
LIMIT = 150  # seconds of CPU that one run may take
PEER_SIZES = (1_000, 10_000, 100_000)
LARGE, HUGE = 1_000_000, 10_000_000


def tables(folder: Path, count: int) -> None:
    """Write `count` questions and the three tables that are asked."""
    import polars as pl

    from dovetail.app.demo.dataset import read_year

    year = read_year()
    times = -(-count // year.flights.height)

    def repeated(frame: pl.DataFrame, at: str) -> pl.DataFrame:
        later = (frame.with_columns(pl.col(at) + timedelta(days=365 * n)) for n in range(times))
        return pl.concat(later).rename({at: "at"})

    hour = pl.col("scheduled").dt.truncate("1h")
    flights = year.flights.select("origin", "carrier", "departure_delay", "late", scheduled=hour)
    flights = repeated(flights, "scheduled")
    asked = flights.select("origin", "carrier", "at", "late").head(count)
    asked.sample(fraction=1, shuffle=True, seed=7).write_parquet(folder / "questions.parquet")
    weather = repeated(year.weather.select("origin", "observed", *WEATHER), "observed")
    weather.unique(["origin", "at"], keep="last", maintain_order=True).write_parquet(
        folder / "weather.parquet"
    )
    for key in ("carrier", "origin"):
        hours = (
            flights.drop_nulls("departure_delay").with_columns(pl.col("late").cast(pl.Float64))
            .group_by(key, "at")
            .agg(
                total=pl.col("departure_delay").sum(), most=pl.col("departure_delay").max(),
                flights=pl.len().cast(pl.Int64), late=pl.col("late").sum(),
            )
            .sort(key, "at")
        )  # fmt: skip
        day = hours.rolling("at", period="24h", group_by=key).agg(
            delay_mean=pl.col("total").sum() / pl.col("flights").sum(),
            delay_max=pl.col("most").max(),
            late=pl.col("late").sum() / pl.col("flights").sum(),
            flights=pl.col("flights").sum(),
        )
        day.with_columns(pl.col("at") + timedelta(hours=1)).write_parquet(folder / f"{key}.parquet")


def defined(folder: Path) -> tuple[Any, Any]:
    """Our definitions of the features: the service, and what defines it."""
    from dovetail.features import Entity, FeatureService, LatestView, ParquetSource, collect

    views = []
    for name, (key, hours, features) in TABLES.items():
        source = ParquetSource(name, path=f"{name}.parquet", event_time="at")
        views.append(
            LatestView(
                f"by_{name}", entities=[Entity(key)], source=source, features=features,
                ttl=f"{hours}h",
            )
        )  # fmt: skip
    service = FeatureService("flights", views)
    return service, collect([service], root=folder)


def streamed(folder: Path, engine: str) -> Callable[[], object]:
    """Ours, from file to file."""
    from dovetail.features import write_training_set

    return lambda: write_training_set(
        folder / "questions.parquet",
        *defined(folder),
        folder / f"dovetail {engine}.parquet",
        asked="at",
        full_feature_names=True,
        engine=engine,
    )


def in_memory(folder: Path) -> Callable[[], object]:
    """Ours, with questions and answers whole in memory."""
    import polars as pl

    from dovetail.features import training_set

    def work() -> None:
        asked = pl.read_parquet(folder / "questions.parquet")
        found = training_set(asked, *defined(folder), asked="at", full_feature_names=True)
        found.write_parquet(folder / "dovetail in memory.parquet")

    return work


def by_hand(folder: Path) -> Callable[[], object]:
    """The joins as one writes them for polars."""
    import polars as pl

    def work() -> None:
        asked = pl.read_parquet(folder / "questions.parquet").with_row_index("number").sort("at")
        for name, (key, hours, features) in TABLES.items():
            table = pl.read_parquet(folder / f"{name}.parquet")
            named = [pl.col(f).alias(f"by_{name}__{f}") for f in features]
            asked = asked.join_asof(
                table.select(key, "at", *named).sort("at"),
                on="at",
                by=key,
                tolerance=timedelta(hours=hours),
                check_sortedness=False,
            )
        asked.sort("number").drop("number").write_parquet(folder / "by hand.parquet")

    return work


def peer(folder: Path) -> Callable[[], object]:
    """Feast with its DuckDB store."""
    import logging
    import warnings

    import feast
    import pandas as pd
    from feast.types import Float64, String

    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    state = Path(tempfile.mkdtemp(dir=folder))
    store = feast.FeatureStore(
        config=feast.RepoConfig(
            project="bench", provider="local", registry=str(state / "registry.db"),
            offline_store={"type": "duckdb"}, entity_key_serialization_version=3, repo_path=state,
            online_store={"type": "sqlite", "path": str(state / "online.db")},
        )
    )  # fmt: skip
    things: list[Any] = []
    for name, (key, hours, features) in TABLES.items():
        entity = feast.Entity(name=key, join_keys=[key], value_type=feast.ValueType.STRING)
        path = str(folder / f"{name}.parquet")
        source = feast.FileSource(name=f"{name}_rows", path=path, timestamp_field="at")
        fields = [feast.Field(name=f, dtype=Float64) for f in features]
        view = feast.FeatureView(
            name=f"by_{name}", entities=[entity], ttl=timedelta(hours=hours), source=source,
            schema=[*fields, feast.Field(name=key, dtype=String)],
        )  # fmt: skip
        things += [entity, view]
    store.apply(list({thing.name: thing for thing in things}.values()))
    wanted = [f"by_{name}:{f}" for name, (_, _, features) in TABLES.items() for f in features]

    def work() -> None:
        asked = pd.read_parquet(folder / "questions.parquet")
        asked = asked.rename(columns={"at": "event_timestamp"})
        job = store.get_historical_features(asked, wanted, full_feature_names=True)
        job.to_df().to_parquet(folder / "feast.parquet")

    return work


SUBJECTS: dict[str, Callable[[Path], Callable[[], object]]] = {
    "dovetail": partial(streamed, engine="polars"),
    "dovetail in memory": in_memory,
    "dovetail duckdb": partial(streamed, engine="duckdb"),
    "polars by hand": by_hand,
    "feast duckdb": peer,
}


def one(subject: str, folder: Path) -> None:
    """Run a subject and print its CPU seconds, seconds and the most memory (MB)."""
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
    for needed in ("duckdb", "pandas", "polars", "pyarrow.parquet"):
        import_module(needed)  # not timed
    work = SUBJECTS[subject](folder)
    before, begun = time.process_time(), time.perf_counter()
    work()
    took = time.process_time() - before, time.perf_counter() - begun
    print(json.dumps([*took, _most_memory()]))


def _most_memory() -> float:
    """The most memory of this process in MB; `ru_maxrss` would be that of its parent, if more."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("Linux only")


def measured(subject: str, folder: Path, times: int = 1) -> float | None:
    """Run a subject in processes of its own, print its figures; returns its least CPU seconds."""
    count = int(folder.name)
    name = f"training set, {count:,} flights x 16 features"
    best: list[float] = []
    for _ in range(times):
        command = [sys.executable, "-m", "benchmarks.features.training", "one", subject]
        done = subprocess.run([*command, str(folder)], capture_output=True, env=os.environ)
        if done.returncode:
            reason = done.stderr.decode().strip().rpartition("\n")[2] or f"ended {done.returncode}"
            print(f"features: {subject}, {count:,}: {reason}", file=sys.stderr)
            return None
        best = min(best or [float("inf")], json.loads(done.stdout.splitlines()[-1]))
    for value, unit in zip(best, ("s of CPU", "s", "MB at most"), strict=True):
        Figure("features", name, subject, value, unit).emit()
    return best[0]


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        finished: tuple[float, float] | None = None
        for count in (*PEER_SIZES, LARGE, HUGE):
            made = Path(folder) / str(count)
            made.mkdir()
            tables(made, count)
            mine = measured("dovetail", made, 3 if count < HUGE else 1)
            if count in PEER_SIZES:
                theirs = measured("feast duckdb", made)
                if mine and theirs:
                    finished = mine, theirs
            if count == LARGE:
                hand = measured("polars by hand", made, 3)
                measured("dovetail in memory", made)
                measured("dovetail duckdb", made)
                if mine and hand:
                    name = f"training set, {count:,} flights x 16 features"
                    Figure("features", name, "dovetail", mine / hand, "x CPU by hand").emit()
        if finished:
            name = "training set, most flights that Feast's store was given and finished: its CPU"
            Figure("features", name, "feast duckdb", finished[1] / finished[0], "x ours").emit()


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
