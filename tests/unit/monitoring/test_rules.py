"""Rules of alerts: what they decide, and what is said of a file that cannot be meant."""

import msgspec
import pytest
from click.testing import CliRunner

from dovetail.base.errors import SettingsError
from dovetail.monitoring.cli import commands
from dovetail.monitoring.errors import RulesInvalidError
from dovetail.monitoring.routing import Router
from dovetail.monitoring.rules import load_rules, token_of
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.wire.monitoring import Alert

FILE = """
[[receivers]]
name = "oncall"
type = "alertmanager"
url = "https://alertmanager.example.org"

[[receivers]]
name = "team"
type = "webhook"
url = "https://hooks.example.org/x"
token_env = "RULES_TEST_TOKEN"

[[rules]]
models = ["trial-*"]
alert = false

[[rules]]
cause = "data"
receivers = ["team"]

[[rules]]
models = ["flights*"]
kinds = ["drift"]
columns = ["wind*"]
severity = "alarm"
receivers = ["oncall", "team"]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(FILE)
    return path


def finding(**more):
    facts = {"columns": [{"column": "wind_gust"}]}
    return msgspec.structs.replace(Alert(id="", model="flights", kind="drift", facts=facts), **more)


@pytest.mark.parametrize(
    ("found", "severity", "told"),
    [
        (finding(), "alarm", ["oncall", "team"]),
        (finding(facts={}), "warn", []),
        (finding(model="other"), "warn", []),
        (finding(kind="performance"), "warn", []),
        (finding(cause="data"), "warn", ["team"]),
        (finding(model="trial-7", cause="data"), None, []),
    ],
    ids=["matches", "no such column", "other model", "other kind", "data first", "no alert"],
)
def test_the_first_rule_that_matches_decides(file, found, severity, told):
    router = Router(MonitoringSettings(rules=str(file)))
    alert, receivers = router.decide(found)
    assert (alert.severity if alert else None, receivers) == (severity, told)


def test_the_operators_own_webhook_is_told_of_every_alert(file):
    router = Router(MonitoringSettings(rules=str(file), webhook="http://here"))
    assert router.decide(finding(model="other"))[1] == ["webhook"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[[rules]]", "[[rules]", "is not TOML"),
        ('severity = "alarm"', 'severity = "alram"', "rule 3: Invalid enum value 'alram'"),
        ("severity =", "severities =", "'severities', did you mean 'severity'?"),
        ('"oncall", "team"', '"onkall"', "rule 3: there is no receiver 'onkall', did you mean"),
        ("https://alertmanager", "ftp://alertmanager", "receiver 'oncall': 'ftp://alertmanager"),
        ('name = "team"', 'name = "oncall"', "has two receivers named 'oncall'"),
        ("alert = false", 'alert = false\nseverity = "warn"', "rule 1: alert = false, so"),
        ('models = ["trial-*"]', "models = []", "rule 1: models is empty"),
        ('models = ["trial-*"]', 'models = "trial-*"', "rule 1: Expected `array`"),
        ("[[receivers]]\n", "[receivers]\n", "is not TOML"),
        ("\n[[receivers]]", "rule = 1\n[[receivers]]", "did you mean 'rules'"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_meant_is_refused_with_what_and_where(file, before, after, said):
    file.write_text(FILE.replace(before, after, 1))
    done = CliRunner().invoke(commands, ["check", str(file)])
    assert isinstance(done.exception, RulesInvalidError)
    assert said in str(done.exception)
    assert str(file) in str(done.exception)
    with pytest.raises(SettingsError):
        Router(MonitoringSettings(rules=str(file)))


def test_check_says_what_each_rule_does(file):
    done = CliRunner().invoke(commands, ["check", str(file)])
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "rule 1: any finding of trial-*: no alert",
        "rule 2: any finding of *: alert, own severity, to team",
        "rule 3: drift of flights*: alert, alarm, to oncall, team",
        f"{file}: 3 rules, 2 receivers, all fine",
    ]


def test_a_token_comes_from_the_environment_and_is_missed_at_start(file, monkeypatch):
    team = load_rules(file).receivers[1]
    with pytest.raises(RulesInvalidError, match="RULES_TEST_TOKEN is not set"):
        token_of(team)
    monkeypatch.setenv("RULES_TEST_TOKEN", "secret")
    assert token_of(team) == "secret"
