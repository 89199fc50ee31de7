"""Answers whose truth is known: made ones, and real ones from a folder of shared sets.

A folder may hold `NAME.crowd.csv.gz` (task, worker, label) with `NAME.gold.csv.gz` (task, label),
and `NAME.ws.npz` with `L`, int[items, functions], -1 where one abstains, and `y`.
"""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["World", "crowds", "functions", "made_crowd", "made_functions", "rows_of"]


@dataclass(frozen=True)
class World:
    """Answers and the truth.

    Attributes:
        name: What it is called.
        item: int[a], the item of each answer.
        source: int[a], who gave it.
        label: int[a], what it was.
        truth: int[items], -1 where it is not known.
        classes: How many labels there are.
    """

    name: str
    item: Any
    source: Any
    label: Any
    truth: Any
    classes: int

    @property
    def sources(self) -> int:
        """How many sources there are."""
        return int(self.source.max()) + 1

    def matrix(self) -> Any:
        """int[items, sources], -1 where there is no answer."""
        found = np.full((len(self.truth), self.sources), -1)
        found[self.item, self.source] = self.label
        return found


def made_functions(items: int, many: int, copies: float, seed: int = 0) -> World:
    """Labelling functions of two uneven classes; a share of them copies an earlier one."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(items) < 0.15).astype(np.int64)
    said = np.full((items, many), -1)
    for j in range(many):
        covered, right = rng.uniform(0.05, 0.5), rng.uniform(0.55, 0.9)
        vote = np.where(rng.random(items) < right, truth, 1 - truth)
        vote[rng.random(items) > covered] = -1
        if j >= 2 and rng.random() < copies:
            other = said[:, rng.integers(0, j)]
            vote = np.where(rng.random(items) < 0.9, other, vote)
        said[:, j] = vote
    item, source = np.nonzero(said >= 0)
    name = f"{items:,} x {many} functions, {copies:.0%} copies"
    return World(name, item, source, said[item, source], truth, 2)


def made_crowd(kind: str, seed: int = 0) -> World:
    """A crowd: "even" errs anywhere, "biased" each its own way, "hard" on the same items."""
    rng = np.random.default_rng(seed)
    items, people, per, classes = 1500, 60, 5, 4
    truth = rng.integers(0, classes, items)
    item = np.repeat(np.arange(items), per)
    source = np.concatenate([rng.choice(people, per, replace=False) for _ in range(items)])
    skill = rng.beta(6, 3, people)[source]
    if kind == "biased":
        lean = rng.normal(0, 1.2, (people, classes))[source, truth[item]]
        skill = 1 / (1 + np.exp(-np.log(skill / (1 - skill)) - lean))
    if kind == "hard":
        skill = np.where((rng.random(items) < 0.25)[item], 0.5 * skill, skill)
    step = 1 if kind == "biased" else rng.integers(1, classes, len(item))
    label = np.where(rng.random(len(item)) < skill, truth[item], (truth[item] + step) % classes)
    return World(f"made crowd, {kind}", item, source, label, truth, classes)


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a zipped CSV file."""
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


def crowds(folder: Path | None) -> Iterator[World]:
    """Made crowds, and those of a folder."""
    yield from (made_crowd(kind) for kind in ("even", "biased", "hard"))
    for path in sorted(folder.glob("*.crowd.csv.gz")) if folder else []:
        rows = rows_of(path)
        known = rows_of(path.with_name(path.name.replace(".crowd.", ".gold.")))
        gold = {row["task"]: row["label"] for row in known}
        labels = sorted({row["label"] for row in rows} | set(gold.values()))
        tasks = list(dict.fromkeys(row["task"] for row in rows))
        people = list(dict.fromkeys(row["worker"] for row in rows))
        places = [{name: n for n, name in enumerate(x)} for x in (tasks, people, labels)]
        item, source, label = (
            np.array([place[row[key]] for row in rows])
            for place, key in zip(places, ("task", "worker", "label"), strict=True)
        )
        truth = np.array([places[2].get(gold.get(task, ""), -1) for task in tasks])
        yield World(path.name.split(".")[0], item, source, label, truth, len(labels))


def functions(folder: Path | None) -> Iterator[World]:
    """Made labelling functions, and those of a folder."""
    yield made_functions(10_000, 10, 0.3)
    yield made_functions(10_000, 50, 0.3)
    for path in sorted(folder.glob("*.ws.npz")) if folder else []:
        with np.load(path) as kept:
            said, truth = kept["L"].astype(np.int64), kept["y"].astype(np.int64)
        item, source = np.nonzero(said >= 0)
        classes = int(max(truth.max(), said.max())) + 1
        yield World(path.name.split(".")[0], item, source, said[item, source], truth, classes)
