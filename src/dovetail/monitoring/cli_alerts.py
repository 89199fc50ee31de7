"""Commands about alerts: list, acknowledge, silence, expect."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import click

from dovetail.base.errors import InvalidInputError
from dovetail.web.commands import json_option, print_json, print_table

__all__ = ["alerts", "server"]

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def alerts() -> None:
    """What is open, and what to do about it."""


def server(fn: F) -> F:
    """Add the options that say which server is asked."""
    url = click.option("--url", default="http://127.0.0.1:8080", help="Where monitoring answers.")
    token = click.option("--token", envvar="DOVETAIL_TOKEN", help="API token.")
    return url(token(fn))


@alerts.command(name="list")
@click.option("--status", default="active", help="active, open, acknowledged, resolved or all.")
@click.option("--model", help="Of one model only.")
@server
@json_option
def list_alerts(status: str, model: str | None, url: str, token: str | None, as_json: bool) -> None:
    """List alerts, newest first.

    \b
    dovetail monitoring alerts list --status all --model flights
    """
    from dovetail.wire.monitoring import Client

    with Client(url, token=token) as client:
        found = client.alerts(status=None if status == "all" else status, model=model)
    if as_json:
        print_json(found)
        return
    print_table(
        ["id", "model", "version", "kind", "severity", "cause", "status", "day"],
        [[a.id, a.model, a.version, a.kind, a.severity, a.cause, a.status, a.day] for a in found],
    )
    for alert in found:
        click.echo(f"{alert.id}: {alert.message}")


@alerts.command(name="ack")
@click.argument("alert")
@click.option("--reason", default="", help="Why, for the record.")
@server
@json_option
def acknowledge(alert: str, reason: str, url: str, token: str | None, as_json: bool) -> None:
    """Say that somebody has seen an alert.

    \b
    dovetail monitoring alerts ack ID --reason "looking at it"
    """
    from dovetail.wire.monitoring import Client

    with Client(url, token=token) as client:
        _print(client.acknowledge(alert, reason=reason), as_json)


@alerts.command(name="silence")
@click.argument("alert")
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--for", "lasts", required=True, help="How long: 90m, 8h, 7d or 2w; or the end.")
@server
@json_option
def silence(
    alert: str, reason: str, lasts: str, url: str, token: str | None, as_json: bool
) -> None:
    """Tell nobody of an alert for a while.

    \b
    dovetail monitoring alerts silence ID --for 7d --reason "the airport is closed"
    """
    from dovetail.wire.monitoring import Client

    with Client(url, token=token) as client:
        _print(client.silence(alert, reason=reason, until=_end(lasts)), as_json)


@alerts.command(name="expect")
@click.argument("alert")
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--since", help="First day of the new reference; the day of the change if not given.")
@server
@json_option
def expect(
    alert: str, reason: str, since: str | None, url: str, token: str | None, as_json: bool
) -> None:
    """Say that a change is here to stay: the rows since then become the reference.

    \b
    dovetail monitoring alerts expect ID --reason "new airport" --since 2013-04-01
    """
    from dovetail.wire.monitoring import Client

    with Client(url, token=token) as client:
        _print(client.expect(alert, reason=reason, since=_day(since)), as_json)


@alerts.command(name="resolve")
@click.argument("alert")
@click.option("--reason", default="", help="What was done, for the record.")
@server
@json_option
def resolve(alert: str, reason: str, url: str, token: str | None, as_json: bool) -> None:
    """Say that an alert is dealt with; evidence is gathered anew from the next day on.

    \b
    dovetail monitoring alerts resolve ID --reason "the sensor is mended"
    """
    from dovetail.wire.monitoring import Client

    with Client(url, token=token) as client:
        _print(client.resolve(alert, reason=reason), as_json)


@alerts.command(name="history")
@click.argument("alert")
@server
@json_option
def history(alert: str, url: str, token: str | None, as_json: bool) -> None:
    """Show what was done with an alert, by whom and when.

    \b
    dovetail monitoring alerts history ID
    """
    from dovetail.wire.monitoring import Client

    with Client(url, token=token) as client:
        found = client.history(alert)
    if as_json:
        print_json(found)
        return
    print_table(
        ["at", "by", "action", "until", "reason"],
        [[c.at, c.by, c.action, c.until, c.reason] for c in found],
    )


def _print(alert: Any, as_json: bool) -> None:
    if as_json:
        print_json(alert)
    elif alert.silenced_until and alert.status != "resolved":
        click.echo(f"{alert.id} is silenced until {alert.silenced_until}")
    else:
        click.echo(f"{alert.id} is {alert.status}")


def _end(lasts: str) -> datetime:
    from dovetail.monitoring.rules import length_of

    length = length_of(lasts)
    if length is not None:
        return datetime.now(UTC) + length
    try:
        return datetime.fromisoformat(lasts).astimezone(UTC)
    except ValueError as error:
        raise InvalidInputError(
            f"'{lasts}' is no length of time", fix="write 90m, 8h, 7d, 2w or 2026-05-01T08:00:00Z"
        ) from error


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInputError(f"'{text}' is no day", fix="write it like 2013-04-01") from error
