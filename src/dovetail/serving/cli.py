"""`dovetail serving ...`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from dovetail.base.errors import InvalidInputError
from dovetail.base.settings import ServerSettings
from dovetail.serving.graphs.cli import graph
from dovetail.serving.manifest.command import fetch, manifest
from dovetail.serving.routing.cli import rollback, route
from dovetail.web.alone import run_alone
from dovetail.web.commands import json_option, print_json, print_table, run, server_options
from dovetail.web.declared import read_settings
from dovetail.web.piece import Piece
from dovetail.wire.open_inference import Client

__all__ = ["commands"]

_URL = "http://127.0.0.1:8080"


@click.group(name="serving")
def commands() -> None:
    """Models behind the Open Inference Protocol."""


commands.add_command(manifest)
commands.add_command(fetch)


@commands.command(name="run")
@click.argument("models", nargs=-1, metavar="[[NAME=]MODEL]...")
@click.option(
    "--repository",
    multiple=True,
    metavar="FOLDER",
    help="Folder of models: MLServer's layout, Triton's, or model files. May be repeated.",
)
@click.option("--registry", help="MLflow server that models:/ URIs are looked up in.")
@click.option(
    "--payload-log",
    help="Where requests and answers go: a URL for CloudEvents, or a folder for Parquet files.",
)
@click.option(
    "--trust",
    multiple=True,
    metavar="SOURCE",
    help="Folder, file or models:/NAME whose models may execute code when loaded, as pickles do."
    " May be repeated.",
)
@click.option("--compile/--no-compile", default=None, help="Serve compiled forms where they agree.")
@click.option(
    "--grpc-port",
    type=click.IntRange(-1, 65535),
    help="Port of gRPC; 0 takes a free one, -1 switches it off; by default the one after --port.",
)
@click.option("--workers", type=click.IntRange(1), help="Processes that answer, on the same ports.")
@server_options
def run_server(
    models: tuple[str, ...],
    repository: tuple[str, ...],
    registry: str | None,
    payload_log: str | None,
    trust: tuple[str, ...],
    compile: bool | None,
    grpc_port: int | None,
    workers: int | None,
    server: dict[str, Any],
) -> None:
    """Serve models: files, folders of them, MLflow models, or models:/ URIs of a registry.

    \b
    Example:
      dovetail serving run model.onnx
      dovetail serving run --repository models
      dovetail serving run models:/flights@champion --registry http://127.0.0.1:5000
    """
    from dovetail.serving.piece import piece
    from dovetail.serving.settings import ServingSettings

    flags = {
        "models": models or None,
        "repository": repository or None,
        "payload_log": payload_log,
        "compile": compile,
        "trusted": trust or None,
        "grpc_port": grpc_port,
        "workers": workers,
    }
    settings = read_settings(server["config"]).table(piece.name, ServingSettings, flags)
    _check(models, settings.trusted)
    _check_folders(settings.repository)
    serve = _serve if settings.workers > 1 else run_alone
    run(piece, server, flags, {"tracking": registry}, serve)


def _serve(
    _: Piece,
    settings: Any,
    server: ServerSettings,
    joints: Mapping[str, str] | None,
    bearer: Mapping[str, str] | None,
) -> None:
    """Serve from several processes, and end with their exit code."""
    from dovetail.serving.workers.run import run_workers

    code = run_workers(settings, server, joints or {}, bearer or {})
    if code:
        raise click.exceptions.Exit(code)


def _check(models: tuple[str, ...], trusted: tuple[str, ...]) -> None:
    """Refuse a file that cannot be served before anything listens."""
    from dovetail.serving import formats
    from dovetail.serving.follow import name_of
    from dovetail.serving.layouts.catalog import is_repository
    from dovetail.serving.sources import parse_uri
    from dovetail.serving.trust import Trust

    trust = Trust.of(trusted)
    places: dict[str, str] = {}
    for entry in models:
        name, place = name_of(entry)
        if is_repository(Path(entry)):
            continue
        if parse_uri(place) is None:
            if name in places:
                raise InvalidInputError(
                    f"{places[name]!r} and {place!r} would both be the model {name!r}",
                    fix=f"give one of them another name: OTHER={place}",
                )
            places[name] = place
            path = Path(unquote(urlsplit(place).path) if ":" in place else place)
            formats.check(path, trusted=trust.covers(place))


def _check_folders(folders: tuple[str, ...]) -> None:
    """Refuse a repository that is not a folder before anything listens."""
    for folder in folders:
        if not Path(folder).is_dir():
            raise InvalidInputError(
                f"{folder!r} is not a folder", fix="give the folder that holds the models' folders"
            )


@commands.command(name="list")
@click.option("--url", default=_URL, show_default=True, help="An Open Inference server.")
@json_option
def list_models(url: str, as_json: bool) -> None:
    """List the models of any Open Inference server that has a repository index.

    \b
    Example:
      dovetail serving list --url http://127.0.0.1:8080
    """
    with Client(url) as client:
        entries = client.index()
    if as_json:
        print_json(entries)
        return
    print_table(
        ["model", "version", "state"],
        [(entry.name, entry.version, entry.state) for entry in entries],
    )
    for entry in entries:
        if entry.reason not in ("", "unloaded"):
            named = f"{entry.name} version {entry.version}" if entry.version else entry.name
            click.echo(f"\n{named} is not served: {entry.reason}")


commands.add_command(route)
commands.add_command(rollback)
commands.add_command(graph)
