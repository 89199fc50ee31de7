"""The service measures what arrived, by segment and by day, with the same code."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dovetail.monitoring import Performance


@pytest.fixture
def told(server, log):
    """Two days of predictions; three of four labels have come."""
    r = np.random.default_rng(0)
    p = r.random(400).round(4)
    y = (r.random(400) < p).astype(int)
    wind = r.normal(size=400).round(3)
    server.put(
        "/models/flights/reference",
        version="1",
        features={"wind": wind.tolist()},
        scores=p.tolist(),
        labels=y.tolist(),
    )
    for k in range(8):
        here = slice(50 * k, 50 * k + 50)
        rows = [[w, float(k)] for w in wind[here].tolist()]
        at = f"2013-04-0{1 + k // 4}T06:00:00Z"
        server.send(
            log.request(f"r{k}", rows, columns=["wind", "gate"], at=at),
            log.response(f"r{k}", p[here].tolist(), at=at),
        )
    labels = {(f"r{i // 50}", i % 50): float(y[i]) for i in range(400) if i % 4}
    for repeat in range(2):  # the same labels twice, in two events
        server.send(log.outcomes(f"o{repeat}", labels))
    return p, y


def figures(found):
    return {m["name"]: m for m in found["realised"]}


def test_a_window_has_figures_arrival_and_estimates(server, told):
    p, y = told
    known = np.arange(400) % 4 > 0
    found = server.get("/models/flights/quality")
    assert found["task"] == "binary"
    assert figures(found)["auc"]["value"] == pytest.approx(roc_auc_score(y[known], p[known]))
    assert (found["arrival"]["predictions"], found["arrival"]["labelled"]) == (400, 300)
    assert "300 of 400 labels have arrived" in found["arrival"]["note"]
    estimated = {m["name"]: m for m in found["estimated"]["figures"]}
    assert estimated["auc"]["low"] < roc_auc_score(y, p) < estimated["auc"]["high"]
    assert "assumes" in found["estimated"]["assumption"]
    assert sum(point["rows"] for point in found["reliability"]) == 300


def test_the_service_and_the_notebook_agree(server, told):
    p, y = told
    watch = Performance(p, y)
    watch.update(p, labels=[int(y[i]) if i % 4 else None for i in range(400)])
    served = server.get("/models/flights/quality")["realised"]
    ours = watch.quality().realised
    assert [m["name"] for m in served] == [m.name for m in ours]
    for theirs, mine in zip(served, ours, strict=True):
        assert theirs["interval"] == mine.interval
        assert [theirs[end] for end in ("low", "value", "high")] == pytest.approx(
            [mine.low, mine.value, mine.high]
        )


def test_segments_are_by_a_feature_of_the_requests(server, told):
    found = server.get("/models/flights/quality", by="gate", threshold="0.3")
    assert {s["name"]: s["arrival"]["predictions"] for s in found["segments"]} == {
        str(k): 50 for k in range(8)
    }
    assert figures(found["segments"][0])["auc"]["value"] is not None


def test_days_are_measured_apart(server, told):
    found = server.get("/models/flights/quality-by-day")
    assert [(d["day"], d["quality"]["arrival"]["predictions"]) for d in found] == [
        ("2013-04-01", 200),
        ("2013-04-02", 200),
    ]
    one = server.get("/models/flights/quality", start="2013-04-02")
    assert one == found[1]["quality"]


def test_a_regression_is_told_by_its_labels(server, log):
    server.send(log.response("r", [1.5, 2.0, 4.0], at="2013-04-01T06:00:00Z"))
    server.send(log.outcomes("o", {("r", 0): 1.0, ("r", 1): 2.5, ("r", 2): 4.0}))
    found = server.get("/models/flights/quality")
    assert found["task"] == "regression"
    assert figures(found)["mae"]["value"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"by": "moon"}, 400, "has the feature 'moon'"),
        ({"task": "ranking"}, 400, "none of binary, multiclass and regression"),
        ({"threshold": "half"}, 400, "is no number"),
        ({"role": "dream"}, 400, "neither live nor shadow"),
        ({"start": "yesterday"}, 400, "is not a day"),
    ],
    ids=str,
)
def test_a_question_that_makes_no_sense_is_refused(server, told, query, status, said):
    answer = server.http.get("/monitoring/models/flights/quality", params=query)
    assert answer.status_code == status
    assert said in answer.text


def test_an_unknown_model_is_not_found(server):
    assert server.http.get("/monitoring/models/nobody/quality").status_code == 404
