"""The HTTP surface, on a real server."""

import msgspec
import numpy as np
import pytest

from dovetail.monitoring.scores import auc
from dovetail.wire.cloudevents import encode_binary, encode_structured


def day_of_flights(log, day="2013-04-01", rows=200, version="1", role=None, seed=0):
    r = np.random.default_rng(seed)
    x = np.round(r.standard_normal((rows, 2)), 3)
    p = np.round(1 / (1 + np.exp(-x[:, 0])), 3)
    y = (r.random(rows) < p).astype(int)
    name, at = f"{day}-{version}-{role}", f"{day}T06:00:00Z"
    events = [
        log.request(name, x.tolist(), columns=["a", "b"], at=at, role=role),
        log.response(name, p.tolist(), version=version, at=at, role=role),
    ]
    outcomes = {(name, i): int(v) for i, v in enumerate(y)}
    return events, log.outcomes(f"o-{name}", outcomes), x, p, y


def test_figures_of_a_day_a_window_and_a_month(server, log):
    found = []
    for seed, day in enumerate(["2013-04-01", "2013-04-30", "2013-05-01"]):
        events, outcomes, _, p, y = day_of_flights(log, day, seed=seed)
        assert server.send(*events, outcomes) == {"accepted": 3, "duplicates": 0, "ignored": 0}
        found.append((p, y))
    days = server.get("/models/flights/days", start="2013-04-01", end="2013-04-30")
    assert [d["day"] for d in days] == ["2013-04-01", "2013-04-30"]
    assert [d["auc"] for d in days] == pytest.approx([auc(p, y) for p, y in found[:2]])
    p, y = (np.concatenate(part) for part in zip(*found[:2], strict=True))
    window = server.get("/models/flights/performance", start="2013-04-01", end="2013-04-30")
    assert (window["predictions"], window["outcomes"]) == (400, 400)
    assert window["auc"] == pytest.approx(auc(p, y))
    assert window["auc_interval"][0] < window["auc"] < window["auc_interval"][1]
    assert window["brier"] == pytest.approx(((p - y) ** 2).mean())
    assert window["estimated_auc"] is None
    months = server.get("/models/flights/months")
    assert [(m["month"], m["predictions"]) for m in months] == [("2013-04", 400), ("2013-05", 200)]


def test_versions_and_roles_are_told_apart(server, log):
    for version, role in (("1", None), ("2", None), ("1", "shadow")):
        events, outcomes, *_ = day_of_flights(log, version=version, role=role, rows=20)
        server.send(*events, outcomes)
    path = "/models/flights/performance"
    assert server.get(path)["versions"] == {"1": 20, "2": 20}
    assert server.get(path, version="2")["versions"] == {"2": 20}
    assert server.get(path, role="shadow")["versions"] == {"1": 20}
    assert server.get(path, version="9")["predictions"] == 0


def test_outcomes_that_come_late_change_the_figures_of_their_day(server, log):
    events, outcomes, *_ = day_of_flights(log)
    server.send(*events)
    before = server.get("/models/flights/days")[0]
    assert (before["predictions"], before["outcomes"], before["auc"]) == (200, 0, None)
    server.send(outcomes)
    assert server.get("/models/flights/days")[0]["outcomes"] == 200


def test_a_reference_brings_estimates_that_state_their_assumption(server, log):
    r = np.random.default_rng(9)
    x = r.standard_normal(3000)
    p = 1 / (1 + np.exp(-x))
    y = (r.random(3000) < p).astype(float)
    body = {
        "version": "1",
        "features": {"a": x.tolist()},
        "scores": p.tolist(),
        "labels": y.tolist(),
    }
    first = server.put("/models/flights/reference", **body)
    assert server.put("/models/flights/reference", **body) == first
    events, outcomes, *_ = day_of_flights(log, rows=1000)
    server.send(*events)
    window = server.get("/models/flights/performance")
    assert window["auc"] is None
    assert window["estimated_auc"] == pytest.approx(first["performance"]["auc"], abs=0.03)
    assert window["assumption"].startswith("assumes")
    server.send(outcomes)
    window = server.get("/models/flights/performance")
    assert window["estimated_auc"] == pytest.approx(window["auc"], abs=0.04)
    assert window["estimated_log_loss"] == pytest.approx(window["log_loss"], abs=0.05)


def test_all_three_content_modes_are_taken(server, log):
    event = log.response("a", [0.5])
    for headers, body in (encode_binary(event), encode_structured(event)):
        server.good(server.http.post("/monitoring/events", content=body, headers=headers))
    assert server.send(event) == {"accepted": 0, "duplicates": 1, "ignored": 0}


def test_roles_that_are_not_watched_are_let_through_and_counted(server, log):
    events = [log.request("t", [[1.0]], role="test"), log.response("t", [0.5], role="test")]
    assert server.send(*events) == {"accepted": 0, "duplicates": 0, "ignored": 2}


def test_unknown_types_are_let_through_and_counted(server, log):
    event = msgspec.structs.replace(log.response("a", [0.5]), type="com.example.other")
    assert server.send(event) == {"accepted": 0, "duplicates": 0, "ignored": 1}


def test_what_was_acknowledged_is_there_after_a_restart(start, log):
    with start() as server:
        events, outcomes, *_ = day_of_flights(log)
        server.send(*events)
        server.send(outcomes)
        before = server.get("/models/flights/days")
    with start() as server:
        assert server.get("/models/flights/days") == before
        assert server.send(*events, outcomes)["duplicates"] == 3


def test_a_broken_event_is_refused_with_its_position_and_nothing_is_stored(server, log):
    good = log.response("a", [0.5])
    bad = log.outcomes("o", {("a", -1): 1})
    from dovetail.wire.cloudevents import encode_batch

    headers, body = encode_batch([good, bad])
    answer = server.http.post("/monitoring/events", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == (
        "event 1 (dev.dovetail.outcome, id 'o'): a row number is negative or too large. "
        "nothing of this call was stored; correct the event and resend."
    )
    assert server.send(good)["accepted"] == 1


JSON = {"content-type": "application/json"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, b"{}"),
        (STRUCTURED, b""),
        (STRUCTURED, b"\xff\xfe"),
        (STRUCTURED, b"null"),
        (BATCH, b"{}"),
        (BATCH, b"[1]"),
        (BATCH, b"[" * 200_000),
        ({**STRUCTURED, "ce-id": "%ff"}, b"{"),
        ({"ce-id": "%ff", "ce-type": "x", "ce-source": "y", "ce-specversion": "1.0"}, b""),
        (STRUCTURED, b'{"specversion":"1.0","id":"1","source":"s","type":"t","time":"yesterday"}'),
        (
            STRUCTURED,
            b'{"specversion":"1.0","id":"1","source":"s","type":"dev.dovetail.outcome","data":[]}',
        ),
        (
            STRUCTURED,
            b'{"specversion":"1.0","id":"1","source":"s","type":"dev.dovetail.outcome",'
            b'"data":{"model":"m","request_ids":["a"],"values":[NaN]}}',
        ),
        (
            STRUCTURED,
            b'{"specversion":"1.0","id":"1","source":"s","inferenceservicename":"m",'
            b'"type":"org.kubeflow.serving.inference.request",'
            b'"data":{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}],'
            b'"parameters":{"event_time":42}}}',
        ),
    ],
)
def test_hostile_bodies_are_refused_as_problems(server, headers, body):
    answer = server.http.post("/monitoring/events", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "urn:dovetail:event-invalid"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/models/nobody/days", 404),
        ("/models/nobody/performance", 404),
        ("/models/nobody/days?start=yesterday", 400),
        ("/models/nobody/days?start=2013-02-30", 400),
        ("/models/nobody/days?start=2013-05-01&end=2013-04-01", 400),
        ("/models/nobody/days?role=ghost", 400),
    ],
)
def test_wrong_questions_are_answered_as_problems(server, path, status):
    assert server.http.get(f"/monitoring{path}").status_code == status


def test_a_body_over_the_limit_is_refused(start):
    from dovetail.monitoring.settings import MonitoringSettings

    with start(MonitoringSettings(max_body_mb=1)) as server:
        answer = server.http.post("/monitoring/events", content=b" " * 2**21, headers=BATCH)
        assert answer.status_code == 413


def test_a_sender_may_ask_before_it_sends(server):
    answer = server.http.options(
        "/monitoring/events", headers={"WebHook-Request-Origin": "broker.example"}
    )
    assert answer.headers["webhook-allowed-origin"] == "broker.example"


def test_a_model_may_have_a_slash_in_its_name(server, log):
    from dovetail.wire.monitoring import Client

    server.send(type(log)("team/flights").response("a", [0.5]))
    with Client(str(server.http.base_url)) as client:
        assert client.performance("team/flights").predictions == 1
        assert [m.model for m in client.models()] == ["team/flights"]
    assert server.http.get("/monitoring/team%2Fflights").status_code == 200
