"""`dovetail labels combine`: files in, files out, nothing half-written."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.base.errors import InvalidInputError
from dovetail.labels.cli import commands

PAGE = Path(__file__).parents[3] / "docs/how-to/labels.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)
ROWS = "item,source,label\n007,a,x\n007,b,x\n8,a,y\n8,b,\n9,b,y\n9,a,y\n"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(commands, ["combine", *arguments], catch_exceptions=False)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.csv"
    path.write_text(ROWS)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_posteriors_have_a_row_an_item(answers: Path, kind: str) -> None:
    out = answers.with_name(f"out.{kind}")
    assert run(str(answers), "--out", str(out)).exit_code == 0
    read = pl.read_csv(out, infer_schema=False) if kind == "csv" else pl.read_parquet(out)
    assert read.columns == ["item", "label", "confidence", "answers", "p_x", "p_y"]
    assert read["item"].to_list() == ["007", "8", "9"]
    assert read["label"].to_list() == ["x", "y", "y"]
    assert sorted(path.name for path in answers.parent.iterdir()) == ["answers.csv", out.name]


def test_json_names_every_source(answers: Path) -> None:
    done = run(str(answers), "--out", str(answers.with_name("o.csv")), "--json")
    said = json.loads(done.output)
    assert (said["items"], said["answers"]) == (3, 5)
    assert {q["source"]: q["answers"] for q in said["sources"]} == {"a": 3, "b": 2}


def test_numbers_in_parquet_stay_numbers(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pl.DataFrame({"i": [1, 1, 2], "s": ["a", "b", "a"], "l": [0, 0, 1]}).write_parquet(path)
    out = tmp_path / "out.parquet"
    assert run(
        str(path), "--item", "i", "--source", "s", "--label", "l", "--out", str(out)
    ).exit_code == 0  # fmt: skip
    assert pl.read_parquet(out).select("i", "label").rows() == [(1, 0), (2, 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--label", "no"], "has no column 'no'. it has: item, source, label"),
        (["--out", "there/is/none.csv"], "its folder does not exist"),
        (["--out", "posteriors.xlsx"], "ends in .csv or .parquet"),
    ],
    ids=["column", "folder", "kind"],
)
def test_wrong_use_leaves_nothing(answers: Path, change: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        run(str(answers), "--out", str(answers.with_name("o.csv")), *change)
    assert [path.name for path in answers.parent.iterdir()] == ["answers.csv"]


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1 no")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        run(str(path), "--out", str(tmp_path / "o.csv"))


def test_the_how_to_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for language, options, body in BLOCK.findall(PAGE.read_text()):
        if "file=" in options:
            Path(options.split("file=")[1].strip()).write_text(body)
        elif language == "python":
            exec(compile(body, str(PAGE), "exec"), {})
        for line in re.findall(r"^\$ dovetail labels (.*)$", body, re.M):
            done = CliRunner().invoke(commands, shlex.split(line), catch_exceptions=False)
            assert done.exit_code == 0, done.output
    assert pl.read_parquet("posteriors.parquet")["label"].to_list()[:3] == ["spam", "ham", "spam"]
