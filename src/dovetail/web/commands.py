"""What the pieces' commands share: options, one way to run a server, one way to print.

Every command prints text for people and, with `--json`, one JSON document for programs. Exit
codes: 0 fine, 1 the answer is no, 2 wrong use.
"""

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from dovetail.base.settings import ServerSettings
from dovetail.web.alone import run_alone
from dovetail.web.declared import joints_of, read_settings
from dovetail.web.piece import Piece

__all__ = ["joint_tokens", "json_option", "print_json", "print_table", "run", "server_options"]

Runner = Callable[
    [Piece, Any, ServerSettings, Mapping[str, str] | None, Mapping[str, str] | None], None
]
F = TypeVar("F", bound=Callable[..., Any])


def server_options(fn: F) -> F:
    """Add the options that every server takes; they arrive as one mapping named `server`."""

    @functools.wraps(fn)
    def gather(*args: Any, **kwargs: Any) -> Any:
        names = (
            "config", "host", "port", "state", "database", "tls_cert", "tls_key", "log_level",
        )  # fmt: skip
        return fn(*args, server={name: kwargs.pop(name) for name in names}, **kwargs)

    options = (
        click.option("--config", type=click.Path(path_type=Path), help="Settings file."),
        click.option("--host", help="Address to listen on."),
        click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one."),
        click.option("--state", help="Folder for databases, tables and artifacts."),
        click.option("--database", help="PostgreSQL URL in place of SQLite."),
        click.option("--tls-cert", help="PEM file of a certificate; every port speaks TLS then."),
        click.option("--tls-key", help="PEM file of its private key."),
        click.option("--log-level", help="debug, info, warning or error."),
    )
    for option in reversed(options):
        gather = option(gather)
    return gather  # type: ignore[return-value]


def json_option(fn: F) -> F:
    """Add `--json`; it arrives as the flag `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(fn)


def run(
    piece: Piece,
    server: Mapping[str, Any],
    flags: Mapping[str, Any] | None = None,
    joints: Mapping[str, str | None] | None = None,
    serve: Runner = run_alone,
) -> None:
    """Serve one piece with settings from flags, environment and file.

    Args:
        piece: which one.
        server: what `server_options` gathered.
        flags: flags of the piece's own settings; None means not given.
        joints: URLs of other joints given as flags; they win over `[joints]`.
        serve: what serves, where it is not this process alone.
    """
    found = read_settings(server["config"])
    chosen = {key: value for key, value in server.items() if key != "config"}
    settings = found.table("server", ServerSettings, chosen)
    own = found.table(piece.name, piece.settings, flags)
    declared = joints_of(found)
    others = {
        name: target
        for name, target in {**declared, **{k: v for k, v in (joints or {}).items() if v}}.items()
        if target not in ("embedded", "off") and name != piece.name
    }
    serve(piece, own, settings, others, joint_tokens(os.environ))


def joint_tokens(environment: Mapping[str, str]) -> dict[str, str]:
    """Return bearer tokens for joints that are URLs, from `DOVETAIL_TOKEN_<JOINT>`."""
    prefix = "DOVETAIL_TOKEN_"
    return {
        name.removeprefix(prefix).lower(): value
        for name, value in environment.items()
        if name.startswith(prefix) and value
    }


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = ""
) -> None:
    """Print rows aligned under their columns, numbers to the right."""
    kept = [list(row) for row in rows]
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(kept) and all(isinstance(row[index], int | float) for row in kept)
        table.add_column(column, justify="right" if numeric else "left")
    for row in kept:
        table.add_row(*(_shown(cell) for cell in row))
    Console(soft_wrap=True, highlight=False).print(table)


def _shown(cell: object) -> str:
    if cell is None:
        return "-"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)
