"""A handful of right labels tells what predictions cannot."""

from typing import Any

import numpy as np
import polars as pl

from dovetail.labels.audit import Audit, Columns, audit_columns


def world(rate: float, rows: int = 3000) -> tuple[pl.DataFrame, Any]:
    """A table where a share of one class has the label of the other, and which rows are wrong."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, rows)
    x = rng.normal(0, 1, (rows, 3)) + 1.8 * truth[:, None]
    given = np.where((truth == 0) & (rng.random(rows) < rate), 1, truth)
    gold: list[str | None] = [None] * rows
    for row in rng.choice(rows, 60, replace=False):
        gold[row] = "ab"[truth[row]]
    table = pl.DataFrame(x, schema=["r", "s", "t"], orient="row")
    label = np.array(["a", "b"])[given]
    return table.with_columns(y=label, gold=pl.Series(gold, dtype=pl.String)), given != truth


def f1(found: Audit, wrong: Any) -> float:
    rows = [one.row for one in found.suspects]
    return float(2 * wrong[rows].sum() / (len(rows) + wrong.sum()))


def test_noise_past_predictions_is_said_and_gold_resolves_it() -> None:
    table, wrong = world(0.5)
    blind = audit_columns(table, Columns("y", {}, ignore=("gold",)), price=0.1)
    assert blind.actions[0].kind == "gold"
    assert blind.actions[0].cost == blind.actions[0].labels * 0.1
    assert any("of what is really 'a' look mislabelled" in reason for reason in blind.reasons)
    assert len(blind.ask) == 30
    told = audit_columns(table, Columns("y", {}, gold="gold"))
    assert told.basis == "gold"
    assert told.lower < 1 - wrong.mean() < told.upper
    assert f1(told, wrong) > max(f1(blind, wrong), 0.85)
    assert "gold" not in [one.kind for one in told.actions]


def test_rows_that_gold_contradicts_come_first_and_right_ones_never() -> None:
    table, wrong = world(0.3)
    found = audit_columns(table, Columns("y", {}, gold="gold"))
    known = np.flatnonzero(table["gold"].is_not_null().to_numpy())
    rows = [one.row for one in found.suspects]
    assert set(rows[: wrong[known].sum()]) == set(known[wrong[known]].tolist())
    assert not set(rows) & set(known[~wrong[known]].tolist())


def test_confusions_say_which_way() -> None:
    table, wrong = world(0.15)
    found = audit_columns(table, Columns("y", {}, ignore=("gold",)))
    most = found.confusions[0]
    assert (most.label, most.other, most.ways) == ("b", "a", "one way")
    assert abs(most.rows - wrong.sum()) < 0.5 * wrong.sum()


def test_how_many_suspects_to_look_at_is_told_with_what_it_does() -> None:
    table, _ = world(0.15)
    found = audit_columns(table, Columns("y", {}, ignore=("gold",)), target=0.95, price=0.5)
    again = next(one for one in found.actions if one.kind == "relabel")
    assert 0 < again.labels <= len(found.suspects)
    assert again.cost == again.labels * 0.5
    assert "right labels from" in again.effect


def test_whether_new_rows_help_is_told_or_it_is_said_that_it_cannot_be() -> None:
    table, _ = world(0.0)
    found = audit_columns(table, Columns("y", {}, ignore=("gold",)))
    assert not [one for one in found.actions if one.kind == "new"]
    assert "twice as many would change its error" in found.notes[0]
    rng = np.random.default_rng(0)
    names = np.array([f"w{n}" for n in range(400)])
    truth = rng.integers(0, 2, 1500)
    texts = [" ".join(names[(rng.integers(0, 200, 6) * 2 + t) % 400]) for t in truth]
    hard = pl.DataFrame({"text": texts, "y": np.array(["a", "b"])[truth]})
    more = [one for one in audit_columns(hard, Columns("y", {})).actions if one.kind == "new"]
    assert "with twice the rows" in more[-1].effect
