import numpy as np
import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.files import read_columns
from dovetail.monitoring.report import compare
from dovetail.monitoring.ui.html import report_html


def table(seed, rows=600, *, shift=0.0, missing=0.0, new=0.0):
    r = np.random.default_rng(seed)
    x = r.normal(shift, 1, rows)
    x[r.random(rows) < missing] = np.nan
    levels = r.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    levels = np.where(r.random(rows) < new, "brand new", levels)
    return {"x": x, "still": r.random(rows), "level": levels.tolist()}


def test_the_verdict_errs_about_as_often_as_it_says():
    wrong = sum(compare(table(i), table(1000 + i)).verdict == "drift" for i in range(200))
    assert wrong <= 20


@pytest.mark.parametrize(
    ("change", "column", "test"),
    [
        ({"shift": 0.4}, "x", "ks"),
        ({"missing": 0.05}, "x", "missing"),
        ({"new": 0.05}, "level", "chi2"),
    ],
    ids=["shift", "missing", "new-level"],
)
def test_each_kind_of_change_is_found_where_it_is(change, column, test):
    found = compare(table(0), table(1, **change))
    assert found.verdict == "drift"
    assert [(c.column, c.test) for c in found.columns if c.drift] == [(column, test)]
    assert found.columns[0].column == column


def test_a_column_that_is_gone_is_drift_and_a_new_one_is_named():
    now = table(1)
    now["fresh"] = now.pop("x")
    found = compare(table(0), now)
    assert (found.verdict, found.absent, found.added) == ("drift", ["x"], ["fresh"])


def test_performance_is_measured_where_scores_are_named():
    r = np.random.default_rng(0)
    p = r.random(1000)
    y = (r.random(1000) < p).astype(float)
    found = compare({"p": p, "y": y}, {"p": p[:500]}, score="p", label="y")
    before, now = found.performance
    assert before.auc > 0.8
    assert (now.auc, now.outcomes) == (None, 0)
    assert now.estimated_auc == pytest.approx(before.auc, abs=0.03)
    assert found.verdict == "no drift"
    with pytest.raises(InvalidInputError, match="the reference has no column 'score'"):
        compare({"p": p}, {"p": p}, score="score")


def test_the_html_is_one_small_file_that_calls_nobody_and_escapes_names():
    found = compare({"<script>": np.arange(9.0)}, {"<script>": np.arange(9.0)})
    html = report_html(found, "a&b.csv", "now.csv")
    assert len(html) < 20_000
    assert "<script>" not in html
    assert "http" not in html
    assert "a&amp;b.csv" in html


def test_csv_columns_are_numbers_only_if_all_fields_are(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\ufeffx,level,empty\n1.5,a,\nNA,,\n3,b,\n")
    columns = read_columns(path)
    assert np.nan_to_num(columns["x"], nan=-1).tolist() == [1.5, -1, 3]
    assert columns["level"] == ["a", None, "b"]
    assert np.isnan(columns["empty"]).all()


def test_parquet_columns_keep_their_meaning(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from datetime import datetime

    import pyarrow.parquet

    path = tmp_path / "t.parquet"
    columns = {
        "whole": [1, None, 3],
        "flag": [True, False, None],
        "text": arrow.array(["a", None, "b"]).dictionary_encode(),
        "when": [datetime(2013, 4, 1), None, datetime(2013, 4, 2)],
        "nested": [[1], [2], None],
    }
    pyarrow.parquet.write_table(arrow.table(columns), path)
    found = read_columns(path)
    assert np.nan_to_num(found["whole"], nan=-1).tolist() == [1, -1, 3]
    assert np.nan_to_num(found["flag"], nan=-1).tolist() == [1, 0, -1]
    assert found["text"] == ["a", None, "b"]
    assert np.diff(found["when"][[0, 2]]).tolist() == [86400.0]
    assert "nested" not in found


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "'t.csv' has no rows."),
        ("t.csv", b"a,b\n1\n", "row 1 of 't.csv' has 1 fields, not 2."),
        ("t.csv", b"\xff\xfe\x00", "'t.csv' is not a CSV file"),
        ("t.parquet", b"PAR1", "'t.parquet' is not a Parquet file"),
        ("t.xlsx", b"", "'t.xlsx' is neither CSV nor Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        read_columns(path)
    assert str(caught.value).startswith(message)
