"""`dovetail features`: serve, check and list definitions, look up, push, build training sets."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dovetail.features.catalog import Definitions, load
from dovetail.features.cli_apply import apply, loaded_versions, plan, use, versions
from dovetail.features.cli_catalogue import profile, search, twins, unused
from dovetail.features.cli_online import import_, materialize, registry
from dovetail.features.cli_skew import skew
from dovetail.features.cli_suggest import suggest
from dovetail.features.cli_warehouse import sql
from dovetail.features.errors import DefinitionError, RowsError, SourceNotFoundError
from dovetail.features.frames import Tables
from dovetail.features.moments import moment, moment_us
from dovetail.features.reading import read_file
from dovetail.features.streaming import write_training_set
from dovetail.features.views import FeatureGroup, View, WindowView
from dovetail.web import commands as shared
from dovetail.wire import feast

if TYPE_CHECKING:
    import polars as pl

__all__ = ["commands"]

DEFINITIONS = click.argument("definitions", type=click.Path(path_type=Path))
ROOT = click.option("--root", type=click.Path(path_type=Path), help="Folder of the tables.")
URL = click.option("--url", default="http://127.0.0.1:8080", help="Where the server answers.")


@click.group()
def commands() -> None:
    """Features defined once, used in training and serving."""


commands.add_command(apply)
commands.add_command(import_)
commands.add_command(materialize)
commands.add_command(plan)
commands.add_command(registry)
commands.add_command(skew)
commands.add_command(suggest)
commands.add_command(sql)
commands.add_command(search)
commands.add_command(profile)
commands.add_command(twins)
commands.add_command(unused)
commands.add_command(use)
commands.add_command(versions)


@commands.command()
@click.argument("definitions", required=False)
@click.option("--root", help="Folder that paths of sources start from.")
@click.option("--keep", help="How far back questions may be asked, for example 7d.")
@click.option("--online", help="Store that servers share: redis://... or postgresql://...")
@shared.server_options
def run(
    definitions: str | None,
    root: str | None,
    keep: str | None,
    online: str | None,
    server: Mapping[str, Any],
) -> None:
    """Serve features over Feast's protocol.

    Example: dovetail features run features.py --port 6566
    """
    from dovetail.features.piece import piece

    flags = {"definitions": definitions, "root": root, "keep": keep, "online": online}
    shared.run(piece, server, {name: value for name, value in flags.items() if value is not None})


@commands.command("list")
@DEFINITIONS
@click.option("--db", help="Registry of what was applied; its versions are listed too.")
@shared.json_option
def list_(definitions: Path, db: str | None, as_json: bool) -> None:
    """List the views and services of a definitions file.

    Example: dovetail features list features.py
    """
    found = load(definitions)
    loaded = loaded_versions(found, db) if db else {}
    views = [_described(v) for v in (*found.views.values(), *found.on_demand.values())]
    services: list[dict[str, Any]] = [
        {
            "name": s.name,
            "features": [f"{p.view.name}:{f}" for p in s.selections for f in p.features],
            **({"version": loaded.get(s.name, 0)} if db else {}),
        }
        for s in found.services.values()
    ]
    if as_json:
        return shared.print_json({"views": views, "services": services})
    columns = ("view", "kind", "keys", "source", "features")
    shared.print_table(
        columns,
        [
            (v["name"], v["kind"], ", ".join(v["keys"]), v["source"], len(v["features"]))
            for v in views
        ],
    )
    shared.print_table(
        ("service", "features", *(["version"] if db else [])),
        [
            (s["name"], len(s["features"]), *([s["version"] or "not applied"] if db else []))
            for s in services
        ],
    )


@commands.command()
@DEFINITIONS
@ROOT
@shared.json_option
@click.pass_context
def check(context: click.Context, definitions: Path, root: Path | None, as_json: bool) -> None:
    """Load definitions and read every table that they name; exit code 1 if one does not fit.

    Example: dovetail features check features.py --root tables
    """
    found = load(definitions, root=root)
    tables, lines = Tables(found.root), []
    for name, source in found.sources.items():
        columns = [c for view in found.views_of(name) for c in view.columns]
        try:
            said, rows = "", tables.events(source, columns).height if source.path else None
        except (RowsError, SourceNotFoundError, DefinitionError) as error:
            said, rows = str(error), None
        lines.append({"source": name, "rows": rows, "problem": said})
    if as_json:
        shared.print_json(lines)
    else:
        rows_of = [(x["source"], x["rows"], x["problem"] or "fine") for x in lines]
        shared.print_table(("source", "events", "verdict"), rows_of)
    if any(line["problem"] for line in lines):
        context.exit(1)


@commands.command()
@click.argument("service")
@click.argument("keys", nargs=-1, required=True)
@click.option("--as-of", help="As known at that time, RFC 3339; now by default.")
@URL
@shared.json_option
def get(service: str, keys: tuple[str, ...], as_of: str | None, url: str, as_json: bool) -> None:
    """Look up the features of one entity; SERVICE may also be view:feature.

    Example: dovetail features get flights origin=JFK carrier=UA
    """
    entities: dict[str, list[Any]] = {}
    for pair in keys:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"{pair!r} is not key=value")
        entities[name] = [int(value) if value.isdecimal() else value]
    asked: dict[str, Any] = (
        {"features": [service]} if ":" in service else {"feature_service": service}
    )
    at = moment(moment_us(as_of, what="--as-of")) if as_of else None
    with feast.Client(url) as client:
        answer = client.get_online_features(entities, as_of=at, **asked)
    values, statuses = answer.columns(), answer.statuses()
    if as_json:
        return shared.print_json({name: column[0] for name, column in values.items()})
    shared.print_table(
        ("feature", "value", "status"),
        [(name, column[0], statuses[name][0]) for name, column in values.items()],
    )


@commands.command()
@click.argument("source")
@click.argument("file", type=click.Path(path_type=Path))
@URL
def put(source: str, file: Path, url: str) -> None:
    """Push the rows of a CSV or Parquet file to a source; sending them again changes nothing.

    Example: dovetail features put departures today.parquet
    """
    frame = read_file(file)
    with feast.Client(url) as client:
        for part in frame.iter_slices(5_000):
            client.push(source, _columns(part))
    click.echo(f"{frame.height} rows pushed to {source}", err=True)


@commands.command()
@DEFINITIONS
@click.argument("questions", type=click.Path(path_type=Path))
@click.option("--service", required=True, help="Feature service to join.")
@click.option("--asked", default="asked_at", help="Column that tells when a row was asked.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Parquet to write.")
@click.option("--engine", type=click.Choice(["polars", "duckdb"]), default="polars")
@ROOT
def join(
    definitions: Path,
    questions: Path,
    service: str,
    asked: str,
    out: Path,
    engine: str,
    root: Path | None,
) -> None:
    """Write a training set: the rows of QUESTIONS with the features known when each was asked.

    QUESTIONS, Parquet or CSV, may be larger than memory. OUT appears when it is complete.

    Example: dovetail features join features.py flights.parquet --service flights --out set.parquet
    """
    found: Definitions = load(definitions, root=root)
    rows, columns = write_training_set(questions, service, found, out, asked=asked, engine=engine)
    click.echo(f"{rows} rows, {columns} columns in {out}", err=True)


def _described(view: FeatureGroup) -> dict[str, Any]:
    kind = "windows" if isinstance(view, WindowView) else "latest"
    return {
        "name": view.name,
        "kind": kind if isinstance(view, View) else "on demand",
        "keys": list(view.keys),
        "source": view.source.name if isinstance(view, View) else "",
        "features": list(view.feature_names),
    }


def _columns(frame: "pl.DataFrame") -> dict[str, list[Any]]:
    """Return columns as JSON values; times become RFC 3339 text in UTC."""
    import polars as pl

    times = [
        pl.col(name).cast(pl.Datetime("us")).dt.to_string("iso:strict")
        for name, kind in frame.schema.items()
        if kind.is_temporal()
    ]
    columns: dict[str, list[Any]] = frame.with_columns(times).to_dict(as_series=False)
    return columns
