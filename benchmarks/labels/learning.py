"""The AI labeller: labels that strategies need, and accuracy, calibration and cost of learning.

`python -m benchmarks.labels.learning [--texts youtube.text.jsonl.gz] [--seeds 11]`. Labels to 95 %
are the protocol of active learning on digits: ten seeds of different classes, ten more a round,
until a model of all that is labelled is within 95 % of one that learned from everything. Texts are
compared with words and pairs by TF-IDF and logistic regression of scikit-learn, which is fitted
once where ours chooses a ridge, sets a temperature and draws a learning curve. Times are of the
processor.
"""

import argparse
import functools
import gzip
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.harness import Figure

from dovetail.labels.learning import Answered, Said, train
from dovetail.labels.learning.linear import activated, fit
from dovetail.labels.learning.rows import Rows
from dovetail.labels.learning.strategies import Pool, choose

STRATEGIES = ("typical-margin", "typiclust", "margin", "entropy", "coreset", "random")
CONFIG = (
    '<View><Text name="t" value="$t"/><Choices name="c" toName="t"><Choice value="0"/>'
    '<Choice value="1"/></Choices></View>'
)


def cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    """What some work gives, and the processor time of its quickest of three runs."""
    spent = []
    for _ in range(3):
        begin = time.process_time()
        found = work()
        spent.append(time.process_time() - begin)
    return found, min(spent)


def needed(name: str, seed: int) -> int:
    """Labels that a strategy needs on digits; 410 where 400 are not enough."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    points, truth = load_digits(return_X_y=True)
    parts = train_test_split(points / 16, truth, test_size=600, random_state=seed, stratify=truth)
    here, there, said, told = parts
    rows, others = Rows.of_dense(here), Rows.of_dense(there)

    def model(chosen: Any) -> Any:
        return fit(
            rows.take(chosen), np.eye(10)[said[chosen]], np.ones(len(chosen)), "softmax", 1.0
        )

    def right(weights: Any) -> float:
        return float(((others.times(weights[:-1]) + weights[-1]).argmax(1) == told).mean())

    goal = 0.95 * right(model(np.arange(len(said))))
    rng = np.random.default_rng(seed)
    labelled = [int(rng.choice(np.flatnonzero(said == c))) for c in range(10)]
    while len(labelled) <= 400:
        weights = model(np.array(labelled))
        if right(weights) >= goal:
            return len(labelled)
        pool = np.setdiff1d(np.arange(len(said)), labelled)
        scores = rows.take(pool).times(weights[:-1]) + weights[-1]
        asked = Pool(activated(scores, "softmax"), here[pool], here[labelled], seed)
        labelled += pool[choose(name, asked, 10)].tolist()
    return 410


def strategies(seeds: int) -> Iterator[Figure]:
    """Labels to 95 % by strategy, and what a choice among 1,200 items costs."""
    rng = np.random.default_rng(0)
    asked = Pool(
        rng.dirichlet(np.ones(10), 1200), rng.normal(size=(1200, 64)), rng.normal(size=(100, 64))
    )
    for name in STRATEGIES:
        found = [needed(name, seed) for seed in range(seeds)]
        yield Figure(
            "labels", "digits: labels to 95 %, median", name, statistics.median(found), "labels"
        )
        yield Figure(
            "labels", "digits: labels to 95 %, mean", name, statistics.mean(found), "labels"
        )
        _, spent = cpu(functools.partial(choose, name, asked, 10))
        yield Figure("labels", "choose 10 of 1,200 items", name, 1e3 * spent, "ms")


def task(text: str, label: int) -> Answered:
    """An answered text."""
    value = {"choices": [str(label)]}
    region = {"from_name": "c", "to_name": "t", "type": "choices", "value": value}
    return Answered({"t": text}, [Said("a", [region])])


def texts(file: Path, seeds: int = 5) -> Iterator[Figure]:
    """Accuracy, calibration and cost on texts, beside scikit-learn."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    with gzip.open(file, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    said, truth = [row["text"] for row in rows], np.array([row["label"] for row in rows])
    theirs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(said)
    for count in (30, 100, 300, 1000):
        figures: dict[str, list[tuple[float, float, float]]] = {"ours": [], "scikit-learn": []}
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(len(said))
            here, there = order[:count], order[1000:]
            figures["ours"].append(_ours(said, truth, here, there))
            begin = time.process_time()
            model = LogisticRegression(C=10, max_iter=300).fit(theirs[here], truth[here])
            spent = time.process_time() - begin
            told = model.predict_proba(theirs[there])
            figures["scikit-learn"].append((*_judged(told, truth[there]), spent))
        for who, several in figures.items():
            right, apart, spent = (statistics.mean(column) for column in zip(*several, strict=True))
            head = f"comments, {count} labelled"
            yield Figure("labels", f"{head}: errors", who, 100 * (1 - right), "%")
            yield Figure("labels", f"{head}: calibration error", who, 100 * apart, "%")
            yield Figure("labels", f"{head}: train", who, 1e3 * spent, "ms")


def _ours(said: Any, truth: Any, here: Any, there: Any) -> tuple[float, float, float]:
    answered = [task(said[row], truth[row]) for row in here]
    pool = [{"t": said[row]} for row in np.setdiff1d(np.arange(len(said)), here)]
    begin = time.process_time()
    labeller = train(CONFIG, answered, pool)
    spent = time.process_time() - begin
    told = labeller.unsure(labeller.encoder.rows([{"t": said[row]} for row in there]))
    return (*_judged(told, truth[there]), spent)


def _judged(told: Any, truth: Any) -> tuple[float, float]:
    """Accuracy, and the mean difference of promise and truth over ten bins."""
    sure, right = told.max(1), told.argmax(1) == truth
    bins = np.minimum((sure * 10).astype(int), 9)
    apart = np.bincount(bins, right - sure, 10)
    return float(right.mean()), float(np.abs(apart).sum() / len(truth))


def prediction() -> Iterator[Figure]:
    """What it costs to predict ten thousand comments of twenty words."""
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(5000)])
    said = [" ".join(rng.choice(words, 20)) for _ in range(10_000)]
    labeller = train(CONFIG, [task(text, i % 2) for i, text in enumerate(said[:200])])
    found, spent = cpu(lambda: labeller.predict([{"t": text} for text in said]))
    assert len(found) == len(said)
    yield Figure("labels", "predict 10,000 comments", "ours", spent, "s")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, help="JSON lines, gzipped, of text and label")
    parser.add_argument("--seeds", type=int, default=11)
    chosen = parser.parse_args()
    for figure in strategies(chosen.seeds):
        figure.emit()
    for figure in prediction():
        figure.emit()
    if chosen.texts:
        for figure in texts(chosen.texts):
            figure.emit()


if __name__ == "__main__":
    main()
