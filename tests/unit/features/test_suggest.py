"""Raw tables become definitions that help, that leak nothing, and that say what was not used."""

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.features import load, training_set
from dovetail.features.cli import commands
from dovetail.features.errors import RowsError
from dovetail.features.suggest import check, suggest
from dovetail.features.suggest.choose import Chooser, Column
from dovetail.features.suggest.goals import goal_of

START = datetime(2025, 1, 1, tzinfo=UTC)


def tickets(rows: int = 2_000, *, seed: int = 3, late_close: bool = True) -> pl.DataFrame:
    """Tickets of customers, of whom some always escalate; `verdict` tells the label."""
    draw = random.Random(seed)
    habit = [draw.random() for _ in range(40)]
    found = []
    for number in range(rows):
        opened = START + timedelta(minutes=30 * number)
        customer = draw.randrange(40)
        is_refund = draw.random() < 0.25
        escalated = draw.random() < 0.05 + 0.5 * habit[customer] + 0.35 * is_refund
        spent = timedelta(hours=draw.randint(1, 30) if late_close else -1)
        found.append(
            {
                "ticket": number,
                "opened": opened,
                "customer": f"C{customer}",
                "subject": f"please {'refund' if is_refund else 'answer'} "
                f"my {draw.choice('abc')} order",
                "closed": opened + spent,
                "escalated": escalated,
                "verdict": float(escalated),
            }
        )
    return pl.DataFrame(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tickets().write_parquet(tmp_path / "tickets.parquet")
    names = [f"C{i}" for i in range(40)]
    pl.DataFrame({"name": names, "seats": [i % 7 for i in range(40)]}).write_csv(
        tmp_path / "customers.csv"
    )
    return tmp_path


def arguments(folder: Path, *more: str) -> list[str]:
    files = [str(folder / name) for name in ("tickets.parquet", "customers.csv")]
    told = ["--label", "escalated", "--asked", "opened", "--out", str(folder / "out.py")]
    return ["suggest", *files, *told, *more]


def test_what_tells_of_the_label_is_found_and_written(folder: Path) -> None:
    found = suggest(
        [folder / "tickets.parquet", folder / "customers.csv"],
        label="escalated",
        asked="opened",
        given=["customer", "subject"],
        known={"escalated": "closed"},
    )
    names = [f.name for f in found.features]
    assert any("subject_says" in name for name in names)
    assert any("closed_past_by_customer" in name for name in names)
    assert found.after > found.before + 0.1
    assert set(found.task.unused) == {"ticket", "verdict"}
    out = folder / "found.py"
    out.write_text(found.code(out))
    assert check(found, out).services["escalated"]
    questions = tickets().tail(50)
    table = training_set(
        questions.select("customer", "subject", "opened"),
        "escalated",
        load(out),
        asked="opened",
        full_feature_names=True,
    )
    assert table.width == 3 + len(names)


def test_a_row_that_was_closed_before_it_was_asked_does_not_tell_its_own_label(
    tmp_path: Path,
) -> None:
    draw = random.Random(1)
    rows = tickets(late_close=False)
    coin = pl.Series("escalated", [draw.random() < 0.5 for _ in range(rows.height)])
    rows.with_columns(coin, customer=pl.col("ticket").cast(pl.String)).write_parquet(
        tmp_path / "coins.parquet"
    )
    found = suggest(
        [tmp_path / "coins.parquet"],
        label="escalated",
        asked="opened",
        given=["customer", "ticket"],
        known={"escalated": "closed"},
    )
    assert found.after < 0.6


def test_a_number_and_several_classes_are_labels_too(tmp_path: Path) -> None:
    draw = random.Random(5)
    rows = tickets(1_500).with_columns(
        cost=pl.col("verdict") * 10 + pl.Series([draw.random() for _ in range(1_500)]),
        grade=pl.when(pl.col("subject").str.contains("refund"))
        .then(pl.lit("bad"))
        .when(pl.col("subject").str.contains(" a "))
        .then(pl.lit("good"))
        .otherwise(pl.lit("fair")),
    )
    rows.write_parquet(tmp_path / "t.parquet")
    for label, measure in (("cost", "R2"), ("grade", "accuracy")):
        found = suggest(
            [tmp_path / "t.parquet"], label=label, asked="opened", given=["customer", "subject"]
        )
        assert found.measure == measure
        assert found.after > found.before + 0.02


def test_the_command_writes_a_file_that_check_accepts(folder: Path) -> None:
    told = ("--given", "customer,subject", "--known", "escalated=closed")
    done = CliRunner().invoke(commands, arguments(folder, *told, "--seconds", "60"))
    assert done.exit_code == 0, done.output
    assert "verdict" in done.output  # not used, because nothing says when it is known
    checked = CliRunner().invoke(commands, ["check", str(folder / "out.py")])
    assert checked.exit_code == 0, checked.output
    again = CliRunner().invoke(commands, arguments(folder, *told))
    assert again.exit_code == 2
    assert "--force" in again.output


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (("--given", "custmer"), "has no column custmer"),
        (("--known", "escalated"), "is not COLUMN=TIME"),
        (("--known", "escalated=subject"), "not times"),
        (("--given", "closed", "--known", "escalated=closed"), "cannot be known when asked"),
    ],
)
def test_what_is_said_wrongly_is_explained(folder: Path, told: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(commands, arguments(folder, *told))
    assert done.exit_code != 0
    assert said in done.output + str(done.exception)
    assert not (folder / "out.py").exists()


def test_too_few_questions_and_useless_tables_are_refused(folder: Path) -> None:
    tickets(50).write_parquet(folder / "few.parquet")
    with pytest.raises(RowsError, match="50 rows"):
        suggest([folder / "few.parquet"], label="escalated", asked="opened", given=["customer"])
    pl.DataFrame({"x": [1, 2], "y": [3, 4]}).write_parquet(folder / "strange.parquet")
    with pytest.raises(RowsError, match="strange"):
        suggest(
            [folder / "tickets.parquet", folder / "strange.parquet"],
            label="escalated",
            asked="opened",
            given=["customer"],
        )


def chooser(labels: np.ndarray, **limits: int) -> Chooser:
    goal = goal_of(pl.Series("label", labels))
    bounds = {"most_features": 40, "most_views": 16} | limits
    return Chooser(goal, [], **bounds, until=math.inf, say=lambda _: None)


def test_what_tells_something_only_beside_another_column_is_found() -> None:
    r = np.random.default_rng(0)
    x = r.standard_normal((6000, 30)).astype(np.float32)
    labels = ((x[:, 3] > 0) ^ (x[:, 17] > 0)) ^ (r.random(6000) < 0.1)
    columns = [Column(f"c{k}", (f"view{k}",), x[:, k]) for k in range(30)]
    chosen = chooser(labels).choose(columns)
    assert {"c3", "c17"} <= {column.name for column in chosen.columns[:2]}
    assert chosen.before < 0.55
    assert chosen.after > 0.8


def test_of_columns_that_tell_nothing_little_comes_and_limits_hold() -> None:
    r = np.random.default_rng(1)
    x = r.standard_normal((6000, 200)).astype(np.float32)
    columns = [Column(f"c{k}", (f"view{k % 50}",), x[:, k]) for k in range(200)]
    luck = chooser(r.random(6000) < 0.5).choose(columns)
    assert luck.after < 0.56
    labels = x[:, :40].sum(axis=1) + r.standard_normal(6000) > 0
    some = chooser(labels, most_features=12, most_views=5).choose(columns).columns
    assert 0 < len(some) <= 12
    assert len({view for column in some for view in column.views}) <= 5
