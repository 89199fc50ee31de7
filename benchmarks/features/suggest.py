"""What `suggest` finds in flights, weather and planes, beside features that people made.

Both feature sets become training sets over every flight. The demo's trees are fitted to the first
four fifths of the year and asked about the last: one AUC each. The hand-made features were chosen
on the whole year; `suggest` sees the last fifth only to say what its choice is worth.

    python -m benchmarks.features.suggest >lines && python -m benchmarks --add lines
"""

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
from benchmarks.harness import Figure

from dovetail.app.demo import recipe
from dovetail.app.demo.dataset import read_year
from dovetail.app.demo.vectors import KEYS, KNOWN, vectors
from dovetail.app.demo.world import World
from dovetail.features import load, training_set
from dovetail.features.suggest import check, suggest
from dovetail.loop.compare import auc

LEARNED = 0.8
GIVEN = ("distance", "minute_of_day", "weekday")


def figure(name: str, subject: str, value: float, unit: str) -> None:
    """Print one figure."""
    Figure("features", name, subject, value, unit).emit()


def judged(inputs: Any, labels: Any) -> float:
    """Return the AUC on the last fifth of trees that were fitted to what came before."""
    cut = int(LEARNED * len(labels))
    data = lightgbm.Dataset(inputs[:cut], labels[:cut])
    booster = lightgbm.train(recipe.PARAMETERS, data, recipe.ROUNDS)
    return auc(np.asarray(booster.predict(inputs[cut:])), labels[cut:]) or 0.0


def hand_made(world: World, flights: pl.DataFrame) -> Any:
    """Return the demo's inputs of some flights."""
    table = training_set(
        flights.select(*KEYS, asked_at="asked"),
        "flights",
        load(Path(recipe.__file__).with_name("definitions.py")),
        full_feature_names=True,
        frames=world.events,
    )
    known = {name: flights[name].cast(float).to_numpy() for name in KNOWN}
    names = [name for name in table.columns if "__" in name]
    floats: dict[str, Any] = {
        n: table[n].cast(float).fill_null(float("nan")).to_numpy() for n in names
    }
    return vectors(known, floats)


def suggested(folder: Path, flights: pl.DataFrame) -> Any:
    """Search, and return the inputs that come out of it for some flights."""
    year = read_year()
    for name in ("flights", "weather", "planes"):
        getattr(year, name).write_parquet(folder / f"{name}.parquet")
    start, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    found = suggest(
        [folder / f"{name}.parquet" for name in ("flights", "weather", "planes")],
        label="late",
        asked="asked",
        given=["scheduled", "carrier", "number", "tailnum", "origin", "dest", *GIVEN],
        known={"departure_delay": "departed", "late": "landed", "arrival_delay": "landed"},
        say=lambda message: print(message, file=sys.stderr),
    )
    spent = resource.getrusage(resource.RUSAGE_SELF)
    cpu = spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime
    name = "suggest on flights, weather and planes"
    figure(name, "dovetail", time.monotonic() - start, "s")
    figure(name, "dovetail", cpu, "CPU s")
    figure("features kept by suggest", "dovetail", len(found.features), "count")
    out = folder / "late.py"
    out.write_text(found.code(out))
    table = training_set(
        flights.drop("late"), "late", check(found, out), asked="asked", full_feature_names=True
    )
    names = [*GIVEN, *(f.name.replace(":", "__") for f in found.features)]
    return np.stack(
        [table[n].cast(pl.Float32).fill_null(float("nan")).to_numpy() for n in names], axis=1
    )


def main() -> None:
    """Print the figures."""
    world = World()
    flights = world.flights.filter(pl.col("late").is_not_null())
    labels = flights["late"].cast(int).to_numpy()
    with tempfile.TemporaryDirectory() as folder:
        ours = judged(suggested(Path(folder), flights), labels)
    name = "AUC on the last fifth of the flights"
    figure(name, "dovetail suggest", ours, "AUC")
    figure(name, "made by hand", judged(hand_made(world, flights), labels), "AUC")


if __name__ == "__main__":
    main()
