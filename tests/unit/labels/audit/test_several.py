"""Items with several labels at once: each class is audited as a question of its own."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.base.errors import InvalidInputError
from dovetail.labels.audit import Columns, audit_lists
from dovetail.labels.audit.lists import lists_in
from dovetail.labels.cli import commands

WORDS = {
    "late": ["late", "delayed", "waiting"],
    "broken": ["broken", "torn", "cracked"],
    "kind": ["kind", "friendly", "polite"],
}
FILLER = ["the", "order", "was", "here", "and", "it", "came", "with", "some", "people", "from"]


def world(rows: int = 500, wrong: float = 0.05) -> tuple[pl.DataFrame, set[tuple[int, str]]]:
    """Comments with lists of labels, and which of these were made wrong."""
    rng = np.random.default_rng(0)
    found, flipped = [], set()
    for number in range(rows):
        have = [name for name in WORDS if rng.random() < 0.35]
        words = [*rng.choice(FILLER, 7), *(w for c in have for w in rng.choice(WORDS[c], 2))]
        rng.shuffle(words)
        said = list(have)
        for name in WORDS:
            if rng.random() < wrong:
                flipped.add((number, name))
                said = [c for c in said if c != name] if name in said else [*said, name]
        found.append({"text": f"{' '.join(words)} nr {number}", "y": said, "right": have})
    return pl.DataFrame(found), flipped


def run(path: Path, *more: str) -> dict:
    line = ["audit", str(path), "--label", "y", "--ignore", "right", "--json", *more]
    done = CliRunner().invoke(commands, line, catch_exceptions=False)
    return dict(json.loads(done.output))


def test_classes_too_many_and_missing_are_told_item_by_item(tmp_path: Path) -> None:
    table, flipped = world()
    table.write_parquet(tmp_path / "t.parquet")
    page = tmp_path / "audit.html"
    found = run(tmp_path / "t.parquet", "--html", str(page))
    assert found["rows"] == 500
    assert sorted(one["label"] for one in found["questions"]) == ["broken", "kind", "late"]
    assert found["lower"] < 1 - len(flipped) / 1500 < found["upper"]
    top = {(one["row"], one["label"]) for one in found["suspects"][:50]}
    assert len(top & flipped) / 50 > 0.7
    said = {row: set(names) for row, names in enumerate(table["y"].to_list())}
    assert all(one["has"] == (one["label"] in said[one["row"]]) for one in found["suspects"])
    assert {one["has"] for one in found["suspects"]} == {True, False}
    assert "lacks it" in page.read_text()


def test_what_is_printed_names_the_class(tmp_path: Path) -> None:
    table, _ = world()
    table.write_parquet(tmp_path / "t.parquet")
    line = ["audit", str(tmp_path / "t.parquet"), "--label", "y", "--ignore", "right"]
    done = CliRunner().invoke(commands, line, catch_exceptions=False)
    assert done.exit_code == 1
    assert "'late': labels may be only" in done.output
    assert "Not good enough to train on" in done.output


def test_good_labels_are_good_enough(tmp_path: Path) -> None:
    table, _ = world(wrong=0)
    table.write_parquet(tmp_path / "t.parquet")
    done = CliRunner().invoke(
        commands,
        ["audit", str(tmp_path / "t.parquet"), "--label", "y", "--ignore", "right",
         "--target", "0.9"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("form", ["json", "label studio"])
def test_lists_in_a_csv_are_read(tmp_path: Path, form: str) -> None:
    table, _ = world()

    def text(names: list[str]) -> str:
        if form == "json":
            return json.dumps(names)
        return (
            names[0] if len(names) == 1 else json.dumps({"choices": names}, separators=(",", ":"))
        )

    told = [text(names) for names in table["y"].to_list()]
    table.select("text", pl.Series("y", told), right=pl.lit("")).write_csv(tmp_path / "t.csv")
    table.write_parquet(tmp_path / "t.parquet")
    of_csv = run(tmp_path / "t.csv")
    assert of_csv["questions"] == run(tmp_path / "t.parquet")["questions"]


def test_gold_lists_measure_what_is_right() -> None:
    table, flipped = world()
    some = np.random.default_rng(1).random(500) < 0.3
    table = table.with_columns(gold=pl.when(pl.Series(some)).then(pl.col("right")))
    found = audit_lists(table, Columns("y", {}, gold="gold", ignore=("right",)))
    assert found.basis == "gold"
    assert found.lower < 1 - len(flipped) / 1500 < found.upper


def test_a_model_of_ones_own_predicts_each_class_by_itself() -> None:
    table, flipped = world()
    shown = {
        name: [0.97 if name in names else 0.02 for names in table["right"].to_list()]
        for name in WORDS
    }
    table = table.with_columns(pl.Series(f"p_{name}", told) for name, told in shown.items())
    columns = Columns("y", {name: f"p_{name}" for name in WORDS}, ignore=("right",))
    found = audit_lists(table, columns)
    assert {(one.row, one.label) for one in found.suspects} == flipped
    with pytest.raises(InvalidInputError, match="the label 'kind' has no column of predictions"):
        audit_lists(table, Columns("y", {"late": "p_late", "broken": "p_broken"}))


def test_a_rare_class_is_named_and_not_guessed_at() -> None:
    table, _ = world(wrong=0)
    lists = table["y"].to_list()
    lists[0] = [*lists[0], "odd"]
    found = audit_lists(
        table.with_columns(pl.Series("y", lists)), Columns("y", {}, ignore=("right",))
    )
    assert "odd" not in [one.label for one in found.questions]
    assert "'odd' has 1 rows: label 19 more" in found.reasons


def test_rows_of_two_splits_are_told_once() -> None:
    table, _ = world()
    both = pl.concat(
        [table.with_columns(part=pl.lit("train")), table.head(20).with_columns(part=pl.lit("test"))]
    )
    found = audit_lists(both, Columns("y", {}, split="part", ignore=("right",)))
    assert found.leaks == 40
    assert sum("another split" in reason for reason in found.reasons) == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (pl.Series([["a"], [], None]), [["a"], [], None]),
        (pl.Series(["[1]", '["a","a"]']), [["1"], ["a"]]),
        (pl.Series(["a", '{"choices":["a","b"]}', None]), [["a"], ["a", "b"], None]),
        (pl.Series(["[a", "[b"]), None),
        (pl.Series(["a", "b"]), None),
        (pl.Series(['[["a"]]']), None),
        (pl.Series([1, 2]), None),
    ],
    ids=["lists", "json", "label studio", "no json", "texts", "nested", "numbers"],
)  # fmt: skip
def test_what_is_a_list(values: pl.Series, told: object) -> None:
    assert lists_in(values) == told
