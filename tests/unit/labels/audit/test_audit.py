"""Label errors are found, counted and told apart from what predictions cannot tell."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.base.errors import InvalidInputError
from dovetail.labels import find_issues
from dovetail.labels.audit import Audit, audit
from dovetail.labels.cli import commands


def world(rows: int, classes: int, rate: float, *, spread: bool, seed: int = 0) -> Any:
    """Return labels, predictions and which labels are wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, rows)
    score = rng.normal(0, 1, (rows, classes))
    score[np.arange(rows), truth] += 4
    shown = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    step = rng.integers(1, classes, rows) if spread else 1
    given = np.where(rng.random(rows) < rate, (truth + step) % classes, truth)
    return given, shown, given != truth


@pytest.mark.parametrize("spread", [True, False], ids=["spread", "to one class"])
@pytest.mark.parametrize("rate", [0.05, 0.2])
@pytest.mark.parametrize("classes", [2, 6])
def test_wrong_labels_are_found(classes: int, rate: float, spread: bool) -> None:
    given, shown, wrong = world(3000, classes, rate, spread=spread)
    found = find_issues(given, shown)
    hit = wrong[found.suspects].sum()
    assert 2 * hit / (len(found.suspects) + wrong.sum()) > 0.75
    assert wrong[found.suspects[: wrong.sum() // 4]].mean() > 0.9
    assert found.wrong == pytest.approx(wrong.sum(), rel=0.35)
    assert len(set(found.suspects.tolist())) == len(found.suspects)
    assert (found.likely != given[found.suspects]).all()


def test_right_labels_are_left_alone() -> None:
    given, shown, _ = world(3000, 4, 0.0, spread=True)
    assert len(find_issues(given, shown).suspects) < 0.03 * 3000


def table_of(given: Any, shown: Any, **more: Any) -> pl.DataFrame:
    columns = {"x": np.arange(len(given)), "y": given, "p_0": shown[:, 0], "p_1": shown[:, 1]}
    return pl.DataFrame({**columns, **more})


def audited(table: pl.DataFrame, **options: Any) -> Audit:
    return audit(table, "y", {"0": "p_0", "1": "p_1"}, **options)


def test_a_clean_table_is_good_enough() -> None:
    given, shown, _ = world(2000, 2, 0.0, spread=False)
    found = audited(table_of(given, shown))
    assert (found.enough, found.reasons) == (True, [])
    assert found.lower < found.accuracy <= found.upper


def test_a_poor_annotator_comes_first_and_rows_without_labels_keep_their_place() -> None:
    given, shown, wrong = world(2000, 2, 0.1, spread=False)
    table = table_of(given, shown, who=np.where(wrong, "eve", "ann"))
    table = pl.concat([table.head(1).with_columns(y=pl.lit(None, pl.Int64)), table])
    found = audited(table, annotator="who")
    assert [one.name for one in found.annotators] == ["eve", "ann"]
    assert found.rows == 2000
    assert wrong[[one.row - 1 for one in found.suspects]].mean() > 0.8
    assert not found.enough


def test_contradictions_and_leaks_are_counted() -> None:
    given, shown, _ = world(400, 2, 0.0, spread=False)
    table = table_of(given, shown, part=["train"] * 300 + ["test"] * 100)
    leak = table.head(5).with_columns(part=pl.lit("test"))
    apart = table.tail(3).with_columns(y=1 - pl.col("y"))
    found = audited(pl.concat([table, leak, apart]), split="part")
    assert (found.contradictions, found.leaks) == (6, 10)
    assert len(found.reasons) >= 2


def test_noise_past_what_predictions_tell_is_said() -> None:
    given, shown, _ = world(1000, 2, 0.0, spread=False)
    given = np.where((given == 0) & (np.arange(1000) % 2 == 0), 1, given)
    assert any(
        "more than predictions can tell" in r for r in audited(table_of(given, shown)).reasons
    )


def test_rare_classes_are_named() -> None:
    given, shown, _ = world(400, 2, 0.0, spread=False)
    table = table_of(given, shown)
    few = pl.concat([table.filter(y=0), table.filter(y=1).head(4)])
    assert "'1' has 4 rows: label 16 more" in audited(few).reasons


def test_the_command_answers_by_its_exit_code(tmp_path: Path) -> None:
    given, shown, _ = world(2000, 2, 0.0, spread=False)
    path = tmp_path / "data.csv"
    table_of(given, shown).write_csv(path)
    line = ["audit", str(path), "--label", "y", "--json"]
    done = CliRunner().invoke(commands, line, catch_exceptions=False)
    assert done.exit_code == 0
    assert json.loads(done.output)["enough"] is True
    strict = CliRunner().invoke(commands, [*line[:-1], "--target", "1.0"], catch_exceptions=False)
    assert strict.exit_code == 1
    assert "Not good enough to train on" in strict.output


def test_wrong_use_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no probabilities"):
        find_issues(np.array([0, 1]), np.array([[0.5, np.nan], [0.5, 0.5]]))
    table = pl.DataFrame({"y": ["a", "b"], "p_0": [0.1, 0.9], "p_1": [0.9, 0.1]})
    with pytest.raises(InvalidInputError, match="the label 'a' has no column of predictions"):
        audited(table)
    with pytest.raises(InvalidInputError, match="'p_0' holds values that are no probabilities"):
        audited(pl.DataFrame({"y": [0], "p_0": ["high"], "p_1": [0.1]}))
    path = tmp_path / "bare.csv"
    path.write_text("y\n" + "1\n2\n" * 10)
    with pytest.raises(InvalidInputError, match="no column tells anything about the label"):
        CliRunner().invoke(commands, ["audit", str(path), "--label", "y"], catch_exceptions=False)


def test_without_predictions_a_plain_model_is_cross_validated() -> None:
    given, shown, wrong = world(1000, 3, 0.1, spread=False)
    table = pl.DataFrame({"a": shown[:, 0], "b": shown[:, 1], "y": given}).with_columns(
        b=pl.when(pl.int_range(pl.len()) % 50 == 0).then(None).otherwise(pl.col("b"))
    )
    found = audit(table, "y", {})
    assert wrong[[one.row for one in found.suspects]].mean() > 0.8
    assert audit(table, "y", {}) == found


def test_words_of_texts_tell_labels() -> None:
    said = ["buy cheap pills now", "see you at dinner tonight"]
    texts = [f"{said[n % 2]} number {n}" for n in range(300)]
    labels = ["spam" if n % 2 == 0 else "ham" for n in range(300)]
    labels[7] = "spam"
    found = audit(pl.DataFrame({"text": texts, "y": labels}), "y", {})
    assert [(one.row, one.likely) for one in found.suspects][:1] == [(7, "ham")]
