"""Many answers into one label: crowds, labelling functions, and people with a model.

Beside ours run majority vote, and crowd-kit's Dawid-Skene, Snorkel's LabelModel and cleanlab's
CROWDLAB where they are installed; all on the same answers in one process. Errors are over all items
whose truth is known; CPU is that of one call, imports before.

    python -m benchmarks.labels.aggregation
    python -m benchmarks.labels.aggregation --data FOLDER     real sets too; see worlds.py
"""

import argparse
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from benchmarks.harness import Figure
from benchmarks.labels.worlds import World, crowds, functions, made_crowd, made_functions

from dovetail.labels import Votes, combine_model, combine_votes

Method = Callable[[World], Any]


def votes_of(world: World) -> Votes:
    """The answers as ours takes them."""
    sizes = len(world.truth), world.sources, world.classes
    return Votes(world.item, world.source, world.label, *sizes)


def ours(world: World) -> Any:
    """Probabilities of ours."""
    return combine_votes(votes_of(world))[1]


def ours_fixed(world: World) -> Any:
    """Probabilities of our Dawid-Skene, without a choice of the model."""
    return combine_votes(votes_of(world), "dawid-skene")[1]


def majority(world: World) -> Any:
    """Shares of votes."""
    return votes_of(world).shares()


def crowd_kit(world: World) -> Any:
    """Probabilities of crowd-kit's Dawid-Skene."""
    pandas, kit = import_module("pandas"), import_module("crowdkit.aggregation")
    columns = {"task": world.item, "worker": world.source, "label": world.label}
    found = kit.DawidSkene().fit_predict_proba(pandas.DataFrame(columns))
    told = np.full((len(world.truth), world.classes), 1 / world.classes)
    told[np.ix_(found.index.to_numpy(), found.columns.to_numpy())] = found.to_numpy()
    return told


def snorkel(world: World) -> Any:
    """Probabilities of Snorkel's LabelModel."""
    labelling = import_module("snorkel.labeling.model")
    model = labelling.LabelModel(cardinality=world.classes, verbose=False)
    model.fit(L_train=world.matrix(), n_epochs=500, seed=1, progress_bar=False)
    return model.predict_proba(world.matrix())


def measured(name: str, world: World, methods: dict[str, Method], repeats: int) -> None:
    """Print error, Brier score and CPU of each method that is installed."""
    known = world.truth >= 0
    rng = np.random.default_rng(0)
    for subject, method in methods.items():
        spent = []
        try:
            method(world)  # imports, and first touches of memory
            for _ in range(repeats):
                begun = time.process_time()
                told = np.nan_to_num(np.asarray(method(world), float))
                spent.append(time.process_time() - begun)
        except ImportError:
            continue
        said = (told + 1e-9 * rng.random(told.shape)).argmax(1)
        wrong = float((said != world.truth)[known].mean())
        right = np.eye(world.classes)[world.truth[known]]
        Figure("labels", f"{name} {world.name}: wrong", subject, 100 * wrong, "%").emit()
        brier = float(((told[known] - right) ** 2).sum(1).mean())
        Figure("labels", f"{name} {world.name}: Brier", subject, brier, "score").emit()
        cpu = 1000 * median(spent)
        Figure("labels", f"{name} {world.name}: time", subject, cpu, "ms of CPU").emit()


def with_model(per: int) -> None:
    """Print errors of people, a model of noisy labels, and both, with few answers an item."""
    world = made_crowd("even", seed=per)
    some = np.flatnonzero(np.arange(len(world.item)) % 5 < per)
    parts = world.item[some], world.source[some], world.label[some]
    votes = Votes(*parts, len(world.truth), world.sources, world.classes)
    rng = np.random.default_rng(per)
    score = rng.normal(0, 1, (len(world.truth), world.classes))
    score[np.arange(len(score)), world.truth] += 2
    shown = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    told = {
        "people alone": combine_votes(votes)[1].argmax(1),
        "model alone": shown.argmax(1),
        "dovetail": combine_model(votes, shown)[1].argmax(1),
    }
    try:
        pandas, kit = import_module("pandas"), import_module("cleanlab.multiannotator")
        table = np.full((len(world.truth), world.sources), np.nan)
        table[parts[0], parts[1]] = parts[2]
        crowdlab = kit.get_label_quality_multiannotator
        found = crowdlab(pandas.DataFrame(table), shown, verbose=False)
        told["cleanlab CROWDLAB"] = found["label_quality"]["consensus_label"].to_numpy()
    except (ImportError, ValueError):  # not installed, or one answer an item, which it refuses
        pass
    for subject, said in told.items():
        wrong = 100 * float((said != world.truth).mean())
        Figure("labels", f"people and a model, {per} an item: wrong", subject, wrong, "%").emit()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of real sets")
    folder = parser.parse_args().data
    few: dict[str, Method] = {"dovetail": ours, "majority vote": majority}
    for world in crowds(folder):
        both = {"dovetail, Dawid-Skene alone": ours_fixed, "crowd-kit Dawid-Skene": crowd_kit}
        measured("crowd", world, few | both, 15)
    for world in functions(folder):
        measured("weak", world, few | {"Snorkel LabelModel": snorkel}, 1)
    measured("weak", made_functions(1_000_000, 10, 0.3), few, 3)
    for per in (1, 2, 3, 5):
        with_model(per)


if __name__ == "__main__":
    main()
