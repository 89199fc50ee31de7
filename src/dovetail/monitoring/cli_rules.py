"""Commands about alert rules: is a file fine, and what would it have done."""

from pathlib import Path

import click

from dovetail.monitoring.cli_alerts import server
from dovetail.web.commands import json_option, print_json, print_table

__all__ = ["check", "rules"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def rules() -> None:
    """Alert rules in a file: check them, and try them on what has been found."""


@click.command(name="check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def check(file: Path, as_json: bool) -> None:
    """Check a file of alert rules without using it; the exit code is 0 when it is fine.

    \b
    dovetail monitoring rules check rules.toml
    dovetail monitoring check rules.toml        (the same)
    """
    from dovetail.monitoring.rules import load_rules

    rules = load_rules(file)
    if as_json:
        print_json(rules)
        return
    for place, rule in enumerate(rules.rules, 1):
        what = ", ".join(rule.kinds) or "any finding"
        told = ", ".join(rule.receivers) or "nobody"
        said = f"alert, {rule.severity or 'own severity'}, to {told}" if rule.alert else "no alert"
        click.echo(f"rule {place}: {what} of {', '.join(rule.models)}: {said}")
    click.echo(f"{file}: {len(rules.rules)} rules, {len(rules.receivers)} receivers, all fine")


rules.add_command(check)


@rules.command(name="plan")
@click.argument("file", type=_FILE)
@click.option("--days", default=30, type=click.IntRange(1, 3660), help="How many days back.")
@server
@json_option
def plan(file: Path, days: int, url: str, token: str | None, as_json: bool) -> None:
    """Show what a file of rules would have done with the findings of the last days.

    Nothing is changed and nobody is told; the rules in force stay.

    \b
    dovetail monitoring rules plan rules.toml --days 30
    """
    from dovetail.monitoring.rules import load_rules
    from dovetail.wire.monitoring import Client

    load_rules(file)
    with Client(url, token=token) as client:
        found = client.plan_rules(file.read_text(encoding="utf-8"), days=days)
    if as_json:
        print_json(found)
        return
    print_table(
        ["day", "model", "version", "kind", "cause", "rule", "outcome", "severity", "told", "now"],
        [
            [
                one.day,
                one.model,
                one.version,
                one.kind,
                one.cause,
                one.rule or "none",
                one.outcome,
                one.severity,
                ", ".join(one.receivers),
                "the same" if not one.is_changed else one.before,
            ]
            for one in found.findings
        ],
    )
    changed = sum(one.is_changed for one in found.findings)
    told = ", ".join(f"{name} {times}" for name, times in found.receivers.items()) or "nobody"
    click.echo(f"{len(found.findings)} findings from {found.start} to {found.end}; told: {told}")
    click.echo(f"{changed} of them would be dealt with otherwise than by the rules in force")
    for place in found.unused:
        click.echo(f"rule {place} decided on nothing")
