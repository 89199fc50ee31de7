"""Commands of `dovetail features` that bring tables online and deal with Feast's repositories."""

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import httpx

from dovetail.features.catalog import load
from dovetail.features.moments import moment, moment_us
from dovetail.wire import feast

__all__ = ["import_", "materialize", "registry"]

LONGEST_S = 24 * 3600.0
LOOK_EVERY_S = 1.0


@click.command()
@click.argument("definitions", type=click.Path(path_type=Path))
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the tables.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write.")
@click.option("--project", default="features", help="The project's name in Feast's client.")
def registry(definitions: Path, root: Path | None, out: Path, project: str) -> None:
    """Write the registry that Feast's SDK reads, so that it knows the views and services.

    Example: dovetail features registry features.py --out registry.db
    """
    from dovetail.base.clock import SystemClock
    from dovetail.features.registry import registry_of
    from dovetail.wire import feast_registry

    found = registry_of(load(definitions, root=root), project)
    out.write_bytes(feast_registry.encode(found, at_us=moment_us(SystemClock().now())))
    click.echo(f"{len(found.views)} views and {len(found.services)} services in {out}", err=True)


@click.command()
@click.argument("views", nargs=-1)
@click.option(
    "--start", help="First event time, RFC 3339; what is new since the last run if left out."
)
@click.option("--end", help="Last event time; now if left out.")
@click.option("--url", default="http://127.0.0.1:8080", help="Where the server answers.")
def materialize(views: Sequence[str], start: str | None, end: str | None, url: str) -> None:
    """Bring the tables behind VIEWS online, all views that have a table if none is named.

    A run that was cut short goes on where it stood when it is asked for again.

    Example: dovetail features materialize sky
    """
    from dovetail.base.clock import SystemClock

    until = moment(moment_us(end or SystemClock().now(), what="--end"))
    first = moment(moment_us(start, what="--start")) if start else None
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(url, over), daemon=True)
    with feast.Client(url, timeout=LONGEST_S) as client:
        watcher.start()
        try:
            _ask(client, list(views) or None, first, until)
        finally:
            over.set()
            watcher.join(10)
    for line in _brought(url):
        if not views or line["view"] in views:
            click.echo(f"{line['view']}: {line['state']}, {line['rows']} rows brought online")


def _ask(
    client: feast.Client, views: list[str] | None, start: datetime | None, end: datetime
) -> None:
    if start is None:
        client.materialize_incremental(end, views)
    else:
        client.materialize(start, end, views)


def _watch(url: str, over: threading.Event) -> None:
    """Say how far the server is, until it is over."""
    said = ""
    while not over.wait(LOOK_EVERY_S):
        for line in _brought(url):
            if line["state"] == "running":
                text = f"{line['view']}: {line['position']} of {line['total']} rows read"
                if text != said:
                    click.echo(text, err=True)
                said = text


def _brought(url: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = httpx.get(f"{url}/features.json").json()["brought"]
    except (httpx.HTTPError, ValueError, KeyError):
        return []  # the run itself says what is wrong
    return found


@click.command("import")
@click.argument("repository", type=click.Path(path_type=Path))
@click.option("--out", default="features.py", type=click.Path(path_type=Path), help="To write.")
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
def import_(repository: Path, out: Path, force: bool) -> None:
    """Turn a Feast repository, or its registry file, into a definitions file of ours.

    Nothing of the repository is executed. What could not be carried over is said here and, with
    its code, in comments at the end of the file.

    Example: dovetail features import my_project/feature_repo --out features.py
    """
    from dovetail.features.importing.repository import read_repository
    from dovetail.features.importing.write import written

    if out.exists() and not force:
        raise click.UsageError(f"{out} exists; give another --out, or --force")
    found = read_repository(repository)
    out.write_text(written(found))
    click.echo(
        f"{len(found.views)} views and {len(found.services)} services in {out}, "
        f"read from {found.read_from}",
        err=True,
    )
    for source in {v.source.name: v.source for v in found.views}.values():
        if source.created:
            click.echo(
                f"source {source.name}: {source.created} became known_at, so rows are used from "
                "then on; take it out if the table was filled in afterwards",
                err=True,
            )
    for lost in found.lost:
        click.echo(f"not carried over: {lost.what}; {lost.why}", err=True)
    if found.views:
        load(out)
