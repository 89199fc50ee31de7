"""The how-to of reference profiles is true: its Python runs, its commands and calls are typed."""

import csv
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dovetail.cli import main
from dovetail.monitoring import Reference, fetch_profile
from dovetail.tracking.piece import piece as tracking
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import Client

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "monitoring-profile.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not in this copy")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), flags=re.S)


@pytest.fixture
def registry(tmp_path):
    """A registry with two versions of a model."""
    with run_piece(tracking, state=tmp_path / "registry") as running, Client(running.url) as client:
        run = client.create_run(client.ensure_experiment("flights"))
        client.create_registered_model("flights")
        for _ in range(3):
            client.create_model_version("flights", "s3://models/flights", run_id=run.info.run_id)
        client.set_alias("flights", "champion", "3")
        yield SimpleNamespace(url=running.url, run=run)


def test_the_python_of_the_how_to_runs(registry):
    code = "".join(blocks("python")).replace("http://127.0.0.1:8080", registry.url)
    exec(compile(code, PAGE.name, "exec"), {"run": registry.run})
    assert fetch_profile("models:/flights/3", registry.url).rows == 5000


def write_tables(folder: Path) -> None:
    r = np.random.default_rng(0)
    for name in ("train", "april", "monday", "tuesday"):
        wind, p = r.normal(10, 3, 900), r.random(900)
        rows = zip(wind, p, (r.random(900) < p).astype(int), strict=True)
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["wind", "p", "late", "day"])
            writer.writerows([*row, f"2013-01-{i % 28 + 1:02}"] for i, row in enumerate(rows))
    write_wine(folder / "wine.csv")


def write_wine(path: Path) -> None:
    """A table of a model of three classes."""
    r = np.random.default_rng(1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["alcohol", "p0", "p1", "p2", "kind"])
        for p in r.dirichlet([1, 1, 1], 900):
            kind = ("barolo", "grignolino", "barbera")[r.choice(3, p=p)]
            writer.writerow([r.normal(13, 1), *p, kind])


def test_the_commands_and_calls_of_the_how_to_work_in_order(
    tmp_path, monkeypatch, capsys, server, registry, log
):
    write_tables(tmp_path)
    monkeypatch.chdir(tmp_path)
    at = "2013-04-02T06:00:00Z"
    asked = log.request("r", [[9.5], [11.0]], columns=["wind"], at=at)
    server.send(asked, log.response("r", [0.5, 0.4], version="3", at=at))
    lines = [line[2:] for block in blocks("console") for line in block.splitlines()]
    assert len(lines) == 13
    for line in lines:
        words = shlex.split(line.replace(".parquet", ".csv"))
        if "--tracking" in words:
            words[words.index("--tracking") + 1] = registry.url
        if words[0] == "curl":
            path = next(w for w in words if w.startswith("http")).removeprefix(
                "http://127.0.0.1:8080"
            )
            body = Path("profile.json").read_bytes() if "-X" in words else None
            answer = server.http.request("PUT" if body else "GET", path, content=body)
            assert answer.status_code == 200, answer.text
            if "/profile?" in path:
                assert Reference.from_profile(answer.content).rows == 2
            elif body is None:
                assert answer.content == Path("profile.json").read_bytes()
            continue
        words = [str(server.http.base_url) if w.endswith(":8080") else w for w in words]
        with pytest.raises(SystemExit) as end:
            main(words[1:])
        said = capsys.readouterr()
        assert (end.value.code, said.err) == (0, ""), line
        if "show" in words:
            head = said.out.splitlines()[0]
            assert head.startswith("flights version 3, 900 rows, 2013-01-01 to 2013-01-28, AUC 0.8")


def test_a_profile_of_several_classes_is_that_of_python(tmp_path, capsys):
    write_wine(tmp_path / "wine.csv")
    make = f"monitoring profile make {tmp_path}/wine.csv --out {tmp_path}/wine.json --label kind"
    names = ("barolo", "grignolino", "barbera")
    with pytest.raises(SystemExit) as end:
        main([*make.split(), "--score", "p0, p1, p2", "--classes", ",".join(names)])
    assert end.value.code == 0
    with (tmp_path / "wine.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = Reference.fit(
        {"alcohol": [float(row["alcohol"]) for row in rows]},
        scores=[[float(row[name]) for name in ("p0", "p1", "p2")] for row in rows],
        labels=[row["kind"] for row in rows],
        task="multiclass",
        classes=names,
    )
    assert (tmp_path / "wine.json").read_bytes() == expected.profile()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--score p0,p1,p2 --label kind", "name all classes, in the order of their probabilities"),
        ("--score p0,p1,p9", "has no column 'p9'. it has alcohol, p0, p1, p2, kind"),
        ("--score p0,p1,kind", "column 'kind' holds no probabilities"),
        ("--score p0,p1,p2 --task binary", 'use task "multiclass"'),
        ("--score p0 --label kind", "name the two classes, that of 0 first"),
    ],
)
def test_classes_that_cannot_be_meant_are_refused(tmp_path, capsys, options, said):
    write_wine(tmp_path / "wine.csv")
    make = f"monitoring profile make {tmp_path}/wine.csv --out {tmp_path}/wine.json {options}"
    with pytest.raises(SystemExit) as end:
        main(make.split())
    assert end.value.code != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "wine.json").exists()
