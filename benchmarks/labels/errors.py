"""Label errors: how well rows with wrong labels are found from out-of-sample predictions.

Labels of real sets are flipped at random ("spread") or one way ("one way", to the next class, from
every other class); softmax regression is cross-validated on what is left; ours and all variants of
cleanlab, where it is installed, see the same predictions. The figure is what F1 lacks to 100 %, the
mean over several draws of the noise. Ours is compared with the variant of the best mean, and with
the best of each draw, which nobody can choose before; the differences have standard errors. Where
no label was flipped, the figure is the share of rows that are suspected all the same.

    python -m benchmarks.labels.errors               needs scikit-learn; about two minutes
    python -m benchmarks.labels.errors --draws 20    more draws
    python -m benchmarks.labels.errors --large       1 million rows x 10 classes, CPU
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
    from sklearn import datasets

    for name in ("digits", "breast_cancer", "wine", "iris"):
        features, label = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield name, features, label
    for classes, weights, apart in ((2, None, 1.5), (3, [0.6, 0.3, 0.1], 1.5), (10, None, 2.2)):
        features, label = datasets.make_classification(
            2000, 20, n_informative=10, n_classes=classes, weights=weights, class_sep=apart,
            n_clusters_per_class=1 + (classes == 2), random_state=1,
        )  # fmt: skip
        yield f"made {classes}", features, label


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


def side_by_side(draws: int) -> None:
    """Print what F1 lacks, for each set, kind and rate of noise."""
    for name, features, label in sets():
        clean(name, features, label)
        for spread in (True, False):
            for rate in (0.02, 0.05, 0.1, 0.2, 0.3):
                lacks: dict[str, list[float]] = {}
                for draw in range(draws):
                    rng = np.random.default_rng([draw, round(rate * 100)])
                    given = flipped(label, rate, spread, rng)
                    for subject, lack in found(features, label, given).items():
                        lacks.setdefault(subject, []).append(lack)
                told(f"label errors, {name}, {rate:.0%} {'spread' if spread else 'one way'}", lacks)


def clean(name: str, features: Any, label: Any) -> None:
    """Print the share of rows that are suspected although no label was flipped."""
    shown = predictions(features, label)
    for subject, find in finders().items():
        share = 100 * len(find(label, shown)) / len(label)
        Figure(
            "labels", f"label errors, {name}, none flipped", subject, share, "% suspected"
        ).emit()


def found(features: Any, label: Any, given: Any) -> dict[str, float]:
    """What each one's F1 lacks to 100 %."""
    shown, wrong, lacks = predictions(features, given), given != label, {}
    for subject, find in finders().items():
        rows = np.asarray(find(given, shown))
        hit = wrong[rows].sum() if len(rows) else 0
        lacks[subject] = 100 * (1 - 2 * hit / max(len(rows) + wrong.sum(), 1))
    return lacks


def told(title: str, lacks: dict[str, list[float]]) -> None:
    """Print means over draws, and how far ours is from the best of the others.

    Args:
        title: Set, kind and rate.
        lacks: What each one's F1 lacks in each draw.
    """
    means = {subject: float(np.mean(values)) for subject, values in lacks.items()}
    for subject, mean in means.items():
        Figure("labels", title, subject, mean, "% short of F1 100").emit()
    others = [subject for subject in lacks if subject != "dovetail"]
    if not others or len(lacks["dovetail"]) < 2:
        return
    best = np.array(lacks[min(others, key=lambda subject: means[subject])])
    hindsight = np.array([lacks[subject] for subject in others]).min(0)
    for against, values in (("best variant", best), ("best of each draw", hindsight)):
        behind = np.array(lacks["dovetail"]) - values
        spread = float(behind.std(ddof=1) / np.sqrt(len(behind)))
        unit = f"% of F1 behind cleanlab's {against}"
        Figure("labels", title, "dovetail", float(behind.mean()), unit).emit()
        Figure("labels", title, "dovetail", spread, f"{unit}, standard error").emit()


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
    parser.add_argument("--draws", type=int, default=6, help="of the noise")
    asked = parser.parse_args()
    large() if asked.large else side_by_side(asked.draws)


if __name__ == "__main__":
    main()
