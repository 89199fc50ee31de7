"""People and a model together are better than either, also with one answer an item."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.base.errors import InvalidInputError
from dovetail.labels import Live, Votes, combine, combine_model, combine_votes
from dovetail.labels.cli import commands


def world(per: int, items: int = 1500, classes: int = 4, seed: int = 0) -> tuple[Any, Any, Any]:
    """Return answers of 20 people, what a model of noisy labels predicts, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, items)
    skill = rng.beta(5, 3, 20)
    item = np.repeat(np.arange(items), per)
    who = np.concatenate([rng.choice(20, per, replace=False) for _ in range(items)])
    wrong = (truth[item] + rng.integers(1, classes, len(item))) % classes
    label = np.where(rng.random(len(item)) < skill[who], truth[item], wrong)
    sees = np.where(rng.random(items) < 0.8, truth, rng.integers(0, classes, items))
    score = rng.normal(0, 0.4, (items, classes))
    score[np.arange(items), sees] += 1.5  # right at 85 %, and far too unsure
    shown = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    return Votes(item, who, label, items, 20, classes), shown, truth


@pytest.mark.parametrize(("per", "more"), [(1, -0.01), (2, 0.0), (4, 0.05)])
def test_both_together_are_better_than_either(per: int, more: float) -> None:
    votes, shown, truth = world(per)
    _, both = combine_model(votes, shown)
    _, people = combine_votes(votes)
    alone = max((people.argmax(1) == truth).mean(), (shown.argmax(1) == truth).mean())
    right = (both.argmax(1) == truth).mean()
    assert right > alone + more
    assert both.max(1).mean() == pytest.approx(right, abs=0.05)


def test_a_model_that_knows_nothing_is_ignored() -> None:
    votes, _, truth = world(4)
    shown = np.random.default_rng(1).dirichlet(np.ones(4), votes.items)
    found, both = combine_model(votes, shown)
    _, people = combine_votes(votes)
    assert found.power < 0.5
    assert (both.argmax(1) == truth).mean() > (people.argmax(1) == truth).mean() - 0.01


def test_items_that_only_the_model_knows_are_labelled_and_answers_go_on() -> None:
    votes, shown, truth = world(2, items=400)
    columns = votes.item.tolist(), votes.source.tolist(), votes.label.tolist()
    known = {n: shown[n].tolist() for n in range(400)} | {"new": [0.05, 0.05, 0.05, 0.85]}
    found = combine(*columns, probabilities=known)
    assert (found.model, found.items[-1], found.labels[-1]) == ("crowdlab", "new", 3)
    assert (np.array(found.labels[:400]) == truth).mean() > 0.8
    best = max(found.quality(), key=lambda one: one.accuracy)
    live = Live(found)
    assert live.add("new", int(best.source), 1)[1] > found.posterior[-1, 1]


def test_the_command_takes_predictions(tmp_path: Path) -> None:
    votes, shown, truth = world(1, items=600)
    names = np.array(["a", "b", "c", "d"])
    answers = {"item": votes.item, "source": votes.source, "label": names[votes.label]}
    pl.DataFrame(answers).write_parquet(tmp_path / "answers.parquet")
    told = {"item": np.arange(600)} | {f"p_{n}": shown[:, k] for k, n in enumerate(names)}
    pl.DataFrame(told).write_parquet(tmp_path / "told.parquet")
    line = ["combine", str(tmp_path / "answers.parquet"), "--out", str(tmp_path / "out.parquet")]
    line += ["--predictions", str(tmp_path / "told.parquet")]
    done = CliRunner().invoke(commands, line, catch_exceptions=False)
    assert "by crowdlab" in done.output
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert (out["label"].to_numpy() == names[truth[out["item"].to_numpy()]]).mean() > 0.8


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (np.full((400, 3), 0.3), "not items and classes: .400, 4."),
        (np.full((400, 4), np.nan), "no probabilities"),
    ],
    ids=["shape", "values"],
)
def test_wrong_predictions_are_refused(shown: Any, message: str) -> None:
    votes, _, _ = world(2, items=400)
    with pytest.raises(InvalidInputError, match=message):
        combine_model(votes, shown)


def test_predictions_of_too_few_classes_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="the predictions of 1 are 1, the classes 2"):
        combine([1, 2], ["a", "a"], ["x", "y"], probabilities={1: [1.0]})
