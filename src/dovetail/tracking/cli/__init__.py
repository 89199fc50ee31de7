"""Commands of the tracking piece."""

from collections.abc import Mapping
from typing import Any

import click

from dovetail.tracking.cli.history import alias_at, list_history
from dovetail.tracking.cli.resend import resend
from dovetail.tracking.cli.retention import compact, retention, sizes
from dovetail.tracking.cli.tidy import tidy
from dovetail.tracking.move.commands import export_store, import_store
from dovetail.web.commands import run, server_options

__all__ = ["commands"]


@click.group(name="tracking")
def commands() -> None:
    """Experiments, runs, models, versions, aliases, artifacts."""


@commands.command(name="run")
@server_options
@click.option("--db", help="Database URL, for example sqlite:///mlflow.db.")
@click.option("--artifacts", help="Folder or s3://bucket/prefix for artifacts.")
@click.option(
    "--serve-artifacts/--no-serve-artifacts",
    default=None,
    help="Whether clients store artifacts through this server.",
)
@click.option(
    "--presigned-urls/--no-presigned-urls",
    default=None,
    help="Whether clients with large files may be sent straight to the S3 bucket.",
)
@click.option("--default-artifact-root", help="URI below which experiments keep artifacts.")
def run_server(
    server: Mapping[str, Any],
    db: str | None,
    artifacts: str | None,
    serve_artifacts: bool | None,
    presigned_urls: bool | None,
    default_artifact_root: str | None,
) -> None:
    """Serve MLflow's tracking and registry API alone.

    \b
    dovetail tracking run --port 5000
    export MLFLOW_TRACKING_URI=http://127.0.0.1:5000
    """
    from dovetail.tracking.piece import piece

    flags = {
        "database": db,
        "artifacts": artifacts,
        "serve_artifacts": serve_artifacts,
        "presigned_urls": presigned_urls,
        "default_artifact_root": default_artifact_root,
    }
    run(piece, server, flags)


for command in (
    *(alias_at, list_history, resend, import_store, export_store),
    *(tidy, retention, sizes, compact),
):
    commands.add_command(command)
