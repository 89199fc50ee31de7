"""Rules are tried on what has been found before they are put in force."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from tests.unit.monitoring.test_alert_content import DAYS, put_reference, rows, send_day, shifted

from dovetail.base.clock import ManualClock
from dovetail.monitoring.cli import commands
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.wire.http import BadRequest
from dovetail.wire.monitoring import Client

NEW = """
[[receivers]]
name = "team"
type = "webhook"
url = "https://hooks.example.org/"
token_env = "NOT_SET_HERE"

[[rules]]
models = ["trial-*"]
alert = false

[[rules]]
kinds = ["drift"]
columns = ["wind"]
severity = "alarm"
receivers = ["team"]
"""
SILENT = '[[rules]]\nkinds = ["drift"]\nalert = false\n'


@pytest.fixture
def told(start, log, tmp_path):
    """A server whose rules drop drift, and a fortnight in which there was some."""
    (tmp_path / "silent.toml").write_text(SILENT)
    clock = ManualClock(datetime(2013, 4, 13, tzinfo=UTC))
    settings = MonitoringSettings(rules=str(tmp_path / "silent.toml"), tick_seconds=0)
    with start(settings, clock=clock) as server:
        put_reference(server)
        for number, day in enumerate(DAYS):
            features = rows(number + 1)
            assert send_day(server, log, day, shifted(features) if number > 3 else features) == []
        yield server


def test_a_plan_says_what_becomes_of_each_finding(told):
    with Client(str(told.http.base_url)) as client:
        plan = client.plan_rules(NEW)
        (one,) = plan.findings
        assert (one.model, one.version, one.kind, one.rule) == ("flights", "1", "drift", 2)
        assert (one.outcome, one.severity, one.receivers) == ("told", "alarm", ("team",))
        assert (one.before, one.is_changed, one.columns) == ("dropped", True, ("wind",))
        assert (plan.receivers, plan.unused) == ({"team": 1}, [1])
        assert client.plan_rules(NEW, days=2).findings == []
        assert not client.plan_rules(SILENT).findings[0].is_changed
        assert client.alerts() == []


def test_rules_that_cannot_be_meant_are_refused(told):
    with Client(str(told.http.base_url)) as client, pytest.raises(BadRequest, match="no receiver"):
        client.plan_rules('[[rules]]\nreceivers = ["nobody"]\n')


def test_the_command_prints_the_plan(told, tmp_path):
    (tmp_path / "new.toml").write_text(NEW)

    def command(*words):
        done = CliRunner().invoke(commands, ["rules", *words])
        return done.exit_code, done.output

    new, url = str(tmp_path / "new.toml"), str(told.http.base_url)
    code, said = command("plan", new, "--url", url)
    assert code == 0, said
    assert "1 findings from 2013-03-14 to 2013-04-13; told: team 1" in said
    assert "1 of them would be dealt with otherwise" in said
    assert "rule 1 decided on nothing" in said
    code, said = command("plan", new, "--url", url, "--json")
    assert json.loads(said)["findings"][0]["rule"] == 2
    assert command("check", new)[0] == 0
