"""Sending what training scripts left behind."""

import click

from dovetail.web.commands import json_option, print_json

__all__ = ["resend"]


@click.command()
@click.option(
    "--spool", help="Folder of the runs; by default DOVETAIL_SPOOL, else .dovetail/spool."
)
@json_option
def resend(spool: str | None, as_json: bool) -> None:
    """Send the runs of training scripts that could not reach their server.

    Example: dovetail tracking resend --spool /scratch/spool
    """
    from dovetail.tracking.client import resend as deliver

    found = deliver(spool)
    if as_json:
        print_json(found)
    else:
        for key, problem in found.items():
            click.echo(f"{key}: {problem or 'delivered'}")
        if not found:
            click.echo("Nothing is left to send.")
    if any(found.values()):
        raise SystemExit(1)
