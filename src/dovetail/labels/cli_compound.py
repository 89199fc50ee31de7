"""`dovetail labels split` and `join`: large tasks in parts, and their labels put together."""

from typing import Any

import click

from dovetail.labels.cli_routing import token_option, url_option
from dovetail.web.commands import json_option, print_json

__all__ = ["join", "split"]


@click.command()
@click.argument("project", type=int)
@click.option("--of", "parent", type=int, required=True, help="Project whose tasks are split.")
@click.option(
    "--by",
    type=click.Choice(["sentences", "list", "rows", "regions"]),
    default="sentences",
    show_default=True,
    help="What the parts are.",
)
@click.option("--field", required=True, help="Field of the large tasks that is split.")
@click.option("--into", default="text", show_default=True, help="Field of a part that takes it.")
@click.option("--keep", multiple=True, help="Field that every part has too; may be repeated.")
@click.option(
    "--any",
    "order",
    multiple=True,
    help="A large task has this label as soon as one part has; repeated, the decisive one first. "
    "Without it the majority of its parts decides.",
)
@url_option
@token_option
@json_option
def split(
    project: int, parent: int, by: str, field: str, into: str, keep: tuple[str, ...],
    order: tuple[str, ...], url: str, token: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Fill PROJECT with the parts of another project's tasks. Again, it splits what came since.

    \b
    dovetail labels split 2 --of 1 --by sentences --field review
    """
    from dovetail.wire.http import HttpClient

    rule = {
        "by": by, "field": field, "into": into, "keep": keep,
        "join": "any" if order else "majority", "order": order,
    }  # fmt: skip
    with HttpClient(url, token=token) as client:
        path = f"/api/labels/projects/{project}/split"
        made = client.post(path, {"parent": parent, "rule": rule}, dict[str, Any])
    if as_json:
        print_json(made)
        return
    click.echo(f"{made['parents']:,} tasks of project {parent} are {made['parts']:,} parts here")


@click.command()
@click.argument("project", type=int)
@url_option
@token_option
@json_option
def join(project: int, url: str, token: str | None, as_json: bool) -> None:
    """Put the parts in PROJECT together: predictions of the large tasks whose parts are all done.

    \b
    dovetail labels join 2
    """
    from dovetail.wire.http import HttpClient

    with HttpClient(url, token=token) as client:
        path = f"/api/labels/projects/{project}/join"
        made = client.post(path, {}, dict[str, Any])
    if as_json:
        print_json(made)
        return
    waits = f"; {made['waiting']:,} wait for parts" if made["waiting"] else ""
    click.echo(f"{made['parents']:,} tasks were put together from {made['parts']:,} parts{waits}")
