"""The commands of the whole: up, doctor, token."""

import sys
from pathlib import Path
from typing import Any

import click

from dovetail.app.configuration import Configuration, load
from dovetail.app.probe import probe_all, short
from dovetail.base import telemetry
from dovetail.web import commands as shared
from dovetail.web.alone import Surroundings
from dovetail.web.auth import ROLES, Tokens
from dovetail.web.piece import Endpoint
from dovetail.web.serve import addresses_of, bind, said, serve, url_of
from dovetail.web.tls import Tls

__all__ = ["doctor", "token", "up"]


def _load(server: dict[str, Any]) -> Configuration:
    flags = {key: value for key, value in server.items() if key != "config"}
    return load(server["config"], flags)


@click.command()
@shared.server_options
def up(server: dict[str, Any]) -> None:
    """Serve every piece on one address.

    Example: dovetail up --port 8080
    """
    from dovetail.app.compose import compose

    configuration = _load(server)
    telemetry.configure_logs(configuration.server.log_level)
    tls = Tls.of(configuration.server)
    listening = bind(configuration.server.host, configuration.server.port)
    app = compose(configuration)
    names = ", ".join(configuration.embedded)

    def say() -> None:
        where = said(url_of(listening, secure=tls is not None), addresses_of(app))
        print(f"Dovetail answers on {where} ({names})", file=sys.stderr, flush=True)

    serve(
        app,
        listening,
        say,
        drain_seconds=configuration.server.drain_seconds,
        grace_seconds=configuration.server.grace_seconds,
        tls=tls,
    )


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file.")
@click.option("--url", help="Where `dovetail up` answers; by default as the settings say.")
@shared.json_option
@click.pass_context
def doctor(context: click.Context, config: Path | None, url: str | None, as_json: bool) -> None:
    """Say what answers behind each joint; exit code 1 if something should and does not.

    Example: dovetail doctor
    """
    configuration = load(config)
    server = configuration.server
    own = url or f"{'https' if server.tls_cert else 'http'}://{server.host}:{server.port}"
    around = Surroundings(server, configuration.joints, tokens=configuration.tokens)

    def connect(joint: str) -> Endpoint:
        if configuration.joints[joint] == "embedded":
            return Endpoint(own, token=configuration.tokens.get(joint), embedded=True)
        return around.connect(joint)

    found = probe_all(configuration, connect)
    if as_json:
        shared.print_json(found)
    else:
        states = {True: "answers", False: "SILENT", None: "off"}
        rows = [(p.joint, states[p.alive], p.filled_by, p.version, short(p.detail)) for p in found]
        shared.print_table(["joint", "", "filled by", "version", "detail"], rows)
        for fix in dict.fromkeys(p.fix for p in found if p.fix):
            click.echo(f"- {fix}")
    context.exit(1 if any(p.alive is False for p in found) else 0)


@click.group()
def token() -> None:
    """Make, list and revoke API tokens."""


def _tokens(config: Path | None) -> Tokens:
    configuration = load(config)
    around = Surroundings(configuration.server, configuration.joints)
    around.state.mkdir(parents=True, exist_ok=True)
    return Tokens(around.database_url("web"))


config_option = click.option("--config", type=click.Path(path_type=Path), help="Settings file.")


@token.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="editor", show_default=True)
@config_option
def create(name: str, role: str, config: Path | None) -> None:
    """Make a token and print its secret, once.

    Example: dovetail token create ci --role editor
    """
    click.echo(_tokens(config).create(name, role))


@token.command(name="list")
@config_option
@shared.json_option
def list_tokens(config: Path | None, as_json: bool) -> None:
    """List tokens, without their secrets.

    Example: dovetail token list
    """
    found = _tokens(config).list()
    if as_json:
        shared.print_json(found)
        return
    rows = [(t.id, t.name, t.role, t.created[:19], t.revoked or "") for t in found]
    shared.print_table(["id", "name", "role", "created", "revoked"], rows)


@token.command()
@click.argument("token_id")
@config_option
def revoke(token_id: str, config: Path | None) -> None:
    """Make a token worthless; servers that run refuse it a second later at most.

    Example: dovetail token revoke 0190f3a1
    """
    _tokens(config).revoke(token_id)
    click.echo(f"revoked {token_id}")
