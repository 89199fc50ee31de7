"""What an alert tells: which columns, how much each, which rows, and whether it is the data."""

import functools
from datetime import date

import numpy as np
import pytest

from dovetail.monitoring.cli import commands
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.wire.http import BadRequest, NotFound

DAYS = [f"2013-04-{d:02d}" for d in range(1, 13)]


def rows(seed, n=400):
    r = np.random.default_rng(seed)
    return np.column_stack([r.normal(10, 3, n), r.normal(0, 1, n)])


def put_reference(server, version="1"):
    sample = rows(0, 4000)
    features = {"wind": sample[:, 0].tolist(), "calm": sample[:, 1].tolist()}
    return server.put("/models/flights/reference", version=version, features=features)


def send_day(server, log, day, features, name=None):
    at, name = f"{day}T06:00:00Z", name or f"r-{day}"
    columns = ["wind", "calm"][: features.shape[1]]
    server.send(
        log.request(name, features.tolist(), columns=columns, at=at),
        log.response(name, [0.5] * len(features), at=at),
    )
    return server.post("/models/flights/close", day=day)


def raise_drift(server, log, change, days=DAYS):
    """Quiet days, then changed ones until there is an alert."""
    put_reference(server)
    for number, day in enumerate(days):
        features = rows(number + 1)
        raised = send_day(server, log, day, change(features) if number >= 4 else features)
        if raised:
            return raised[0], number
    raise AssertionError("no alert")


def shifted(features):
    return features + np.array([6.0, 0.0])


def test_an_alert_names_shares_and_rows_and_its_request_can_be_read(server, log):
    alert, number = raise_drift(server, log, shifted)
    assert (alert["version"], alert["cause"]) == ("1", "world")
    assert alert["facts"]["clues"] == []
    columns = alert["facts"]["columns"]
    assert columns[0]["column"] == "wind"
    assert columns[0]["share"] > 0.5
    assert sum(c["share"] for c in columns) == pytest.approx(1, abs=0.01)
    examples = alert["facts"]["examples"]
    assert len(examples) == 5
    assert all(one["values"]["wind"] > 15 for one in examples)
    assert examples[0]["href"] == f"/monitoring/models/flights/requests/r-{DAYS[number]}"
    (found,) = server.client.request("flights", examples[0]["request_id"])
    assert (found.request_id, found.version) == (f"r-{DAYS[number]}", "1")
    assert found.features["wind"][examples[0]["row"]] == examples[0]["values"]["wind"]
    with pytest.raises(NotFound):
        server.client.request("flights", "nobody")


@pytest.mark.parametrize(
    ("change", "clue"),
    [
        (lambda x: np.where([True, False], np.nan, x), "missing feed: 100% of wind is missing"),
        (lambda x: np.where([True, False], 7.0, x), "constant column: wind is always 7"),
        (lambda x: x[:, 1:], "missing feed"),
        (lambda x: shifted(x)[:40], "volume drop: 40 rows where 400 a day are usual"),
    ],
    ids=["missing values", "constant", "column gone", "few rows"],
)
def test_what_looks_like_the_data_is_said_to_be_the_data(server, log, change, clue):
    alert, _ = raise_drift(server, log, change)
    assert alert["cause"] == "data"
    assert any(one.startswith(clue) for one in alert["facts"]["clues"]), alert["facts"]["clues"]
    assert f"It looks like the data: {clue}" in alert["message"] or len(alert["facts"]["clues"]) > 1


def test_a_change_that_is_expected_becomes_the_reference(server, log):
    alert, number = raise_drift(server, log, shifted)
    changed = server.client.expect(alert["id"], reason="new anemometer")
    assert (changed.status, changed.reason) == ("resolved", "expected: new anemometer")
    assert server.client.alerts(status="active") == []
    for later in range(number + 1, number + 5):
        day = f"2013-05-{later:02d}"
        assert send_day(server, log, day, shifted(rows(50 + later))) == []
    (history,) = server.client.history(alert["id"])
    assert (history.action, history.by) == ("resolved", "local")


def test_too_few_rows_are_no_reference_and_the_alert_stays(server, log):
    alert, _ = raise_drift(server, log, shifted)
    said = "0 rows of flights version 1 since 2013-08-01 are too few"
    with pytest.raises(BadRequest, match=said):
        server.client.expect(alert["id"], reason="x", since=date(2013, 8, 1))
    assert [one.id for one in server.client.alerts(status="active")] == [alert["id"]]


def test_rules_keep_a_finding_from_becoming_an_alert(start, log, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rules]]\ncolumns = ["wind"]\nalert = false\n')
    with start(MonitoringSettings(rules=str(rules))) as server:
        with pytest.raises(AssertionError, match="no alert"):
            raise_drift(server, log, shifted, DAYS[:8])
        assert server.get("/alerts") == []


def alerts_command(server, *words):
    """Type a command of alerts; returns what it says."""
    from click.testing import CliRunner

    typed = ["alerts", *words, "--url", str(server.http.base_url)]
    done = CliRunner().invoke(commands, typed)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_the_commands_list_acknowledge_silence_and_expect(server, log):
    command = functools.partial(alerts_command, server)
    alert, _ = raise_drift(server, log, shifted)
    name = alert["id"]
    assert name in command("list", "--model", "flights")
    assert command("ack", name, "--reason", "seen") == f"{name} is acknowledged\n"
    assert "is silenced until" in command("silence", name, "--for", "7d", "--reason", "x")
    assert command("expect", name, "--reason", "stays") == f"{name} is resolved\n"
    said = command("history", name)
    assert [word for word in ("acknowledged", "silenced", "resolved") if word in said] == [
        "acknowledged",
        "silenced",
        "resolved",
    ]
    assert name not in command("list")


def test_a_command_resolves_an_alert_with_its_reason(server, log):
    name = raise_drift(server, log, shifted)[0]["id"]
    said = alerts_command(server, "resolve", name, "--reason", "the sensor is mended")
    assert said == f"{name} is resolved\n"
    assert server.client.history(name)[-1].reason == "the sensor is mended"
    assert server.client.alerts(status="active") == []
