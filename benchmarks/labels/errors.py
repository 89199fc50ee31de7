"""Label errors: how well rows with wrong labels are found from out-of-sample predictions.

Labels of real sets are flipped at random ("spread") or one way ("one way", to the next class, from
every other class); softmax regression is cross-validated on what is left; ours and all variants of
cleanlab, where it is installed, see the same predictions. The figure is what F1 lacks to 100 %.

    python -m benchmarks.labels.errors           needs scikit-learn
    python -m benchmarks.labels.errors --large   1 million rows x 10 classes, CPU
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from benchmarks.harness import Figure

from dovetail.labels import find_issues
from dovetail.labels.audit.guessing import learn, predict

Finder = Callable[[Any, Any], Any]
VARIANTS = (
    "prune_by_noise_rate", "both", "confident_learning", "predicted_neq_given",
    "low_normalized_margin", "low_self_confidence",
)  # fmt: skip


def sets() -> Iterator[tuple[str, Any, Any]]:
    """Name, features and labels of real sets that scikit-learn brings, and of made ones."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_classification

    real = {"digits": load_digits, "breast": load_breast_cancer, "wine": load_wine}
    for name, load in real.items():
        features, label = load(return_X_y=True)
        yield name, features, label
    made = make_classification(3000, 20, n_informative=8, class_sep=1.5, random_state=1)
    yield "made", made[0], made[1]


def flipped(label: Any, rate: float, spread: bool, rng: np.random.Generator) -> Any:
    """The labels with a share of errors."""
    classes = int(label.max()) + 1
    chance = rate if spread else 2 * rate * (label % 2 == 0)
    step = rng.integers(1, classes, len(label)) if spread else 1
    return np.where(rng.random(len(label)) < chance, (label + step) % classes, label)


def predictions(features: Any, label: Any) -> Any:
    """Out-of-sample probabilities by five folds."""
    scaled = (features - features.mean(0)) / np.maximum(features.std(0), 1e-9)
    classes = int(label.max()) + 1
    fold = np.random.default_rng(0).permutation(len(label)) % 5
    found = np.empty((len(label), classes))
    for part in range(5):
        weights = learn(scaled[fold != part], label[fold != part], classes)
        found[fold == part] = predict(scaled[fold == part], weights)
    return found


def cleanlab(variant: str, label: Any, shown: Any) -> Any:
    """Rows that cleanlab finds, the surest first."""
    find = import_module("cleanlab.filter").find_label_issues
    return find(
        label, shown, filter_by=variant, return_indices_ranked_by="self_confidence", n_jobs=1
    )


def ours(label: Any, shown: Any) -> Any:
    """Rows that ours finds, the surest first."""
    return find_issues(label, shown).suspects


def finders() -> dict[str, Finder]:
    """What is installed."""
    found: dict[str, Finder] = {"dovetail": ours}
    try:
        import_module("cleanlab.filter")
    except ImportError:
        return found
    return found | {f"cleanlab {name}": partial(cleanlab, name) for name in VARIANTS}


def side_by_side() -> None:
    """Print what F1 lacks, for each set, kind and rate of noise."""
    methods = finders()
    for name, features, label in sets():
        for spread in (True, False):
            for rate in (0.05, 0.1, 0.2, 0.3):
                rng = np.random.default_rng(round(rate * 100))
                given = flipped(label, rate, spread, rng)
                shown, wrong = predictions(features, given), given != label
                title = f"label errors, {name}, {rate:.0%} {'spread' if spread else 'one way'}"
                for subject, find in methods.items():
                    rows = np.asarray(find(given, shown))
                    hit = wrong[rows].sum() if len(rows) else 0
                    f1 = 2 * hit / max(len(rows) + wrong.sum(), 1)
                    Figure("labels", title, subject, 100 * (1 - f1), "% short of F1 100").emit()


def large(rows: int = 1_000_000, classes: int = 10) -> None:
    """Print CPU at a million rows."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, rows)
    given = flipped(truth, 0.1, True, rng)
    score = rng.normal(0, 1, (rows, classes))
    score[np.arange(rows), truth] += 3
    shown = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    for subject, find in list(finders().items())[:2]:
        find(given[:1000], shown[:1000])
        begun = time.process_time()
        find(given, shown)
        spent = time.process_time() - begun
        title = f"label errors, {rows:,} rows x {classes} classes"
        Figure("labels", title, subject, spent, "s of CPU").emit()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    large() if parser.parse_args().large else side_by_side()


if __name__ == "__main__":
    main()
