"""Payloads as the world sends them: late, twice, of other types, for thousands of models."""

from datetime import UTC, datetime, timedelta

import numpy as np
from tests.unit.monitoring.conftest import Log, moment

from dovetail.base.clock import ManualClock
from dovetail.base.sql import Database
from dovetail.monitoring import tables
from dovetail.monitoring.background import Background
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.migrations import MIGRATIONS
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.wire.cloudevents import Event


def tensors(name, columns, at):
    """A request of one tensor a column; values decide the type."""
    inputs = [
        {
            "name": column,
            "shape": [len(values)],
            "datatype": "BYTES" if isinstance(values[0], str) else "FP64",
            "data": values,
        }
        for column, values in columns.items()
    ]
    return Event(
        id=name,
        source="http://serving",
        type="org.kubeflow.serving.inference.request",
        time=moment(at),
        data={"inputs": inputs},
        extensions={"inferenceservicename": "flights"},
    )


def test_messy_days_are_taken_closed_and_counted_once(server, log):
    r = np.random.default_rng(0)
    server.put(
        "/models/flights/reference",
        version="1",
        features={"wind": r.normal(10, 3, 2000).tolist(), "carrier": ["AA", "UA"] * 1000},
    )
    wind, carrier = r.normal(10, 3, 50).tolist(), ["AA", "UA"] * 25
    days = {
        "2013-04-03": {"wind": wind, "carrier": carrier},
        "2013-04-01": {"wind": [None, *wind[1:]], "carrier": [None, *carrier[1:]][::-1]},
        "2013-04-02": {"wind": [str(x) for x in wind], "carrier": carrier, "new": wind},
        "2013-04-04": {"carrier": wind},
    }
    for day, columns in days.items():  # responses come first, days in no order
        at = f"{day}T06:00:00Z"
        answer, asked = log.response(day, [0.5] * 50, at=at), tensors(day, columns, at)
        assert server.send(answer, asked, answer)["duplicates"] == 1
        assert server.send(asked)["duplicates"] == 1
    server.post("/models/flights/close", day="2013-04-04")
    weeks_late = {("2013-04-01", row): 1.0 for row in range(50)}
    server.send(log.outcomes("o", weeks_late, at="2013-05-20T00:00:00Z"))
    late = log.response("late", [0.5], at="2013-04-02T06:00:00Z")
    assert server.send(late)["accepted"] == 1
    figures = server.get("/models/flights/performance")
    assert (figures["predictions"], figures["outcomes"]) == (201, 50)
    assert [day["day"] for day in server.get("/models/flights/days")] == sorted(days)


def test_an_unknown_models_outcomes_wait_for_it(server, log):
    server.send(Log("nobody").outcomes("o", {("r", 0): 1.0}))
    assert server.get("/models") == []
    server.send(Log("nobody").response("r", [0.5]))
    assert server.get("/models/nobody/performance")["outcomes"] == 1


def test_many_models_with_little_traffic_are_closed_in_one_look(tmp_path):
    clock = ManualClock(datetime(2013, 4, 1, 12, tzinfo=UTC))
    url = f"sqlite:///{tmp_path}/m.db"
    database = Database(url, tables.metadata, name="monitoring", migrations=MIGRATIONS)
    monitoring = Monitoring(database, MonitoringSettings(), clock)
    names = [f"m{number:04d}" for number in range(400)]
    monitoring.accept([Log(name).response("r", [0.5]) for name in names])
    background = Background(monitoring, clock)
    background.close_settled()
    assert monitoring.assessor.settled("2013-04-02", 2**60) == dict.fromkeys(names, "2013-04-01")
    clock.advance(timedelta(days=1))
    background.close_settled()
    assert monitoring.assessor.settled("2013-04-02", 2**60) == {}
    found = monitoring.models()
    assert [(one.model, one.versions) for one in found] == [(name, ("1",)) for name in names]
    database.close()


def test_rows_are_forgotten_by_when_they_came_and_not_by_their_date(database_url, log):
    clock = ManualClock(datetime(2026, 4, 1, 12, tzinfo=UTC))
    database = Database(database_url, tables.metadata, name="monitoring", migrations=MIGRATIONS)
    monitoring = Monitoring(database, MonitoringSettings(keep_days=10), clock)
    background = Background(monitoring, clock)
    old = [log.response("a", [0.5]), log.outcomes("o", {("a", 0): 1.0})]
    monitoring.accept(old)
    background.forget_old()
    assert monitoring.store.request("flights", "a")[0].outcomes == [1.0]
    clock.advance(timedelta(days=8))
    monitoring.accept([log.response("b", [0.5], at="2013-04-02T06:00:00Z")])
    clock.advance(timedelta(days=4))
    background.forget_old()
    assert monitoring.store.request("flights", "a") == []
    assert len(monitoring.store.request("flights", "b")) == 1
    with database.reading() as connection:
        kept = {
            table.name: len(connection.execute(table.select()).all())
            for table in (tables.events, tables.inferences, tables.outcomes, tables.days)
        }
    assert kept == {"events": 0, "inferences": 1, "outcomes": 0, "days": 1}
    database.close()
