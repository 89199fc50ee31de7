"""The how-to of comparing two tables is true: its Python runs, its commands are typed."""

import csv
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from dovetail.cli import main

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "monitoring-report.md"
OUTLIERS = PAGE.with_name("monitoring-outliers.md")
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not in this copy")


def blocks(kind: str, page: Path = PAGE) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text(), flags=re.S)


@pytest.mark.parametrize("page", [PAGE, OUTLIERS], ids=lambda page: page.stem)
def test_the_python_of_the_how_to_runs(page):
    for code in blocks("python", page):
        exec(compile(code, page.name, "exec"), {})


def write_months(folder: Path) -> None:
    """March and April in every form that the page names."""
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    r = np.random.default_rng(0)
    for month, wind in (("march", 10), ("april", 11)):
        columns = {
            "id": [f"{month}{i}" for i in range(900)],
            "wind": r.normal(wind, 3, 900).tolist(),
            "origin": r.choice(["JFK", "EWR"], 900).tolist(),
        }
        pyarrow.parquet.write_table(arrow.table(columns), folder / f"{month}.parquet")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        (folder / f"{month}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
        with (folder / f"{month}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(rows)


def test_the_commands_of_the_how_to_find_the_drift(tmp_path, monkeypatch, capsys):
    write_months(tmp_path)
    monkeypatch.chdir(tmp_path)
    commands = [line[2:] for block in blocks("console") for line in block.splitlines()]
    assert len(commands) == 3
    for command in commands:
        with pytest.raises(SystemExit) as end:
            main(shlex.split(command)[1:])
        said = capsys.readouterr()
        assert (end.value.code, said.err) == (1, ""), command
    assert (tmp_path / "report.html").stat().st_size < 300_000


def test_the_call_of_the_outlier_page_works(server, log):
    (command,) = [line[2:] for block in blocks("console", OUTLIERS) for line in block.splitlines()]
    server.send(log.request("r1", [[1.0]]), log.response("r1", [0.5]))
    url = shlex.split(command)[1].removeprefix("http://127.0.0.1:8080")
    answer = server.http.get(url)
    assert (answer.status_code, answer.json()) == (200, [])
