"""`dovetail tracking import` and `export`: whole stores, in either direction."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dovetail.tracking.move.report import Report, show
from dovetail.web.commands import json_option

__all__ = ["export_store", "import_store"]

F = TypeVar("F", bound=Callable[..., Any])
TOKEN = "MLFLOW_TRACKING_TOKEN"


def _own_options(fn: F) -> F:
    for option in (
        click.option("--config", type=click.Path(path_type=Path), help="Settings file."),
        click.option("--state", help="State folder of our server."),
        click.option("--db", help="Database URL of our server."),
    ):
        fn = option(fn)
    return fn


@click.command(name="import")
@click.option(
    "--from", "source", required=True, help="MLflow server, database URL, or mlruns folder."
)
@_own_options
@click.option("--artifacts", help="Artifact folder of our server.")
@click.option(
    "--source-artifacts",
    "roots",
    multiple=True,
    help="Folder in which the source's artifacts may be read; may be repeated.",
)
@click.option(
    "--no-artifacts", is_flag=True, help="Leave artifacts where they are and keep their addresses."
)
@click.option("--dry-run", is_flag=True, help="Say what would come; write nothing.")
@json_option
def import_store(source: str, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Bring a whole MLflow store over, with its ids.

    \b
    dovetail tracking import --from http://127.0.0.1:5000 --state tracking-state
    dovetail tracking import --from sqlite:///mlflow.db --source-artifacts mlartifacts
    dovetail tracking import --from ./mlruns

    The source is only read. The target is our own store; a server may be up on it. Stopped halfway,
    the same command goes on. MLFLOW_TRACKING_TOKEN is sent to a server as a bearer token.
    """
    from dovetail.tracking.move.moves import bring, preview

    if dry_run:
        preview(source, options["roots"], _token(), not options["no_artifacts"], as_json)
        return
    _end(bring(source, token=_token(), **options), as_json)


@click.command(name="export")
@click.option("--to", "target", required=True, help="MLflow server, or URL of MLflow's database.")
@_own_options
@click.option("--artifacts", help="Artifact folder of our server.")
@click.option(
    "--target-artifacts", help="Artifact folder of the MLflow server; mlartifacts if not given."
)
@click.option("--no-artifacts", is_flag=True, help="Do not copy artifacts.")
@click.option("--dry-run", is_flag=True, help="Say what would go; write nothing.")
@json_option
def export_store(target: str, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Write our store back into MLflow.

    \b
    dovetail tracking export --to sqlite:///mlflow.db --state tracking-state   keeps every id
    dovetail tracking export --to http://127.0.0.1:5000                        new ids, old in tags

    Stopped halfway, the same command goes on.
    """
    from dovetail.tracking.move.moves import give, preview_export

    if dry_run:
        own = {"database": options["db"], "artifacts": options["artifacts"]}
        with_files = not options["no_artifacts"]
        preview_export(options["config"], options["state"], own, with_files, as_json)
        return
    _end(give(target, token=_token(), **options), as_json)


def _token() -> str | None:
    return os.environ.get(TOKEN) or None


def _end(report: Report, as_json: bool) -> None:
    show(report, as_json)
    sys.exit(0 if report.equal else 1)
