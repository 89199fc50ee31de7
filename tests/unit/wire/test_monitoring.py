from datetime import UTC, date, datetime

import pytest

from dovetail.wire import cloudevents, http, monitoring


@pytest.fixture
def client(script):
    with monitoring.Client(script.url) as opened:
        yield opened


def test_outcomes_go_in_as_events_that_count_once(client, script):
    outcomes = monitoring.Outcomes(
        model="flights", request_ids=["r1", "r1"], values=[1, 0], rows=[0, 1]
    )
    event = monitoring.outcome_event(
        "day-1", "/demo", outcomes, time=datetime(2013, 4, 1, tzinfo=UTC)
    )
    client.send_events([event])
    client.send_events([])
    (call,) = script.calls
    assert call.path == "/monitoring/events"
    (arrived,) = cloudevents.decode(call.headers, call.body)
    assert (arrived.id, arrived.type) == ("day-1", "dev.dovetail.outcome")
    assert arrived.data == {
        "model": "flights",
        "request_ids": ["r1", "r1"],
        "values": [1, 0],
        "rows": [0, 1],
    }


def test_a_reference_is_put(client, script):
    reference = monitoring.Reference(version="1", features={"x": [1.0]}, scores=[0.5], labels=[1])
    script.say({"model": "fl/ights", "version": "1", "rows": 1, "performance": {"auc": 0.7}})
    kept = client.put_reference("fl/ights", reference)
    assert (kept.rows, kept.performance.auc) == (1, 0.7)
    assert (script.last.method, script.last.path) == (
        "PUT",
        "/monitoring/models/fl%2Fights/reference",
    )
    assert script.last.json == {
        "version": "1",
        "features": {"x": [1.0]},
        "scores": [0.5],
        "labels": [1],
    }


def test_days_come_back_with_none_where_nothing_is_known(client, script):
    column = {"column": "wind", "evidence": 3.5, "since": "2013-04-01"}
    drift = {"rows": 9, "evidence": 3.5, "threshold": 3.0, "alarm": True, "columns": [column]}
    script.say(
        [
            {"day": "2013-04-01", "predictions": 10, "auc": None, "drift": {"1": drift}},
            {"day": "2013-04-02", "auc": 0.7, "auc_interval": [0.6, 0.8], "new": 1},
        ]
    )
    found = monitoring.Drift(
        rows=9,
        evidence=3.5,
        threshold=3.0,
        alarm=True,
        columns=(monitoring.ColumnDrift(column="wind", evidence=3.5, since=date(2013, 4, 1)),),
    )
    days = client.days("flights", date(2013, 4, 1), date(2013, 4, 2), role="shadow", version="1")
    assert days == [
        monitoring.Day(day=date(2013, 4, 1), predictions=10, drift={"1": found}),
        monitoring.Day(day=date(2013, 4, 2), auc=0.7, auc_interval=(0.6, 0.8)),
    ]
    assert script.last.query == [
        ("start", "2013-04-01"),
        ("end", "2013-04-02"),
        ("role", "shadow"),
        ("version", "1"),
    ]


def test_spans_and_months_are_asked_for(client, script):
    script.say({"predictions": 3, "versions": {"1": 3}, "brier": 0.2})
    assert client.performance("m") == monitoring.Figures(
        predictions=3, versions={"1": 3}, brier=0.2
    )
    assert script.last.query == [("role", "live")]
    script.say([{"month": "2013-04", "log_loss": 0.5}])
    assert client.months("m") == [monitoring.Month(month="2013-04", log_loss=0.5)]
    assert script.last.path == "/monitoring/models/m/months"


def test_alerts_are_read_and_dealt_with(client, script):
    script.say([{"id": "a/1", "model": "m", "kind": "performance", "status": "open"}])
    (alert,) = client.alerts(status="open")
    assert script.last.query == [("status", "open")]
    end = datetime(2013, 4, 8, tzinfo=UTC)
    changes = {
        "acknowledge": (lambda: client.acknowledge(alert.id), {}),
        "silence": (
            lambda: client.silence(alert.id, reason="closed", until=end),
            {"reason": "closed", "until": "2013-04-08T00:00:00+00:00"},
        ),
        "expect": (
            lambda: client.expect(alert.id, reason="stays", since=date(2013, 4, 1)),
            {"reason": "stays", "since": "2013-04-01"},
        ),
        "resolve": (lambda: client.resolve(alert.id, reason="done"), {"reason": "done"}),
    }
    for verb, (change, body) in changes.items():
        script.say({"id": "a/1", "model": "m", "status": "acknowledged"})
        assert change().id == alert.id
        assert script.last.path == f"/monitoring/alerts/a%2F1/{verb}"
        assert script.last.json == body


def test_quality_and_outliers_come_back_typed(client, script):
    figure = {"name": "auc", "value": 0.7, "low": 0.6, "high": 0.8, "interval": "delong"}
    arrival = {"predictions": 9, "labelled": 3, "weighted": {"name": "log_loss", "value": None}}
    quality = {"task": "binary", "arrival": arrival, "realised": [figure]}
    script.say(quality)
    found = client.quality("m", date(2013, 4, 1), by="wind", threshold=0.4)
    assert found["auc"] == monitoring.Measured(**figure)
    assert script.last.query == [
        ("start", "2013-04-01"),
        ("role", "live"),
        ("threshold", "0.4"),
        ("by", "wind"),
    ]
    script.say([{"day": "2013-04-01", "quality": quality}])
    (day,) = client.quality_by_day("m", task="binary")
    assert (day.day, day.quality) == (date(2013, 4, 1), found)
    odd = {"request_id": "r", "row": 1, "p": 0.001, "columns": ["wind"]}
    script.say([{"day": "2013-04-01", "version": "1", "flagged": 1, "outliers": [odd]}])
    (outliers,) = client.outliers("m", date(2013, 4, 1), version="1")
    assert outliers.outliers == [
        monitoring.Outlier(request_id="r", row=1, p=0.001, columns=("wind",))
    ]
    script.say([{"request_id": "r/1", "role": "live", "time": "2013-04-01T06:00:00Z"}])
    assert client.request("m", "r/1")[0].role == "live"
    assert script.last.path == "/monitoring/models/m/requests/r%2F1"


def test_closing_a_day_gives_its_new_alerts(client, script):
    script.say([{"id": "a", "model": "m", "kind": "drift", "day": "2013-04-01"}])
    (alert,) = client.close_day("m", date(2013, 4, 1))
    assert alert.day == date(2013, 4, 1)
    assert script.last.path == "/monitoring/models/m/close"
    assert script.last.json == {"day": "2013-04-01"}


def test_an_unknown_model_is_not_found(client, script):
    script.say({"title": "Not Found", "detail": "no model 'x'", "code": "not-found"}, 404)
    with pytest.raises(http.NotFound) as caught:
        client.months("x")
    assert (caught.value.code, caught.value.message) == ("not-found", "no model 'x'")
