"""Routing replayed: how few answers reach the quality of ten, and is what is promised true?

`python -m benchmarks.labels.routing DIR [--shuffles 5] [--only NAME ...] [--gold 0 40]`; DIR holds
crowds as NAME.crowd.csv.gz (task, worker, label) and NAME.gold.csv.gz (task, label). Every task has
a queue of recorded answers, shuffled; the policy buys from it. Simulated crowds follow, with and
without items that are hard for everybody.

Figures come out as lines, for `python -m benchmarks --add FILE`: what routing to 95 % sure, the
default, takes and reaches beside ten answers each. Everything else stands in a table in Markdown on
the other channel.
"""

import argparse
import csv
import gzip
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.harness import Figure

from dovetail.labels import Votes, combine_votes
from dovetail.labels.routing.belief import Known
from dovetail.labels.routing.policy import Target, need
from dovetail.labels.routing.promise import standing

TARGETS = (0.8, 0.9, 0.95, 0.99)
DEFAULT = 0.95
EACH = 10


@dataclass(frozen=True)
class Crowd:
    """Recorded answers as codes; `truth` is -1 where it is not known."""

    name: str
    task: Any
    worker: Any
    label: Any
    truth: Any
    classes: int


def recorded(folder: Path) -> Iterator[Crowd]:
    """Read the crowds of a folder that have eight answers an item or more."""
    for path in sorted(folder.glob("*.crowd.csv.gz")):
        name = path.name.removesuffix(".crowd.csv.gz")
        rows, known = _rows(path), _rows(folder / f"{name}.gold.csv.gz")
        labels = sorted({row["label"] for row in rows} | {row["label"] for row in known})
        place = {label: code for code, label in enumerate(labels)}
        tasks: dict[str, int] = {}
        workers: dict[str, int] = {}
        task = np.array([tasks.setdefault(row["task"], len(tasks)) for row in rows])
        worker = np.array([workers.setdefault(row["worker"], len(workers)) for row in rows])
        truth = np.full(len(tasks), -1)
        for row in known:
            truth[tasks[row["task"]]] = place[row["label"]]
        if np.median(np.bincount(task)) >= 8:
            label = np.array([place[row["label"]] for row in rows])
            yield Crowd(name, task, worker, label, truth, len(labels))


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


def simulated() -> Iterator[Crowd]:
    """Crowds whose truth is known entirely: independent errors, shared errors, spammers."""
    for name, classes, skill, hard, spam in (
        ("sim independent", 3, (12, 3), 0.0, 0.0),
        ("sim hard items", 2, (12, 3), 0.25, 0.0),
        ("sim misled items", 4, (8, 3), 0.15, 0.1),
        ("sim weak crowd", 2, (6, 4), 0.2, 0.2),
    ):
        rng = np.random.default_rng(len(name) * classes)
        items, people, each = 1000, 60, 15
        accuracy = rng.beta(*skill, people)
        accuracy[rng.random(people) < spam] = 1 / classes
        truth = rng.choice(classes, items, p=rng.dirichlet(np.full(classes, 5.0)))
        lure = (truth + rng.integers(1, classes, items)) % classes  # what misleads everybody
        pull = np.where(rng.random(items) < hard, rng.uniform(0.2, 0.75, items), 0.0)
        task = np.repeat(np.arange(items), each)
        worker = np.concatenate([rng.choice(people, each, replace=False) for _ in range(items)])
        right = rng.random(len(task)) < accuracy[worker]
        wrong = (truth[task] + rng.integers(1, classes, len(task))) % classes
        label = np.where(right, truth[task], wrong)
        label = np.where(rng.random(len(task)) < pull[task], lure[task], label)
        yield Crowd(name, task, worker, label, truth, classes)


@dataclass(frozen=True)
class Row:
    """One replay."""

    per_item: float
    accuracy: float
    promised: tuple[float, float, float]
    achieved: tuple[float, float, float]
    seconds: float


def replay(crowd: Crowd, quality: float, shuffle: int, known: int) -> Row:
    """Buy answers until the policy is content, then ask some done items afresh."""
    rng = np.random.default_rng(shuffle)
    task, worker, label, place, per = _queue(crowd, rng)
    items = len(per)
    have = np.flatnonzero(crowd.truth >= 0)
    chosen = rng.permutation(have)[: min(known, len(have) // 2)]
    gold = Known(chosen, crowd.truth[chosen]) if known else None
    got, started = np.ones(items, int), time.process_time()
    target = Target(quality=quality)
    while True:
        bought = place < got[task]
        votes = _votes(crowd, (task, worker, label), bought, items)
        wanted = need(votes, target, gold).wanted & (got < per)
        if not wanted.any():
            break
        got += wanted
    share = max(target.audit, min(1.0, 50 / items))
    got += (rng.random(items) < share) & (got < per)
    audited = place < got[task]
    fresh = ~bought[audited]
    votes = _votes(crowd, (task, worker, label), audited, items)
    found = need(votes, target, gold, fresh)
    seconds = time.process_time() - started
    told = standing(found.belief, votes, gold, fresh)
    rest = np.setdiff1d(have, chosen)
    right = found.posterior[rest].argmax(1) == crowd.truth[rest]
    measured = told.achieved or told.promised
    return Row(
        len(votes.item) / items,
        float(right.mean()),
        (told.promised.value, told.promised.lower, told.promised.upper),
        (measured.value, measured.lower, measured.upper),
        seconds,
    )


def fixed(crowd: Crowd, shuffle: int, each: int) -> tuple[float, float]:
    """Accuracy of so many answers an item: majority vote, and Dawid-Skene."""
    task, worker, label, place, per = _queue(crowd, np.random.default_rng(shuffle))
    bought = place < each
    votes = _votes(crowd, (task, worker, label), bought, len(per))
    have = crowd.truth >= 0
    majority, skilled = (
        float((combine_votes(votes, model)[1].argmax(1)[have] == crowd.truth[have]).mean())
        for model in ("majority", "dawid-skene")
    )
    return majority, skilled


def _votes(crowd: Crowd, queue: tuple[Any, Any, Any], bought: Any, items: int) -> Votes:
    task, worker, label = (x[bought] for x in queue)
    return Votes(task, worker, label, items, int(crowd.worker.max()) + 1, crowd.classes)


def _queue(crowd: Crowd, rng: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Answers sorted by item, shuffled within, and each one's place in its item's queue."""
    order = rng.permutation(len(crowd.task))
    order = order[np.argsort(crowd.task[order], kind="stable")]
    per = np.bincount(crowd.task)
    place = np.arange(len(order)) - np.repeat(np.cumsum(per) - per, per)
    return crowd.task[order], crowd.worker[order], crowd.label[order], place, per


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shuffles", type=int, default=5)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--gold", type=int, nargs="*", default=[0, 40])
    given = parser.parse_args()
    _say("| crowd | known | target | answers an item | accuracy | promised | achieved | inside |")
    _say("|---|---|---|---|---|---|---|---|")
    for crowd in (*recorded(given.folder), *simulated()):
        if given.only and crowd.name not in given.only:
            continue
        shuffles = range(given.shuffles)
        ten = np.mean([fixed(crowd, shuffle, EACH) for shuffle in shuffles], 0)
        _say(f"| {crowd.name} | | ten answers | {EACH} | {ten[0]:.3f} / {ten[1]:.3f} | | | |")
        for known in given.gold:
            for quality in TARGETS:
                rows = [replay(crowd, quality, shuffle, known) for shuffle in shuffles]
                _say(_line(crowd, known, quality, rows))
                if quality == DEFAULT:
                    _emit(crowd.name, known, rows, tuple(ten))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _emit(crowd: str, known: int, rows: list[Row], ten: tuple[float, ...]) -> None:
    """Print what the default quality takes and reaches, and how often a promise was broken.

    Args:
        crowd: Its name.
        known: Items whose label was known.
        rows: A replay each.
        ten: Accuracy of ten answers an item, by majority and by Dawid-Skene.
    """
    told = f", {known} known" if known else ""
    head = f"routing to 95 %, {crowd}{told}:"
    each, right = (
        float(np.mean([getattr(row, n) for row in rows])) for n in ("per_item", "accuracy")
    )
    broken = [not row.promised[1] <= row.accuracy <= row.promised[2] for row in rows]
    for what, unit, values in (
        ("answers an item", "answers", {"routed": each, "ten each": EACH}),
        ("errors", "%", {"routed": 100 * (1 - right), "ten each": 100 * (1 - max(ten))}),
        ("promises broken", "%", {"routed": 100 * float(np.mean(broken))}),
        ("CPU of all", "s", {"routed": float(np.mean([row.seconds for row in rows]))}),
    ):
        for subject, value in values.items():
            Figure("labels", f"{head} {what}", subject, value, unit).emit()


def _line(crowd: Crowd, known: int, quality: float, rows: list[Row]) -> str:
    per_item = np.mean([row.per_item for row in rows])
    accuracy = np.mean([row.accuracy for row in rows])
    promised = np.mean([row.promised for row in rows], 0)
    achieved = np.mean([row.achieved for row in rows], 0)
    inside = [
        sum(told[1] <= row.accuracy <= told[2] for row, told in pairs)
        for pairs in (
            [(row, row.promised) for row in rows],
            [(row, row.achieved) for row in rows],
        )
    ]
    told = [f"{x[0]:.3f} ({x[1]:.2f} to {x[2]:.2f})" for x in (promised, achieved)]
    return (
        f"| {crowd.name} | {known} | {quality:g} | {per_item:.2f} | {accuracy:.3f} "
        f"| {told[0]} | {told[1]} | {inside[0]}, {inside[1]} of {len(rows)} |"
    )


if __name__ == "__main__":
    main()
