import json

import numpy as np
import pytest

from dovetail.cli import main


def write(path, seed, shift=0.0):
    r = np.random.default_rng(seed)
    lines = [
        f"{x:.4f},{level}" for x, level in zip(r.normal(shift, 1, 400), "ab" * 200, strict=True)
    ]
    path.write_text("x,level\n" + "\n".join(lines) + "\n")
    return str(path)


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(["monitoring", *arguments])
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


def test_report_says_drift_with_exit_code_one(tmp_path, capsys):
    before, now = write(tmp_path / "a.csv", 0), write(tmp_path / "b.csv", 1, shift=1.0)
    page = tmp_path / "report.html"
    code, out, _ = run(
        capsys, "report", "--reference", before, "--current", now, "--html", str(page)
    )
    assert code == 1
    assert out.splitlines()[-1] == "verdict: drift"
    assert "Drift" in page.read_text()


def test_report_says_no_drift_with_exit_code_zero_and_as_json(tmp_path, capsys):
    before, now = write(tmp_path / "a.csv", 0), write(tmp_path / "b.csv", 1)
    code, out, _ = run(capsys, "report", "--reference", before, "--current", now, "--json")
    said = json.loads(out)
    assert (code, said["verdict"], len(said["columns"])) == (0, "no drift", 2)


def test_report_names_a_missing_file_as_one_line(tmp_path, capsys):
    code, out, err = run(capsys, "report", "--reference", "no.csv", "--current", "no.csv")
    assert (code, out, err) == (2, "", "dovetail: there is no file 'no.csv'.\n")


def test_list_shows_models_and_active_alerts(server, log, capsys):
    server.send(log.response("a", [0.5]))
    url = str(server.http.base_url)
    code, out, _ = run(capsys, "list", "--url", url, "--json")
    assert code == 0
    assert json.loads(out)["models"] == [
        {
            "model": "flights",
            "first": "2013-04-01",
            "last": "2013-04-01",
            "versions": ["1"],
            "references": [],
            "alerts": 0,
        }
    ]
    code, out, _ = run(capsys, "list", "--url", url)
    assert "flights" in out


def test_report_has_the_classical_tests_where_they_are_asked_for(tmp_path, capsys):
    before, now = write(tmp_path / "a.csv", 0), write(tmp_path / "b.csv", 1, shift=1.0)
    files = ["--reference", before, "--current", now]
    code, out, _ = run(capsys, "report", *files, "--tests", "ks, psi", "--json")
    said = json.loads(out)["tests"]
    assert (code, said["correction"]) == (1, "holm")
    assert [(r["column"], r["test"], r["drift"]) for r in said["results"]] == [
        ("x", "ks", True),
        ("x", "psi", False),
        ("level", "psi", False),
    ]
    code, _, err = run(capsys, "report", *files, "--tests", "ks,nope")
    assert code == 2
    assert err.startswith("dovetail: there is no test 'nope'. choose from ks, cvm, ad,")


def test_report_leaves_out_what_is_to_be_ignored(tmp_path, capsys):
    before, now = write(tmp_path / "a.csv", 0), write(tmp_path / "b.csv", 1, shift=1.0)
    files = ["--reference", before, "--current", now]
    code, out, _ = run(capsys, "report", *files, "--ignore", "x")
    assert (code, "column x was not compared: ignored, as asked" in out) == (0, True)
    code, _, err = run(capsys, "report", *files, "--ignore", "y")
    assert (code, err) == (2, "dovetail: the reference has no column 'y'.\n")


def test_a_page_that_cannot_be_written_is_wrong_use(tmp_path, capsys):
    before = write(tmp_path / "a.csv", 0)
    page = str(tmp_path / "no" / "report.html")
    code, _, err = run(capsys, "report", "--reference", before, "--current", before, "--html", page)
    assert code == 2
    assert err.startswith(f"dovetail: '{page}' cannot be written")
