"""Commands of `dovetail features` about the online side: Feast's registry, materialisation."""

from pathlib import Path

import click

from dovetail.features.catalog import load

__all__ = ["registry"]


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
    from dovetail.features.moments import moment_us
    from dovetail.features.registry import registry_of
    from dovetail.wire import feast_registry

    found = registry_of(load(definitions, root=root), project)
    out.write_bytes(feast_registry.encode(found, at_us=moment_us(SystemClock().now())))
    click.echo(f"{len(found.views)} views and {len(found.services)} services in {out}", err=True)
