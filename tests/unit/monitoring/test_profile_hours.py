"""Features are dropped early, and profiles of hours take their place: every row counts once."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.unit.monitoring.conftest import Log

from dovetail.base.clock import ManualClock
from dovetail.base.sql import Database
from dovetail.monitoring import Reference, profile_hours, tables
from dovetail.monitoring.background import Background
from dovetail.monitoring.errors import ProfileEmptyError, ReferenceUnknownError
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.migrations import MIGRATIONS
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.settings import MonitoringSettings

SETTINGS = MonitoringSettings(keep_feature_days=3, keep_days=30)
COLUMNS = ["x", "w"]


def rows(seed, count=50):
    r = np.random.default_rng(seed)
    return np.column_stack([r.normal(size=count), r.poisson(2, count)])


class Watched:
    """Monitoring of one model with a reference, and what it was sent."""

    def __init__(self, database, version="1"):
        self.clock = ManualClock(datetime(2026, 4, 2, 12, tzinfo=UTC))
        self.monitoring = Monitoring(database, SETTINGS, self.clock)
        self.background = Background(self.monitoring, self.clock)
        self.log = Log()
        table, r = rows(99, 2000), np.random.default_rng(98)
        p = r.random(2000)
        self.reference = Reference.fit(
            dict(zip(COLUMNS, table.T, strict=True)),
            scores=p,
            labels=(r.random(2000) < p).astype(float),
            version=version,
        )
        self.monitoring.put_profile("flights", self.reference.profile())

    def send(self, name, day, hour=6, count=50, version="1"):
        at = f"{day}T{hour:02}:30:00Z"
        table = rows(len(name) * 31 + hour, count)
        self.monitoring.accept(
            [
                self.log.request(name, table, columns=COLUMNS, at=at),
                self.log.response(name, [0.5] * count, at=at, version=version),
            ]
        )
        return table

    def profile(self, start="", end=""):
        return Reference.from_profile(self.monitoring.profile_between("flights", "", start, end))

    def features(self, name):
        return self.monitoring.store.request("flights", name)[0].features


@pytest.fixture
def watched(database_url):
    database = Database(database_url, tables.metadata, name="monitoring", migrations=MIGRATIONS)
    yield Watched(database)
    database.close()


def content(reference):
    """Counts, which do not depend on whether rows were merged."""
    return [
        (p.name, p.counts, p.pools, p.cuts, pytest.approx(p.mean), pytest.approx(p.deviation))
        for p in [*reference.streams, *(j.profile for j in reference.joints)]
    ]


def test_a_profile_says_what_the_rows_said(watched):
    tables_sent = [watched.send("a", "2026-04-01"), watched.send("bb", "2026-04-01", hour=9)]
    watched.monitoring.accept([watched.log.outcomes("o", {("a", 0): 1.0, ("a", 3): 0.0})])
    before = watched.profile()
    assert before.rows == 100
    assert sum(before.scored.rows) == 2
    assert before.columns[0].mean == pytest.approx(np.concatenate(tables_sent)[:, 0].mean())
    watched.monitoring.close("flights", "2026-04-01")
    watched.background.forget_old()
    assert list(watched.features("a")) == COLUMNS  # not old enough
    watched.clock.advance(timedelta(days=4))
    watched.background.forget_old()
    assert watched.features("a") == watched.features("bb") == {}
    assert content(watched.profile()) == content(before)
    figures = watched.monitoring.performance("flights", "", "", Choice("live", None))
    assert (figures.predictions, figures.outcomes) == (100, 2)


def test_what_comes_late_is_added_once(watched):
    watched.send("a", "2026-04-01")
    watched.monitoring.close("flights", "2026-04-01")
    watched.clock.advance(timedelta(days=4))
    watched.background.forget_old()
    watched.send("late", "2026-04-01", count=20)
    watched.send("a", "2026-04-01")  # again: a duplicate
    assert watched.profile().rows == 70
    watched.clock.advance(timedelta(days=4))
    watched.background.forget_old()
    assert watched.features("late") == {}
    assert watched.profile().rows == 70
    watched.clock.advance(timedelta(days=4))
    watched.background.forget_old()
    assert watched.profile().rows == 70


def test_open_days_and_versions_without_a_reference_keep_their_features(watched):
    watched.send("a", "2026-04-01")
    watched.send("bb", "2026-04-01", version="2")
    watched.clock.advance(timedelta(days=4))
    watched.background.forget_old()
    assert list(watched.features("a")) == COLUMNS
    watched.monitoring.close("flights", "2026-04-01")
    watched.clock.advance(timedelta(days=4))
    watched.background.forget_old()
    assert watched.features("a") == {}
    assert list(watched.features("bb")) == COLUMNS


def test_busy_days_have_a_profile_an_hour(watched, monkeypatch):
    monkeypatch.setattr(profile_hours, "HOURLY", 100)
    for hour in (0, 6, 23):
        watched.send(f"r{hour}", "2026-04-01", hour=hour)
    before = watched.profile()
    watched.monitoring.close("flights", "2026-04-01")
    watched.clock.advance(timedelta(days=4))
    watched.background.forget_old()
    with watched.monitoring.store.database.reading() as connection:
        query = profile_hours._profiles.select().order_by("hour")
        kept = [(row.hour, row.rows) for row in connection.execute(query)]
    assert kept == [(0, 50), (6, 50), (23, 50)]
    assert content(watched.profile()) == content(before)


def test_windows_are_by_day_and_what_is_empty_is_said(watched):
    watched.send("a", "2026-04-01")
    watched.send("bb", "2026-04-02", count=30)
    assert watched.profile("2026-04-02", "2026-04-02").rows == 30
    assert str(watched.profile().first) == "2026-04-01"
    with pytest.raises(ProfileEmptyError):
        watched.profile("2027-01-01")
    with pytest.raises(ReferenceUnknownError):
        watched.monitoring.profile_between("flights", "9", "", "")


def test_profiles_of_days_become_the_next_reference(watched):
    for number in range(4):
        watched.send("n" * (number + 1), f"2026-04-0{number + 1}", count=200)
    watched.monitoring.close("flights", "2026-04-04")
    watched.clock.advance(timedelta(days=10))
    watched.background.forget_old()
    fresh = watched.monitoring.put_profile("flights", watched.profile().profile())
    assert (fresh.rows, fresh.version) == (800, "1")
    watched.send("after", "2026-04-20", count=100)
    watched.monitoring.close("flights", "2026-04-20")
    found = watched.monitoring.days("flights", "2026-04-20", "2026-04-20", Choice("live", None))
    assert not found[0].drift["1"].alarm


def test_profiles_are_forgotten_with_the_rows_of_their_day(watched):
    watched.send("a", "2026-04-01")
    watched.monitoring.close("flights", "2026-04-01")
    watched.clock.advance(timedelta(days=20))
    watched.background.forget_old()
    watched.send("later", "2026-04-21")
    assert watched.profile("", "2026-04-20").rows == 50
    watched.clock.advance(timedelta(days=20))
    watched.background.forget_old()
    assert watched.profile().rows == len(watched.features("later")["x"])
    with pytest.raises(ProfileEmptyError):
        watched.profile("", "2026-04-20")
