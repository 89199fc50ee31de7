"""What an alias named at a time, and what changed, asked of a running server."""

import click

from dovetail.web.commands import json_option, print_json, print_table
from dovetail.web.formats import stamp

__all__ = ["alias_at", "list_history"]

url_option = click.option(
    "--url",
    envvar="MLFLOW_TRACKING_URI",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="Where tracking answers.",
)
token_option = click.option("--token", envvar="DOVETAIL_TOKEN", help="API token.")


@click.command(name="alias")
@click.argument("model")
@click.argument("alias")
@click.option("--at", default="now", help="A date (the end of that day, UTC) or an instant.")
@url_option
@token_option
@json_option
@click.pass_context
def alias_at(
    context: click.Context,
    model: str,
    alias: str,
    at: str,
    url: str,
    token: str | None,
    as_json: bool,
) -> None:
    """Say which version an alias named at a time; exit code 1 if none.

    Example: dovetail tracking alias flights champion --at 2026-05-03
    """
    from dovetail.wire.history import Client

    with Client(url, token=token) as client:
        then = client.page(model, at=at).then
    found = next((one for one in then.aliases if one.alias == alias), None) if then else None
    version = found.version if found else None
    if as_json:
        print_json(found)
    elif found is not None and version is not None:
        who = f" by {found.actor}" if found.actor else ""
        click.echo(f"{model}@{alias} was version {version}, since {stamp(found.since)} UTC{who}.")
    elif then is not None and not then.known:
        begins = stamp(then.begins)
        click.echo(f"Nobody knows: the history of {model} begins on {begins} UTC.")
    else:
        click.echo(f"{model}@{alias} named no version.")
    context.exit(0 if version is not None else 1)


@click.command(name="history")
@click.argument("model")
@click.option("--alias", help="Only changes of this alias.")
@url_option
@token_option
@json_option
def list_history(model: str, alias: str | None, url: str, token: str | None, as_json: bool) -> None:
    """List the newest changes of a model: aliases, stages, versions and its name.

    Example: dovetail tracking history flights --alias champion
    """
    from dovetail.wire.history import Client

    chosen = {"topic": "alias", "subject": alias} if alias else {}
    with Client(url, token=token) as client:
        page = client.page(model, **chosen)
    if as_json:
        print_json(page.events)
        return
    columns = ("when (UTC)", "what", "of", "before", "after", "by", "cause")
    print_table(
        columns,
        [
            (stamp(e.at), e.topic, e.subject, e.before, e.after, e.actor, e.cause)
            for e in page.events
        ],
    )
