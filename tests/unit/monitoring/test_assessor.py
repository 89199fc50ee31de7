"""Closing days: evidence, alerts, and what stays when things happen twice or late."""

import numpy as np
import pytest

from dovetail.base.clock import ManualClock
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.wire.cloudevents import Event

DAYS = [f"2013-04-{day:02d}" for day in range(1, 31)]


def model(x):
    """The score that version 1 gives."""
    return 1 / (1 + np.exp(-1.5 * x[:, 0]))


def put_reference(server, rows=3000, version="1"):
    r = np.random.default_rng(0)
    x = r.standard_normal((rows, 3))
    p = model(x)
    y = (r.random(rows) < p).astype(float)
    features = {name: x[:, j].tolist() for j, name in enumerate("abc")}
    body = {"version": version, "features": features, "scores": p.tolist(), "labels": y.tolist()}
    return server.put("/models/flights/reference", **body)


def a_day(log, day, *, rows=120, shift=0.0, concept=1.0, version="1", columns=("a", "b", "c")):
    """Events of a day: inputs whose column b moves, outcomes that follow the score less."""
    r = np.random.default_rng(DAYS.index(day) + 1)
    x = r.standard_normal((rows, 3))
    x[:, 1] += shift
    p = model(x)
    y = (r.random(rows) < 1 / (1 + np.exp(-1.5 * concept * x[:, 0]))).astype(int)
    at = f"{day}T06:00:00Z"
    return [
        log.request(day, x.tolist(), columns=list(columns), at=at),
        log.response(day, p.tolist(), version=version, at=at),
        log.outcomes(f"o{day}", {(day, i): int(v) for i, v in enumerate(y)}),
    ]


def close(server, day):
    return server.post("/models/flights/close", day=day)


def test_quiet_days_raise_nothing_and_show_little_evidence(server, log):
    put_reference(server)
    for day in DAYS[:6]:
        server.send(*a_day(log, day))
        assert close(server, day) == []
    last = server.get("/models/flights/days")[-1]["drift"]["1"]
    assert last["evidence"] < 1
    assert not last["alarm"]
    assert {c["column"] for c in last["columns"]} == {"a", "b", "c", "(prediction)"}


def test_drift_raises_one_alert_that_names_the_column_and_the_day(server, log):
    put_reference(server)
    raised = []
    for day in DAYS[:10]:
        server.send(*a_day(log, day, shift=0.7 if day >= "2013-04-05" else 0.0))
        raised += close(server, day)
    assert [(a["kind"], a["version"], a["severity"]) for a in raised] == [("drift", "1", "warn")]
    assert "2013-04-05" <= raised[0]["day"] <= "2013-04-06"
    assert raised[0]["facts"]["since"] == "2013-04-05"
    assert raised[0]["facts"]["columns"][0]["column"] == "b"
    assert "since about 2013-04-05: b (up)." in raised[0]["message"]
    days = server.get("/models/flights/days")
    assert days[-1]["drift"]["1"]["alarm"]
    assert days[-1]["drift"]["1"]["columns"][0]["shift"] == pytest.approx(0.7, abs=0.3)
    assert [len(d["alarms"]) for d in days if d["alarms"]] == [1]
    metrics = server.http.get("/metrics").text
    assert 'dovetail_monitoring_active_alerts{kind="drift",model="flights"} 1.0' in metrics


def test_a_loss_that_outcomes_confirm_is_an_alarm_without_any_drift(server, log):
    put_reference(server)
    raised = []
    for day in DAYS[:12]:
        server.send(*a_day(log, day, concept=-1.0 if day >= "2013-04-05" else 1.0))
        raised += close(server, day)
    assert [(a["kind"], a["severity"]) for a in raised] == [("performance", "alarm")]
    assert raised[0]["facts"]["since"] == "2013-04-05"
    assert raised[0]["facts"]["log_loss"] > raised[0]["facts"]["reference_log_loss"]


def test_outcomes_that_come_weeks_late_are_counted_at_the_next_close(server, log):
    put_reference(server)
    late = []
    for day in DAYS[:8]:
        request, response, outcomes = a_day(log, day, concept=-1.0)
        server.send(request, response)
        late.append(outcomes)
        assert close(server, day) == []
    server.send(*late)
    server.send(*a_day(log, DAYS[20]))
    assert [a["kind"] for a in close(server, DAYS[20])] == ["performance"]


def test_closing_twice_and_after_a_restart_counts_a_day_once(start, log):
    with start() as server:
        put_reference(server)
        for day in DAYS[:4]:
            server.send(*a_day(log, day, shift=0.2))
            close(server, day)
        before = server.get("/models/flights/days")
        close(server, DAYS[3])
        assert server.get("/models/flights/days") == before
        server.send(*a_day(log, DAYS[4], shift=0.2))
        assert close(server, DAYS[4]) == []
        once = server.get("/models/flights/days")[-1]["drift"]
    with start() as server:
        put_reference(server)  # the same reference again resets nothing
        close(server, DAYS[4])
        assert server.get("/models/flights/days")[-1]["drift"] == once
        server.send(*a_day(log, DAYS[5], shift=0.2))
        close(server, DAYS[5])
        gathered = server.get("/models/flights/days")[-1]["drift"]["1"]
        assert gathered["evidence"] > once["1"]["evidence"]
        assert gathered["columns"][0]["column"] == "b"


def test_closing_catches_up_with_all_days_before(server, log):
    put_reference(server)
    for day in DAYS[:3]:
        server.send(*a_day(log, day))
    close(server, DAYS[29])
    assert all(d["drift"] for d in server.get("/models/flights/days"))


def test_resolving_gathers_evidence_anew_and_may_raise_again(server, log):
    put_reference(server)
    first = []
    for day in DAYS[:3]:
        server.send(*a_day(log, day, shift=1.0))
        first += close(server, day)
    path = f"/alerts/{first[0]['id']}"
    assert server.post(f"{path}/acknowledge")["status"] == "acknowledged"
    assert server.get("/alerts", status="active")[0]["changed_by"] == "local"
    assert server.post(f"{path}/resolve")["status"] == "resolved"
    assert server.post(f"{path}/acknowledge")["status"] == "resolved"
    assert server.get("/alerts", status="open") == []
    again = []
    for day in DAYS[3:6]:
        server.send(*a_day(log, day, shift=1.0))
        again += close(server, day)
    assert [a["kind"] for a in again] == ["drift"]
    assert again[0]["facts"]["since"] >= "2013-04-04"


def test_a_new_reference_resolves_and_starts_over(server, log):
    put_reference(server)
    for day in DAYS[:3]:
        server.send(*a_day(log, day, shift=1.0))
        close(server, day)
    assert len(server.get("/alerts", status="open")) == 1
    put_reference(server, rows=2000)
    resolved = server.get("/alerts", status="resolved")
    assert [a["changed_by"] for a in resolved] == ["a new reference"]
    server.send(*a_day(log, DAYS[3]))
    assert close(server, DAYS[3]) == []


def test_alerts_of_a_version_that_was_replaced_are_resolved_after_a_week(server, log):
    put_reference(server)
    put_reference(server, version="2")
    for day in DAYS[:2]:
        server.send(*a_day(log, day, shift=1.0))
        close(server, day)
    for day in DAYS[2:9]:
        server.send(*a_day(log, day, version="2"))
        close(server, day)
        expected = [] if day == DAYS[8] else ["1"]
        assert [a["version"] for a in server.get("/alerts", status="active")] == expected
    assert server.get("/alerts")[0]["changed_by"] == "no longer live"


def test_a_column_that_vanishes_is_drift(server, log):
    put_reference(server)
    events = a_day(log, DAYS[0], columns=("a", "b", "other"))
    server.send(*events)
    raised = close(server, DAYS[0])
    assert [c["column"] for c in raised[0]["facts"]["columns"]] == ["c"]
    assert raised[0]["facts"]["columns"][0]["missing"] == 1.0


def test_columns_without_names_are_those_of_the_reference_by_position(server, log):
    put_reference(server)
    request, *rest = a_day(log, DAYS[0])
    body = {**request.data, "parameters": {"event_time": f"{DAYS[0]}T06:00:00Z"}}
    unnamed = Event(**{f: getattr(request, f) for f in request.__struct_fields__} | {"data": body})
    server.send(unnamed, *rest)
    assert close(server, DAYS[0]) == []
    columns = server.get("/models/flights/days")[0]["drift"]["1"]["columns"]
    assert all(c["missing"] == 0 for c in columns)


def test_a_version_without_reference_is_measured_but_not_assessed(server, log):
    server.send(*a_day(log, DAYS[0], version="7"))
    assert close(server, DAYS[0]) == []
    day = server.get("/models/flights/days")[0]
    assert (day["drift"], day["outcomes"]) == ({}, 120)


def test_days_that_have_settled_are_closed_by_the_tick(start, log):
    from datetime import UTC, datetime, timedelta

    clock = ManualClock(datetime(2013, 4, 1, 12, tzinfo=UTC))
    settings = MonitoringSettings(tick_seconds=1, settle_minutes=60)
    with start(settings, clock=clock) as server:
        put_reference(server)
        server.send(*a_day(log, DAYS[0]))
        clock.advance(timedelta(hours=13))
        import time

        for _ in range(60):
            if server.get("/models/flights/days")[0]["drift"]:
                break
            time.sleep(0.1)
        assert server.get("/models/flights/days")[0]["drift"]["1"]["rows"] == 120


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/models/nobody/close", b'{"day": "2013-04-01"}', 404),
        ("/models/nobody/close", b'{"day": "soon"}', 400),
        ("/models/nobody/close", b"{}", 400),
        ("/alerts/none/resolve", b"", 404),
    ],
)
def test_wrong_calls_are_answered_as_problems(server, path, body, status):
    assert server.http.post(f"/monitoring{path}", content=body).status_code == status


def test_an_unknown_status_of_alerts_is_refused(server):
    answer = server.http.get("/monitoring/alerts?status=loud")
    assert answer.json()["detail"] == (
        "there is no status 'loud'. use open, acknowledged, resolved or active."
    )


def test_evidence_and_alerts_are_the_same_on_postgresql(start, log, postgres_url):
    told = []
    for database in ("", postgres_url):
        with start(database=database) as server:
            put_reference(server)
            raised = []
            for day in DAYS[:4]:
                server.send(*a_day(log, day, shift=0.7, concept=-1.0))
                raised += close(server, day)
                close(server, day)
            server.post(f"/alerts/{raised[0]['id']}/resolve")
            days = server.get("/models/flights/days")
            for one in days:
                one["alarms"] = [a["message"] for a in one["alarms"]]
            told.append((days, sorted(a["message"] for a in raised)))
    assert told[0] == told[1]
    assert len(told[0][1]) == 2
