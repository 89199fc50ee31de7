from datetime import date

import numpy as np
import pytest

from dovetail.monitoring import Monitor, Reference
from dovetail.monitoring.errors import ReferenceInvalidError


def rows(r, count, *, shift=0.0, concept=1.0):
    x = r.normal(shift, 1, count)
    p = 1 / (1 + np.exp(-2 * x))
    y = (r.random(count) < 1 / (1 + np.exp(-2 * concept * x))).astype(float)
    return {"x": x, "c": np.where(x > 0, "up", "down")}, p, y


@pytest.fixture
def monitor():
    features, p, y = rows(np.random.default_rng(0), 3000)
    return Monitor(Reference.fit(features, scores=p, labels=y, version="1"))


def test_quiet_updates_are_quiet_and_measured(monitor):
    r = np.random.default_rng(1)
    for _ in range(6):
        features, p, y = rows(r, 200)
        found = monitor.update(features, scores=p, labels=y)
        assert not found.alarm
    assert found.figures.auc == pytest.approx(found.figures.estimated_auc, abs=0.08)
    assert found.loss.rows == 200


def test_drift_and_loss_are_told_apart(monitor):
    r = np.random.default_rng(2)
    features, p, y = rows(r, 400, concept=-1.0)
    found = monitor.update(features, scores=p, labels=y, day=date(2013, 4, 1))
    assert (found.drift.alarm, found.loss.alarm) == (False, True)
    features, p, _ = rows(r, 400, shift=1.0)
    found = monitor.update(features, scores=p)
    assert found.drift.alarm
    assert found.drift.columns[0].since == date(2013, 4, 2)
    assert found.loss is None


def test_updates_without_scores_watch_the_features_alone(monitor):
    features, *_ = rows(np.random.default_rng(3), 50)
    found = monitor.update(features)
    assert (found.loss, found.figures, found.alarm) == (None, None, False)


def test_lengths_and_days_are_checked(monitor):
    with pytest.raises(ReferenceInvalidError, match="x 1, scores 2"):
        monitor.update({"x": [1.0]}, scores=[0.5, 0.5])
    monitor.update({"x": [1.0]}, day=date(2013, 4, 2))
    with pytest.raises(ReferenceInvalidError, match="day 2013-04-02 is not after 2013-04-02"):
        monitor.update({"x": [1.0]}, day=date(2013, 4, 2))
