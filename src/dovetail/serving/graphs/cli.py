"""`dovetail serving graph ...`."""

from pathlib import Path

import click
import msgspec

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.serving.graphs.desk import GraphEntry
from dovetail.serving.graphs.document import Graph
from dovetail.web.commands import json_option, print_json, print_table
from dovetail.wire.http import HttpClient, segment

__all__ = ["graph"]

_LARGEST = 1 << 20
_url = click.option(
    "--url", default="http://127.0.0.1:8080", show_default=True, help="A Dovetail inference server."
)


class _Listed(msgspec.Struct, frozen=True):
    graphs: list[GraphEntry]


@click.group()
def graph() -> None:
    """Graphs of models behind one name."""


@graph.command(name="put")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", help="What it is called by; by default as the file says or is called.")
@_url
@json_option
def put_graph(file: Path, name: str | None, url: str, as_json: bool) -> None:
    """Serve a graph that a YAML or JSON file describes.

    \b
    Example:
      dovetail serving graph put triage.yaml
    """
    found = _read(file)
    called = name or found.name or file.stem
    with HttpClient(url) as client:
        body = msgspec.structs.replace(found, name=called)
        entry = client.post(f"/v2/graphs/{segment(called)}", body, GraphEntry, method="PUT")
    if as_json:
        print_json(entry)
    else:
        click.echo(f"{url}/v2/models/{entry.name}/infer answers, revision {entry.revision}")


@graph.command(name="list")
@_url
@json_option
def list_graphs(url: str, as_json: bool) -> None:
    """List the graphs of a server.

    \b
    Example:
      dovetail serving graph list
    """
    with HttpClient(url) as client:
        found = client.get("/v2/graphs", _Listed).graphs
    if as_json:
        print_json(found)
        return
    print_table(
        ["graph", "revision", "models", "since", "by"],
        [(g.name, g.revision, ", ".join(g.graph.models()), g.since, g.actor) for g in found],
    )


@graph.command(name="delete")
@click.argument("name")
@_url
def delete_graph(name: str, url: str) -> None:
    """Serve a graph no longer.

    \b
    Example:
      dovetail serving graph delete triage
    """
    with HttpClient(url) as client:
        client.send("DELETE", f"/v2/graphs/{segment(name)}")


def _read(file: Path) -> Graph:
    yaml = require("yaml", extra="serving", feature="a graph of models")
    if file.stat().st_size > _LARGEST:
        raise InvalidInputError(f"{str(file)!r} is no graph", why="it is over 1 MiB")
    try:
        return msgspec.convert(yaml.safe_load(file.read_text()), Graph)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(f"{str(file)!r} is not YAML", why=str(error)) from error
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"{str(file)!r} is no graph", why=str(error)) from error
