"""Loss evidence: silent while the model is right, quick when the world changes."""

import numpy as np
import pytest

from dovetail.monitoring import Reference, scores
from dovetail.monitoring.loss import assess_loss, watch_loss


def rows(r, n, slope=1.2):
    x = r.normal(size=(n, 3))
    rest = -x[:, 1] + 0.8 * x[:, 2]
    p = 1 / (1 + np.exp(-(1.2 * x[:, 0] + rest)))
    came = r.random(n) < 1 / (1 + np.exp(-(slope * x[:, 0] + rest)))
    return p, came.astype(float)


def test_a_calibrated_model_surprises_by_nothing_however_hard_the_rows():
    r = np.random.default_rng(0)
    for spread in (0.1, 0.5):
        p = r.uniform(0.5 - spread + 0.001, 0.5 + spread - 0.001, 200_000)
        y = (r.random(200_000) < p).astype(float)
        assert scores.surprises(p, y).mean() == pytest.approx(0, abs=0.005)


def test_a_changed_world_is_seen_in_two_days_of_a_thousand_labels():
    delays = []
    for seed in range(9):
        r = np.random.default_rng(seed)
        p, y = rows(r, 10_000)
        watch = watch_loss(Reference.fit({}, scores=p, labels=y))
        days = [rows(r, 1000, 1.2 if t < 15 else 0.6) for t in range(25)]
        alarms = [
            assess_loss(watch, f"{t:03d}", *day, alpha=0.025, about=str(seed)).alarm
            for t, day in enumerate(days)
        ]
        assert not any(alarms[:15])
        delays.append(alarms[15:].index(True) + 1)
    assert np.median(delays) <= 2


def test_a_reference_of_before_is_watched_by_its_loss_alone():
    import msgspec

    p, y = rows(np.random.default_rng(0), 1000)
    reference = msgspec.structs.replace(Reference.fit({}, scores=p, labels=y), surprise=None)
    watch = watch_loss(Reference.unpack(reference.pack()))
    assert len(watch.profiles) == 1
    assert not assess_loss(watch, "2026-03-01", p[:100], y[:100], alpha=0.05).alarm


def test_the_errors_of_a_regression_are_watched_by_the_service(server, log):
    r = np.random.default_rng(0)
    said = r.normal(50, 10, 2000)
    server.put(
        "/models/delay/reference",
        version="1",
        task="regression",
        scores=said.tolist(),
        labels=(said + r.normal(0, 2, 2000)).tolist(),
    )
    log = type(log)("delay")
    raised = []
    for day in range(1, 13):
        at, error = f"2013-04-{day:02d}T06:00:00Z", 2.0 if day < 9 else 3.0
        said = r.normal(50, 10, 500)
        server.send(log.response(f"r{day}", said.tolist(), at=at))
        came = (said + r.normal(0, error, 500)).tolist()
        server.send(log.outcomes(f"o{day}", {(f"r{day}", i): y for i, y in enumerate(came)}))
        raised += server.post("/models/delay/close", day=f"2013-04-{day:02d}")
    (alert,) = raised
    assert alert["kind"] == "performance"
    assert "2013-04-09" <= alert["day"] <= "2013-04-10"
    assert "Mean error" in alert["message"]
    assert alert["facts"]["mae"] > alert["facts"]["reference_mae"] * 1.2
    assert server.get("/models/delay/quality")["task"] == "regression"
    assert server.http.get("/monitoring/delay").status_code == 200
