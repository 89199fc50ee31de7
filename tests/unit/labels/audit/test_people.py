"""Several people an item: their answers tell, with or without anything that describes the item."""

import numpy as np
import polars as pl
import pytest

from dovetail.labels.audit import Audit, Columns, audit_columns

SKILLS = (0.95, 0.9, 0.85, 0.55)


def answers(describe: bool) -> pl.DataFrame:
    """A row an answer of four people on 300 items."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    rows = []
    for item in range(300):
        for who, skill in enumerate(SKILLS):
            said = truth[item] if rng.random() < skill else 1 - truth[item]
            row = {"item": f"i{item}", "who": f"p{who}", "y": "ab"[said]}
            rows.append(row | ({"x": float(truth[item]) + rng.normal(0, 0.4)} if describe else {}))
    return pl.DataFrame(rows)


def audited(table: pl.DataFrame) -> Audit:
    return audit_columns(table, Columns("y", {}, "who", item="item"))


@pytest.mark.parametrize("describe", [True, False], ids=["described", "bare"])
def test_people_are_measured_and_unsure_items_are_named(describe: bool) -> None:
    table = answers(describe)
    found = audited(table)
    assert (found.rows, found.basis) == (300, "people")
    assert found.lower < found.accuracy < found.upper
    assert found.annotators[0].name == "p3"
    for one in found.annotators:
        assert one.lower < SKILLS[int(one.name[1])] < one.upper
    assert {one.row % 4 for one in found.suspects} <= {0}
    if not describe:
        assert "no column describes the rows" in found.notes[0]


def test_bare_rows_of_one_label_each_cannot_be_audited() -> None:
    table = answers(describe=False)
    with pytest.raises(ValueError, match="no column tells anything about the label"):
        audit_columns(table.unique("item", maintain_order=True), Columns("y", {}, "who"))
