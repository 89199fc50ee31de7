"""`dovetail governance`: run the guard, give evidence, approve, check, list, verify."""

from typing import Any

import click

from dovetail.governance.piece import piece
from dovetail.web import commands as shared
from dovetail.wire.governance import Approval, Client

__all__ = ["commands"]

url_option = click.option(
    "--url", default="http://127.0.0.1:8080", show_default=True, help="Where governance answers."
)
token_option = click.option("--token", envvar="DOVETAIL_TOKEN", help="API token.")


@click.group()
def commands() -> None:
    """Who approved what on which evidence."""


@commands.command()
@shared.server_options
@click.option("--registry", help="The MLflow server to guard.")
def run(server: dict[str, Any], registry: str | None) -> None:
    """Guard an MLflow registry.

    Example: dovetail governance run --registry http://127.0.0.1:5000 --port 8080
    """
    shared.run(piece, server, joints={"tracking": registry})


@commands.command()
@click.argument("model")
@click.argument("version")
@click.argument("alias")
@url_option
@token_option
@shared.json_option
@click.pass_context
def check(
    context: click.Context,
    model: str,
    version: str,
    alias: str,
    url: str,
    token: str | None,
    as_json: bool,
) -> None:
    """Say whether a version may take an alias; exit code 1 if not.

    Example: dovetail governance check flights 3 champion
    """
    with Client(url, token=token) as client:
        verdict = client.check(model, version, alias)
    if as_json:
        shared.print_json(verdict)
    elif verdict.open:
        click.echo(f"{model} version {version} may become @{alias}.")
    else:
        click.echo(f"{model} version {version} may not become @{alias}:")
        for phrase in verdict.missing:
            click.echo(f"  {phrase}")
    context.exit(0 if verdict.open else 1)


@commands.command()
@click.argument("model")
@click.argument("version")
@click.argument("alias")
@click.option("--reason", required=True, help="What convinced you.")
@url_option
@token_option
def approve(model: str, version: str, alias: str, reason: str, url: str, token: str | None) -> None:
    """Stand for a version taking an alias.

    Example: dovetail governance approve flights 3 champion --reason "holdout and canary agree"
    """
    with Client(url, token=token) as client:
        entry = client.approve(Approval(model=model, version=version, alias=alias, reason=reason))
    click.echo(f"approved, entry {entry.number} of the record")


@commands.command(name="list")
@click.option("--subject", help="Only entries about this, for example flights@champion.")
@click.option("--limit", default=50, show_default=True, help="At most this many.")
@url_option
@token_option
@shared.json_option
def list_entries(
    subject: str | None, limit: int, url: str, token: str | None, as_json: bool
) -> None:
    """Show the record, newest first.

    Example: dovetail governance list --subject flights@champion
    """
    with Client(url, token=token) as client:
        entries = client.log(subject=subject, limit=limit)
    if as_json:
        shared.print_json(entries)
        return
    rows = [(e.number, e.at[:19], e.kind, e.subject, e.actor) for e in entries]
    shared.print_table(["entry", "at", "what", "on", "who"], rows)


@commands.command()
@url_option
@token_option
@click.pass_context
def verify(context: click.Context, url: str, token: str | None) -> None:
    """Check the whole record against its hashes; exit code 1 if it was tampered with.

    Example: dovetail governance verify
    """
    with Client(url, token=token) as client:
        found = client.verify()
    click.echo(f"{found.entries} entries, all intact" if found.ok else found.message)
    context.exit(0 if found.ok else 1)
