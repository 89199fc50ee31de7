"""The command line: a lazy table from names to commands.

Nothing of a piece is imported until one of its commands runs, so `dovetail --help` is instant and
works with any extra missing. Errors end here as one message on standard error: exit code 2 for
wrong use, 1 when the answer is no or something does not answer. An error that nobody foresaw is
one line too; `DOVETAIL_DEBUG=1` shows its traceback.
"""

import difflib
import importlib
import os
import sys
from typing import Any

import click

__all__ = ["COMMANDS", "Lazy", "main"]

_DEBUG = "DOVETAIL_DEBUG"
COMMANDS = {
    "up": ("dovetail.app.commands:up", "Serve every piece on one address."),
    "demo": ("dovetail.app.demo.command:demo", "Run the whole circle on a year of flights."),
    "doctor": ("dovetail.app.commands:doctor", "Say what answers behind each joint."),
    "token": ("dovetail.app.commands:token", "Make, list and revoke API tokens."),
    "data": ("dovetail.data.cli:commands", "Versioned, validated tables."),
    "features": ("dovetail.features.cli:commands", "Point-in-time features."),
    "labels": ("dovetail.labels.cli:commands", "People and machines label together."),
    "tracking": ("dovetail.tracking.cli:commands", "Experiments, runs, models, versions."),
    "governance": ("dovetail.governance.cli:commands", "Who approved what on which evidence."),
    "serving": ("dovetail.serving.cli:commands", "Models behind the Open Inference Protocol."),
    "monitoring": ("dovetail.monitoring.cli:commands", "Is the model still right?"),
    "loop": ("dovetail.loop.cli:commands", "Watch, retrain, compare, promote, roll back."),
}


class Lazy(click.Group):
    """A group whose commands are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the circle."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or name the nearest one."""
        if args and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else " See: dovetail --help"
            ctx.fail(f"there is no command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dovetail", message="%(version)s")
def _root() -> None:
    """The machine-learning life cycle as separate pieces, joined by open protocols.

    \b
    dovetail up                 everything on http://127.0.0.1:8080
    dovetail demo               the circle on a year of flights
    dovetail serving run M      one piece alone
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    try:
        code: Any = _root.main(arguments, prog_name="dovetail", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except Exception as error:
        sys.exit(_explain(error))
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> int:
    """Print an error as one message and return the exit code."""
    if os.environ.get(_DEBUG):
        raise error
    from dovetail.base.errors import InvalidInputError, MissingExtraError

    click.echo(f"dovetail: {_message(error)}", err=True)
    return 2 if isinstance(error, InvalidInputError | MissingExtraError) else 1


def _message(error: Exception) -> str:
    """Say what failed, why, and what to do."""
    from dovetail.base.errors import DovetailError, UnavailableError
    from dovetail.wire.http import Unreachable, WireError

    if isinstance(error, Unreachable):
        fix = "start it, or name another address with --url or in dovetail.toml"
        return str(UnavailableError(str(error), fix=fix))
    if isinstance(error, DovetailError | WireError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        what = f"{str(error.filename)!r} cannot be used" if error.filename else "no access"
        fix = "check that it is there and that you may write it"
        return str(UnavailableError(what, why=error.strerror, fix=fix))
    kind = type(error).__name__
    return f"unexpected {kind}: {error}. this is a bug; for the traceback, set {_DEBUG}=1."
