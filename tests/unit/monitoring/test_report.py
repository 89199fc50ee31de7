import json

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
    assert len(html) < 24_000
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
        "nested": [["a"], ["b"], None],
    }
    pyarrow.parquet.write_table(arrow.table(columns), path)
    found = read_columns(path)
    assert list(found) == ["whole", "flag", "text", "when"]
    assert found.nested == ("nested",)
    assert found.types == {
        "whole": "int64",
        "flag": "bool",
        "text": "string",
        "when": "timestamp[us]",
    }
    assert np.nan_to_num(found["whole"], nan=-1).tolist() == [1, -1, 3]
    assert np.nan_to_num(found["flag"], nan=-1).tolist() == [1, 0, -1]
    assert (found["text"].codes.tolist(), found["text"].levels) == ([0, -1, 1], ["a", "b"])
    assert np.diff(found["when"][[0, 2]]).tolist() == [86400.0]


MANY = 2000


def frames():
    r = np.random.default_rng(0)
    level = r.choice(["a", "b"], MANY).tolist()
    level[3] = None
    return {"x": r.normal(size=MANY), "n": r.integers(0, 9, MANY), "level": level}


def write_csv(path, columns):
    rows = zip(*columns.values(), strict=True)
    lines = [",".join("" if v is None else str(v) for v in row) for row in rows]
    path.write_text("\n".join([",".join(columns), *lines]))


def write_json_lines(path, columns):
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    shown = ({k: v.item() if hasattr(v, "item") else v for k, v in r.items()} for r in rows)
    path.write_text("\n".join(json.dumps(r) for r in shown))


def write_arrow(path, columns):
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.feather
    import pyarrow.parquet

    table = arrow.table(columns)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path, row_group_size=300)
    elif path.suffix == ".feather":
        pyarrow.feather.write_feather(table, path)
    else:
        with arrow.OSFile(str(path), "wb") as file, arrow.ipc.new_stream(file, table.schema) as out:
            out.write_table(table, max_chunksize=300)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.csv", write_csv),
        ("t.jsonl", write_json_lines),
        ("t.parquet", write_arrow),
        ("t.feather", write_arrow),
        ("t.arrow", write_arrow),
    ],
)
def test_every_kind_of_file_says_the_same_of_the_same_rows(tmp_path, name, write):
    columns = frames()
    write(tmp_path / name, columns)
    found = compare(columns, read_columns(tmp_path / name))
    assert found.verdict == "no drift"
    assert {c.column: c.psi for c in found.columns} == {"x": 0.0, "n": 0.0, "level": 0.0}
    assert {c.missing for c in found.columns} == {(0.0, 0.0), (1 / MANY, 1 / MANY)}


def test_records_may_lack_names_and_hold_anything(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1}\n\n{"b": [1, 2], "a": true}\n{"b": "x"}\n')
    found = read_columns(path)
    assert np.nan_to_num(found["a"], nan=-1).tolist() == [1, 1, -1]
    assert found["b"] == [None, "[1,2]", "x"]


def test_the_words_say_what_changed():
    r = np.random.default_rng(0)
    before = {
        "up": r.normal(size=3000),
        "wider": r.normal(size=3000),
        "level": r.choice(["a", "b", "old"], 3000, p=[0.6, 0.3, 0.1]).tolist(),
        "holes": r.random(3000),
        "kind": r.random(3000),
    }
    now = {
        "up": r.normal(0.5, 1, 3000),
        "wider": r.normal(0, 2, 3000),
        "level": r.choice(["a", "b", "brand new"], 3000, p=[0.6, 0.3, 0.1]).tolist(),
        "holes": np.where(r.random(3000) < 0.2, np.nan, r.random(3000)),
        "kind": ["text"] * 3000,
    }
    found = {c.column: c for c in compare(before, now).columns}
    assert all(c.drift for c in found.values())
    assert found["up"].what == f"mean up by {found['up'].shift:.2f} standard deviations"
    assert found["wider"].what.endswith("the shape is another, the mean is not")
    share = found["level"].unseen
    assert found["level"].what == f"new: 'brand new' in {share:.1%} of rows; gone: 'old'"
    assert (found["level"].new, found["level"].gone) == (["brand new"], ["old"])
    assert found["holes"].what.endswith("of rows, 0.0% before")
    assert (found["kind"].test, found["kind"].what) == ("type", "held numbers and now texts")


def test_codes_with_underscores_are_texts(tmp_path):
    (tmp_path / "t.csv").write_text("code\n1_000\n1_001\n")
    assert read_columns(tmp_path / "t.csv")["code"] == ["1_000", "1_001"]


def test_identifiers_are_no_drift():
    before, now = (table(seed) | {"id": [f"{seed}-{i}" for i in range(600)]} for seed in (0, 1))
    assert compare(before, now).verdict == "no drift"


def test_a_change_of_how_columns_go_together_is_drift_though_no_column_differs():
    r = np.random.default_rng(0)
    x, y = r.normal(size=(2, 3000, 2))
    y[:, 1] = 0.4 * y[:, 0] + np.sqrt(1 - 0.16) * y[:, 1]
    before, now = ({"a": z[:, 0], "b": z[:, 1]} for z in (x, y))
    found = compare(before, now)
    assert (found.verdict, found.drifted) == ("drift", [])
    assert found.joint.drift
    assert "none differs by itself" in report_html(found, "a", "b")
    quiet = compare(before, {"a": x[::-1, 0], "b": x[::-1, 1]})
    assert (quiet.verdict, quiet.joint.drift) == ("no drift", False)
    assert compare({"a": x[:, 0]}, {"a": y[:, 0]}).joint is None


def test_moments_and_nested_columns_are_left_out_and_said_so(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from datetime import datetime

    import pyarrow.parquet

    path = tmp_path / "t.parquet"
    columns = {"x": [1.0, 2.0], "when": [datetime(2013, 4, 1)] * 2, "nested": [["a"], ["b"]]}
    pyarrow.parquet.write_table(arrow.table(columns), path)
    found = compare(read_columns(path), read_columns(path))
    assert [c.column for c in found.columns] == ["x"]
    assert found.skipped == {
        "nested": "holds records, bytes or lists of texts",
        "when": "holds moments, which move on by themselves",
    }


def test_a_thousand_columns_make_a_page_under_300_kb_that_says_what_it_leaves_out():
    r = np.random.default_rng(0)
    before, now = {}, {}
    for j in range(1000):
        name = f"a rather long column name that nobody would want to type, number {j:04d}, again"
        if j % 3:
            before[name], now[name] = r.normal(size=40), r.normal(2, 1, 40)
        else:
            before[name] = [f"level with a very long name indeed {i % 40}" for i in range(80)][:40]
            now[name] = [f"another level with a long name {i % 20}" for i in range(40)]
    found = compare(before, now, tests=["ks", "chi2", "psi"])
    html = report_html(found, "a.csv", "b.csv")
    assert len(html.encode()) < 300_000
    assert "Shown are the 50 of 1,000 columns that changed most" in html
    assert "Shown are the first 100 of 2,000" in html


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "'t.csv' has no rows."),
        ("t.csv", b"a,b\n1\n", "row 1 of 't.csv' has 1 fields, not 2."),
        ("t.csv", b"\xff\xfe\x00", "'t.csv' is not a CSV file"),
        ("t.parquet", b"PAR1", "'t.parquet' is not a Parquet file"),
        ("t.arrow", b"ARROW1", "'t.arrow' is not an Arrow file"),
        ("t.jsonl", b'{"a": 1}\n[1]\n', "line 2 of 't.jsonl' is not a JSON object"),
        ("t.csv", b"a,a\n1,2\n", "'t.csv' names the column 'a' twice."),
        ("t.xlsx", b"", "'t.xlsx' is no table that can be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        read_columns(path)
    assert str(caught.value).startswith(message)
