"""A feed that falls silent is told of, by what its last weeks were or by what a rule states."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dovetail.base.clock import ManualClock
from dovetail.base.sql import Database
from dovetail.monitoring import tables
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.migrations import MIGRATIONS
from dovetail.monitoring.rhythm import SLOTS, Rhythm
from dovetail.monitoring.routing import Router
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.wire.monitoring import Client

BEGAN = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday


def rhythm(weeks, hours, weekend=True):
    """Four predictions an hour in some hours of the day."""
    made = Rhythm()
    for i in range(7 * weeks):
        day = BEGAN.date() + timedelta(days=i)
        counts = np.zeros(SLOTS, dtype=np.int64)
        if weekend or day.weekday() < 5:
            for hour in hours:
                counts[4 * hour : 4 * hour + 4] = 1
        if counts.any():
            made = made.with_day(day.isoformat(), counts)
    return made


def silence(made, at):
    found = made.silent_at(int(at.timestamp() * 1000))
    return found and datetime.fromtimestamp(found[0] / 1000, UTC) - at


def test_a_steady_feed_may_miss_fifteen_predictions():
    friday = datetime(2026, 4, 3, 12, tzinfo=UTC)
    assert silence(rhythm(4, range(24)), friday) == timedelta(hours=3, minutes=45)


def test_nights_and_weekends_without_traffic_are_no_silence():
    office = rhythm(4, range(8, 18), weekend=False)
    assert silence(office, datetime(2026, 4, 3, 17, tzinfo=UTC)) == timedelta(hours=65, minutes=45)
    assert silence(office, datetime(2026, 4, 1, 17, tzinfo=UTC)) == timedelta(hours=17, minutes=45)


def test_under_a_week_nothing_is_known():
    assert Rhythm().silent_at(0) is None
    days = dict(list(rhythm(1, range(24)).days.items())[:6])
    assert Rhythm(days).silent_at(0) is None


def test_a_rhythm_comes_back_as_it_was_and_keeps_four_weeks():
    made = rhythm(6, [3])
    assert Rhythm.unpack(made.pack()) == made
    assert len(made.days) == 28
    assert Rhythm.unpack(b"") == Rhythm()


class World:
    """A watched model whose clock is moved by hand."""

    def __init__(self, url, log, settings=None):
        self.clock, self.log = ManualClock(BEGAN), log
        self.database = Database(url, tables.metadata, name="monitoring", migrations=MIGRATIONS)
        settings = settings or MonitoringSettings()
        self.monitoring = Monitoring(self.database, settings, self.clock, Router(settings))

    def ask(self, at=None):
        at = (at or self.clock.now()).isoformat()
        name = f"{at}-{self.clock.now().isoformat()}"
        events = [
            self.log.request(name, [[1.0]], at=at),
            self.log.response(name, [0.5], at=at),
        ]
        self.monitoring.accept(events)

    def pass_days(self, days):
        for _ in range(days):
            for _ in range(24):
                self.ask()
                self.clock.advance(timedelta(hours=1))
            self.monitoring.close(
                "flights", (self.clock.now() - timedelta(hours=1)).date().isoformat()
            )
            self.monitoring.check_feeds()

    def later(self, **length):
        self.clock.advance(timedelta(**length))
        self.monitoring.check_feeds()
        return [(a.kind, a.status) for a in self.monitoring.find_alerts("", "flights")]


@pytest.fixture
def world(database_url, log):
    made = World(database_url, log)
    yield made
    made.database.close()


def test_a_feed_that_stops_is_told_of_once_and_resolved_when_it_speaks(world):
    world.pass_days(8)
    assert world.later(hours=10) == []
    assert world.later(hours=6) == [("feed", "open")]
    (alert,) = world.monitoring.find_alerts("active", "flights")
    assert (alert.cause, alert.severity, alert.version) == ("data", "alarm", None)
    assert "Nothing has arrived of flights for 17 h" in alert.message
    assert world.later(days=1) == [("feed", "open")]
    world.ask()
    assert world.later(minutes=1) == [("feed", "resolved")]
    (change,) = world.monitoring.alerts.history(alert.id)
    assert (change.by, change.reason) == ("the feed", "events arrive again")
    assert world.later(hours=20) == [("feed", "open"), ("feed", "resolved")]


def test_an_alert_that_a_person_resolved_stays_so_until_the_feed_spoke(world):
    world.pass_days(8)
    world.later(hours=20)
    (alert,) = world.monitoring.find_alerts("active", "flights")
    world.monitoring.change_alert(alert.id, "resolved", "ann")
    assert world.later(days=2) == [("feed", "resolved")]
    world.ask()
    assert world.later(hours=20) == [("feed", "open"), ("feed", "resolved")]


def test_a_replay_of_old_events_is_not_judged(world):
    for i in range(10):
        day = datetime(2013, 4, 1 + i, 6, tzinfo=UTC)
        world.ask(day)
        world.monitoring.close("flights", day.date().isoformat())
    assert world.later(days=3) == []
    assert world.monitoring.feed("flights").last is None


def test_a_restart_begins_the_silence_anew(world, database_url, log):
    world.pass_days(8)
    world.monitoring.feeds.keep()
    again = World(database_url, log)
    again.clock.advance(world.clock.now() + timedelta(days=3) - BEGAN)
    again.monitoring = Monitoring(again.database, MonitoringSettings(), again.clock)
    assert again.later(hours=10) == []
    assert again.later(hours=6) == [("feed", "open")]
    again.database.close()


def test_a_rule_states_how_long_a_feed_may_be_silent(database_url, log, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rules]]\nkinds = ["feed"]\nmodels = ["fl*"]\nexpect_every = "30m"\nseverity = "warn"\n'
    )
    world = World(database_url, log, MonitoringSettings(rules=str(rules)))
    world.ask()
    assert world.later(minutes=29) == []
    assert world.later(minutes=2) == [("feed", "open")]
    (alert,) = world.monitoring.find_alerts("active", "")
    assert alert.severity == "warn"
    assert "A rule expects one every 30 min" in alert.message
    world.database.close()


def test_the_client_asks_for_a_feed(server, log):
    now = datetime.now(UTC)
    server.send(log.request("r", [[1.0]], at=now.isoformat()))
    with Client(str(server.http.base_url)) as client:
        found = client.feed("flights")
    assert abs(found.last - now) < timedelta(minutes=1)
    assert (found.silent_at, found.stated_seconds) == (None, None)
    assert server.http.get("/monitoring/models/nobody/feed").status_code == 404


def test_a_feed_is_known_while_it_is_being_written_down(database_url, log):
    world = World(database_url, log)
    world.ask()
    feeds, write, during = world.monitoring.feeds, world.database.write, []

    def writing(work):
        during.append(feeds.state("flights").last)
        return write(work)

    def failing(work):
        raise OSError("the disk is full")

    world.database.write = failing
    with pytest.raises(OSError, match="full"):
        feeds.keep()
    world.database.write = writing
    feeds.keep()
    world.database.write = write
    assert during == [feeds.state("flights").last]
    assert during[0] is not None
    world.database.close()
