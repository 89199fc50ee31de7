"""The data of charts over HTTP: sampled, asked for again cheaply, and drawn without script."""

import math
from typing import Any

import httpx
import pytest

API = "/api/2.0/mlflow"


def post(server: httpx.Client, path: str, **body: object) -> Any:
    answer = server.post(API + path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


@pytest.fixture
def run(server: httpx.Client) -> str:
    made = post(server, "/runs/create", experiment_id="0", run_name="first", start_time=1_000_000)
    return str(made["run"]["info"]["run_id"])


def log(server: httpx.Client, run: str, values: list[float], *, first: int = 0) -> None:
    points = [
        {"key": "loss", "value": value, "step": step, "timestamp": 1_000_000 + 500 * step}
        for step, value in enumerate(values, start=first)
    ]
    for at in range(0, len(points), 1000):
        post(server, "/runs/log-batch", run_id=run, metrics=points[at : at + 1000])


def ask(server: httpx.Client, run: str, **query: object) -> Any:
    answer = server.get("/tracking/charts.json", params={"runs": run, "key": "loss", **query})
    assert answer.is_success, answer.text
    return answer.json()


def test_few_points_are_all_there_with_gaps_where_a_value_is_not_finite(
    server: httpx.Client, run: str
) -> None:
    points = [
        {"key": "loss", "value": value, "step": step, "timestamp": 1_000_000 + 500 * step}
        for step, value in enumerate([1.0, "NaN", 0.5, "Infinity", 0.25])
    ]
    post(server, "/runs/log-batch", run_id=run, metrics=points)
    found = ask(server, run)
    (line,) = found["lines"]
    assert (line["x"], line["y"]) == ([0, 1, 2, 3, 4], [1.0, None, 0.5, None, 0.25])
    assert (line["name"], line["points"], line["holes"], found["running"]) == ("first", 5, 2, True)


def test_a_long_metric_is_sampled_with_its_spike_and_a_part_of_it_finely(
    server: httpx.Client, run: str
) -> None:
    values = [math.sin(step / 300) for step in range(12_000)]
    values[5_555] = 40.0
    log(server, run, values)
    found = ask(server, run)
    (line,) = found["lines"]
    assert (line["points"], found["waiting"], line["done"]) == (12_000, False, 1.0)
    assert len(line["x"]) <= 640
    assert (line["x"][line["y"].index(40.0)], max(line["x"])) == (5_555, max(line["x"]))
    (part,) = ask(server, run, **{"from": 5_500, "to": 5_600})["lines"]
    assert part["x"] == list(range(5_500, 5_601))
    (relative,) = ask(server, run, x="relative", **{"from": 2_750, "to": 2_800})["lines"]
    assert (relative["x"][0], relative["x"][-1]) == (2_750.0, 2_800.0)


def test_a_very_long_metric_is_read_over_several_requests(
    server: httpx.Client, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dovetail.tracking.ui import lines

    monkeypatch.setattr(lines, "CHUNKS", 1)
    log(server, run, [float(step % 7) for step in range(30_000)])
    first = server.get("/tracking/charts.json", params={"runs": run, "key": "loss"})
    assert first.json()["waiting"]
    assert 0 < first.json()["lines"][0]["done"] < 1
    assert "etag" not in first.headers
    for _ in range(10):
        found = ask(server, run)
        if not found["waiting"]:
            break
    assert (found["waiting"], found["lines"][0]["points"]) == (False, 30_000)


def test_asking_again_is_answered_without_a_body_until_something_is_logged(
    server: httpx.Client, run: str
) -> None:
    log(server, run, [1.0, 2.0])
    query = {"runs": run, "key": "loss"}
    tag = server.get("/tracking/charts.json", params=query).headers["etag"]
    again = server.get("/tracking/charts.json", params=query, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    log(server, run, [3.0], first=2)
    more = server.get("/tracking/charts.json", params=query, headers={"If-None-Match": tag})
    assert (more.status_code, more.json()["lines"][0]["points"]) == (200, 3)
    post(server, "/runs/update", run_id=run, status="FINISHED", end_time=2_000_000)
    ended = server.get("/tracking/charts.json", params=query, headers={"If-None-Match": tag})
    assert ended.json()["running"] is False


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"x": "epoch"}, "x must be one of step, time, relative"),
        ({"from": "soon"}, "from must be a number"),
        ({"to": "1e99"}, "to must be a number of at most 18 digits"),
        ({"points": "nan"}, "points must be a number"),
        ({"runs": ",".join(f"r{i}" for i in range(201))}, "at most 200 lines"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_words(
    server: httpx.Client, run: str, query: dict[str, str], said: str
) -> None:
    given = {"runs": run, "key": "loss", **query}
    for path in ("/tracking/charts.json", "/tracking/chart.svg"):
        answer = server.get(path, params=given)
        assert answer.status_code == 400
        assert said in answer.json()["detail"]


def test_what_is_not_there_draws_nothing(server: httpx.Client, run: str) -> None:
    assert ask(server, "nobody")["lines"] == []
    assert ask(server, run)["lines"] == []
    assert server.get("/tracking/charts.json").json()["lines"] == []


def test_lines_are_drawn_without_script(server: httpx.Client, run: str) -> None:
    log(server, run, [0.0, 1.0, 0.5])
    drawn = server.get("/tracking/chart.svg", params={"runs": run, "key": "loss"})
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert drawn.text.startswith("<svg")
    assert "first loss from 0.0000 to 0.5000" in drawn.text
