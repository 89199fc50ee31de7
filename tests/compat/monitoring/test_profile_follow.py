"""A version that answers gets its reference from the registry, whenever that is there."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.unit.monitoring.conftest import Log

from dovetail.base.clock import ManualClock
from dovetail.base.sql import Database
from dovetail.monitoring import Reference, log_profile, tables
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.migrations import MIGRATIONS
from dovetail.monitoring.profile_follow import Follower
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.tracking.piece import piece as tracking
from dovetail.web.testing import run_piece
from dovetail.wire import mlflow


@pytest.fixture
def registry(tmp_path):
    with (
        run_piece(tracking, state=tmp_path / "registry") as running,
        mlflow.Client(running.url) as client,
    ):
        client.create_registered_model("flights")
        for _ in range(2):
            client.create_model_version("flights", "s3://models/flights")
        yield client


class Watched:
    """Monitoring, and a follower that is told where the registry is."""

    def __init__(self, path, url):
        self.clock = ManualClock(datetime(2026, 4, 2, 12, tzinfo=UTC))
        self.database = Database(
            f"sqlite:///{path}/m.db", tables.metadata, name="monitoring", migrations=MIGRATIONS
        )
        self.monitoring = Monitoring(self.database, MonitoringSettings(), self.clock)
        self.url, self.asked = url, 0
        self.follower = Follower(
            self.database, self.connect, self.monitoring.adopt_profile, self.clock
        )

    def connect(self):
        self.asked += 1
        return mlflow.Client(self.url)

    def answer(self, version):
        said = Log().response(f"r{version}", [0.5], at="2026-04-02T06:00:00Z", version=version)
        self.monitoring.accept([said])

    def answer_day(self, day, values, version):
        """A day whose rows are asked, answered, and turn out to be the opposite."""
        log, at = Log(), f"{day}T06:00:00Z"
        scores = np.random.default_rng(1).random(len(values))
        told = {(day, row): float(score < 0.5) for row, score in enumerate(scores)}
        rows = [[value] for value in values]
        self.monitoring.accept(
            [
                log.request(day, rows, columns=["x"], at=at),
                log.response(day, scores.tolist(), at=at, version=version),
                log.outcomes(f"o{day}", told, at=at),
            ]
        )

    def look(self, minutes=2):
        self.clock.advance(timedelta(minutes=minutes))
        self.follower.look()
        return sorted(self.monitoring.references.of("flights"))


def profile(seed):
    return Reference.fit({"x": np.random.default_rng(seed).normal(size=200)})


def test_what_lacks_is_fetched_and_what_is_there_stays(registry, tmp_path):
    watched = Watched(tmp_path, registry.url)
    for version in ("1", "2"):
        log_profile(profile(int(version)), registry, model="flights", version=version)
    watched.answer("1")
    assert watched.look() == ["1"]
    own = profile(7)
    watched.monitoring.put_profile("flights", own.profile(), "2")
    watched.answer("2")
    assert watched.look() == ["1", "2"]
    kept = watched.monitoring.references.of("flights")["2"]
    assert kept.columns == own.columns
    assert watched.asked == 1
    watched.database.close()


def test_a_version_without_a_profile_is_asked_for_again_in_a_while(registry, tmp_path):
    watched = Watched(tmp_path, registry.url)
    watched.answer("1")
    watched.answer("not a number")
    assert watched.look() == []
    log_profile(profile(1), registry, model="flights", version="1")
    assert watched.look(minutes=5) == []
    asked = watched.asked
    watched.answer("1")
    watched.clock.advance(timedelta(minutes=10))
    watched.monitoring.before_close = watched.follower.fill
    watched.monitoring.close("flights", "2026-04-02")
    assert sorted(watched.monitoring.references.of("flights")) == ["1"]
    assert watched.asked == asked + 2
    watched.database.close()


def test_a_registry_that_is_away_holds_nothing_up(registry, tmp_path, free_port):
    watched = Watched(tmp_path, f"http://127.0.0.1:{free_port()}")
    log_profile(profile(1), registry, model="flights", version="1")
    watched.answer("1")
    assert watched.look() == []
    watched.monitoring.before_close = watched.follower.fill
    assert watched.monitoring.close("flights", "2026-04-02") == []
    log_profile(profile(2), registry, model="flights", version="2")
    watched.answer("2")
    assert watched.look() == []
    own = profile(7)
    watched.monitoring.put_profile("flights", own.profile(), "2")
    watched.url = registry.url
    assert watched.look() == ["1", "2"]
    assert watched.monitoring.references.of("flights")["2"].columns == own.columns
    watched.database.close()


def test_days_closed_while_the_registry_was_away_are_assessed_once_it_is_there(
    registry, tmp_path, free_port
):
    watched = Watched(tmp_path, f"http://127.0.0.1:{free_port()}")
    r = np.random.default_rng(0)
    p = r.random(3000)
    labels = (r.random(3000) < p).astype(float)
    made = Reference.fit({"x": r.normal(size=3000)}, scores=p, labels=labels, version="1")
    log_profile(made, registry, model="flights", version="1")
    watched.monitoring.put_profile("flights", profile(2).profile(), "2")
    watched.monitoring.before_close = watched.follower.fill
    days = [f"2026-03-{day}" for day in (28, 29, 30)]
    for day in days:
        watched.answer_day(day, r.normal(2, 1, 200), "1")
        assert watched.monitoring.close("flights", day) == []
    watched.answer_day("2026-03-31", r.normal(size=200), "2")
    assert watched.monitoring.close("flights", "2026-03-31") == []
    line = watched.monitoring.standings.find().models
    assert watched.monitoring.assessor.settled("2026-04-02", 2**62) == {}
    watched.url = registry.url
    watched.look()
    assert watched.monitoring.assessor.settled("2026-04-02", 2**62) == {"flights": days[-1]}
    raised = watched.monitoring.close("flights", days[-1])
    assert sorted((a.kind, a.version, str(a.day)) for a in raised) == [
        ("drift", "1", days[0]),
        ("performance", "1", days[0]),
    ]
    found = watched.monitoring.assessor.between("flights", "", "9999-12-31")
    assert [one.day for one in found if one.kind == "drift"] == [*days, "2026-03-31"]
    assert [one.found.rows for one in found if one.kind == "performance"] == [200] * 3
    assert [one.day for one in watched.monitoring.standings.find().models] == [
        one.day for one in line
    ]
    watched.look(minutes=20)
    assert watched.monitoring.assessor.settled("2026-04-02", 2**62) == {}
    watched.database.close()
