"""The how-to of alerts is true: its rules are valid, its commands work in their order."""

import re
import shlex
import tomllib
from pathlib import Path

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from tests.unit.monitoring.conftest import Server
from tests.unit.monitoring.test_alert_content import raise_drift, shifted

from dovetail.monitoring.cli import commands
from dovetail.monitoring.piece import piece
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.web.testing import run_piece

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "monitoring-alerts.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not in this copy")


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), flags=re.S)


def words(prefix):
    lines = [line[2:] for block in blocks("console") for line in block.splitlines()]
    return [shlex.split(line)[2:] for line in lines if line.startswith(prefix)]


def test_the_rules_and_the_settings_are_valid(tmp_path):
    rules, settings = blocks("toml")
    (tmp_path / "rules.toml").write_text(rules)
    ((verb, name),) = words("dovetail monitoring check")
    done = CliRunner().invoke(commands, [verb, str(tmp_path / name)])
    assert done.exit_code == 0, done.output
    assert "rule 3: drift, performance of flights*, delays*: alert, alarm" in done.output
    msgspec.convert(tomllib.loads(settings)["monitoring"], MonitoringSettings)


def test_the_commands_work_in_their_order(tmp_path, log):
    with (
        run_piece(piece, state=tmp_path / "state") as running,
        httpx.Client(base_url=running.url, timeout=30) as http,
    ):
        alert, _ = raise_drift(Server(http), log, shifted)
        typed = words("dovetail monitoring alerts")
        assert len(typed) == 6
        for command in typed:
            said = [alert["id"] if word == "ID" else word for word in command]
            done = CliRunner().invoke(commands, [*said, "--url", running.url])
            assert done.exit_code == 0, (command, done.output, done.exception)
