"""Runs side by side over HTTP: what differs, in a table, on axes and as CSV."""

import csv
import io
from typing import Any

import httpx
import pytest

API = "/api/2.0/mlflow"
HOSTILE = "=cmd</script><script>alert(1)</script>"


@pytest.fixture
def runs(server: httpx.Client) -> list[str]:
    found = []
    for i, (lr, optimizer, auc) in enumerate(
        [("1e-4", "adam", 0.7), ("1e-2", "adam", 0.8), ("1e-1", HOSTILE, 0.75)]
    ):
        made = server.post(
            f"{API}/runs/create",
            json={"experiment_id": "0", "run_name": f"run-{i}", "start_time": 1000 + i},
        )
        run = str(made.json()["run"]["info"]["run_id"])
        params = [
            {"key": key, "value": value}
            for key, value in (("lr", lr), ("optimizer", optimizer), ("seed", "7"))
        ]
        metrics = [{"key": "auc", "value": auc, "timestamp": 1, "step": s} for s in range(2)]
        body = {"run_id": run, "params": params, "metrics": metrics}
        assert server.post(f"{API}/runs/log-batch", json=body).is_success
        found.append(run)
    return found


def compare(server: httpx.Client, runs: list[str], **query: object) -> Any:
    given = {"runs": ",".join(runs), **query}
    return server.get("/tracking/compare.json", params=given).json()


def facts(page: Any) -> dict[str, Any]:
    return {fact["name"]: fact for group in page["groups"] for fact in group["facts"]}


def test_only_what_differs_is_shown_and_the_odd_one_is_marked(
    server: httpx.Client, runs: list[str]
) -> None:
    page = compare(server, runs)
    shown = facts(page)
    assert "params.seed" not in shown
    assert shown["params.optimizer"]["values"] == ["adam", "adam", HOSTILE]
    assert shown["params.optimizer"]["marks"] == ["", "", "other"]
    assert shown["metrics.auc"]["marks"] == ["low", "high", ""]
    assert "params.seed" in facts(compare(server, runs, show="all"))
    assert page["metrics"] == [{"title": "", "keys": ["auc"], "open": True}]


def test_learning_rates_stand_at_their_logarithm_and_words_at_even_distances(
    server: httpx.Client, runs: list[str]
) -> None:
    axes = {axis["name"]: axis for axis in compare(server, runs)["axes"]}
    assert axes["params.lr"]["log"]
    assert axes["params.lr"]["places"] == pytest.approx([0, 2 / 3, 1])
    assert [tick[1] for tick in axes["params.lr"]["ticks"]] == ["0.0001", "0.001", "0.01", "0.1"]
    assert axes["params.optimizer"]["places"] == [1, 1, 0]


def test_the_scatter_and_the_axes_are_chosen_in_the_address(
    server: httpx.Client, runs: list[str]
) -> None:
    query = {"sx": "params.lr", "sy": "metrics.auc", "sc": "", "axis": ["params.lr", "metrics.auc"]}
    page = compare(server, runs, **query)
    assert [axis["name"] for axis in page["axes"]] == ["params.lr", "metrics.auc"]
    scatter = page["scatter"]
    assert (scatter["x"]["name"], scatter["y"]["name"], scatter["colour"]) == (
        "params.lr",
        "metrics.auc",
        None,
    )


def test_the_page_escapes_what_was_logged_and_csv_holds_no_formula(
    server: httpx.Client, runs: list[str]
) -> None:
    text = server.get("/tracking/compare", params={"runs": ",".join(runs)}).text
    assert HOSTILE not in text
    answer = server.get("/tracking/compare.csv", params=[("runs", run) for run in runs])
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(answer.text))}
    assert rows[""] == runs
    assert rows["params.optimizer"] == ["adam", "adam", "'" + HOSTILE]
    assert rows["metrics.auc"] == ["0.7", "0.8", "0.75"]


def test_a_comparison_of_little_or_of_too_much(server: httpx.Client, runs: list[str]) -> None:
    assert compare(server, [])["runs"] == []
    page = compare(server, [runs[0], "nobody"])
    assert (page["missing"], page["axes"], page["scatter"]["x"]) == (["nobody"], [], None)
    for query in ("", f"runs={runs[0]}", f"runs={runs[0]},{runs[0]},nobody"):
        assert server.get(f"/tracking/compare?{query}").status_code == 200
    many = server.get("/tracking/compare?runs=" + ",".join(f"r{i}" for i in range(101)))
    assert many.status_code == 400
    assert "At most 100 runs can be compared" in many.json()["detail"]
