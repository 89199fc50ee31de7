"""The report is one file that needs nothing, and shows what an audit finds."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.base.errors import InvalidInputError
from dovetail.labels.cli import commands


def written(folder: Path, kind: str = "csv") -> Path:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 600)
    words = np.array(["dull slow boring", "fine <b>quick</b> lively"])
    texts = [f"{words[t]} {rng.integers(0, 10**9)} {rng.integers(0, 10**9)}" for t in truth]
    given = np.where(rng.random(600) < 0.05, 1 - truth, truth)
    table = pl.DataFrame({"text": texts, "y": np.array(["bad", "good"])[given]})
    table = table.with_columns(
        who=pl.Series(rng.choice(["ann", "<script>eve"], 600)), part=pl.Series(["a", "b"] * 300)
    )
    path = folder / f"data.{kind}"
    {"csv": table.write_csv, "jsonl": table.write_ndjson, "parquet": table.write_parquet}[kind](
        path
    )
    return path


def audited(*line: str) -> tuple[int, str]:
    done = CliRunner().invoke(commands, ["audit", *line], catch_exceptions=False)
    return done.exit_code, done.output


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_kind_of_file_gives_the_same(kind: str, tmp_path: Path) -> None:
    code, said = audited(str(written(tmp_path, kind)), "--label", "y", "--json")
    found = json.loads(said)
    assert code == 1
    assert found["rows"] == 600
    assert 15 < len(found["suspects"]) < 60


def test_the_page_needs_nothing_and_executes_nothing(tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    names = ("--label", "y", "--annotator", "who", "--split", "part", "--cost-per-label", "0.2")
    code, said = audited(str(written(tmp_path)), *names, "--html", str(page))
    text = page.read_text()
    assert code == 1
    assert "Not good enough to train on" in said
    assert len(text) < 300_000
    assert "<script" not in text
    assert "http" not in text
    assert "&lt;script&gt;eve" in text
    for heading in ("Why not", "What would help", "Who labelled", "Suspects, the surest first"):
        assert heading in text


def test_wrong_use_is_explained(tmp_path: Path) -> None:
    path = str(written(tmp_path))
    assert audited(path, "--from", "http://x/projects/1")[0] == 2
    assert audited("--label", "y")[0] == 2
    assert audited(path)[0] == 2
    assert audited(path, "--label", "y", "--annotator", "y")[0] == 2
    assert audited("--from", "http://x/projects/1", "--split", "s")[0] == 2
    with pytest.raises(InvalidInputError, match="has no column 'z'"):
        audited(path, "--label", "z")
    other = tmp_path / "data.xlsx"
    other.write_text("")
    with pytest.raises(InvalidInputError, match="no table of a known kind"):
        audited(str(other), "--label", "y")
    flat = tmp_path / "flat.csv"
    flat.write_text("y,a\n" + "x,1\n" * 20)
    with pytest.raises(InvalidInputError, match="every row has the label 'x'"):
        audited(str(flat), "--label", "y")
