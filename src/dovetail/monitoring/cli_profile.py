"""Commands that make, merge and show reference profiles."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dovetail.web.commands import json_option, print_json, print_table

if TYPE_CHECKING:
    from dovetail.monitoring.reference import Reference

__all__ = ["profile"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_OUT = click.option("--out", required=True, type=_FILE, help="Where to write the profile.")


@click.group(name="profile")
def profile() -> None:
    """Reference profiles: what a model was validated on, as a small file without rows."""


@profile.command(name="make")
@click.argument("table", type=_FILE)
@_OUT
@click.option("--model", default="", help="The model's name.")
@click.option("--version", default="", help="The model's version.")
@click.option(
    "--score",
    default="",
    help="Column of the model's scores; of several classes, the columns of their probabilities, "
    "like p0,p1,p2.",
)
@click.option(
    "--label", default="", help="Column of outcomes: 0 or 1, a class or a number; needs --score."
)
@click.option("--day", default="", help="Column of dates, like 2013-04-01.")
@click.option(
    "--season",
    default="",
    type=click.Choice(["", "weekday", "weekend", "month"]),
    help="Compare each day with days of its kind only; needs --day.",
)
@click.option("--ignore", default="", help="Columns to leave out, like id.")
@click.option(
    "--task",
    type=click.Choice(["binary", "multiclass", "regression"]),
    help="What the model predicts; as many columns of scores say, if not given.",
)
@click.option(
    "--classes", default="", help="Names of the classes, like a,b,c, in the order of the scores."
)
@click.option("--like", type=_FILE, help="A profile of other rows whose bins to use.")
@json_option
def make(*, table: Path, out: Path, like: Path | None, as_json: bool, **said: Any) -> None:
    """Make the profile of a table: CSV, Parquet, Arrow or JSON lines.

    \b
    dovetail monitoring profile make train.parquet --score p --label y --out profile.json
    dovetail monitoring profile make shard-2.parquet --like profile.json --out profile-2.json
    dovetail monitoring profile make wine.csv --score p0,p1,p2 --classes a,b,c --out wine.json
    """
    from dovetail.monitoring.profile_table import profile_of

    made = profile_of(table, like=None if like is None else _read(like), **said)
    _write(out, made, as_json=as_json)


@profile.command(name="merge")
@click.argument("profiles", nargs=-1, required=True, type=_FILE)
@_OUT
@json_option
def merge(profiles: Sequence[Path], out: Path, as_json: bool) -> None:
    """Put the profiles of parts together: shards, hours, days, in any order.

    \b
    dovetail monitoring profile merge monday.json tuesday.json --out week.json
    """
    from dovetail.monitoring.profile_merge import merge_profiles

    first, *others = (_read(path) for path in profiles)
    _write(out, merge_profiles(first, *others), as_json=as_json)


@profile.command(name="show")
@click.argument("file", type=_FILE)
@json_option
def show(file: Path, as_json: bool) -> None:
    """Show what a profile holds.

    \b
    dovetail monitoring profile show profile.json
    """
    from dovetail.monitoring.profile_table import outline

    found = _read(file)
    if as_json:
        print_json(outline(found))
        return
    _print_head(found)
    print_table(
        ["column", "kind", "missing", "mean", "sd", "smallest", "largest", "levels", "bins"],
        [
            [c.column, c.kind, f"{c.missing:.1%}", *_numbers(c), c.levels or "", c.bins]
            for c in outline(found).columns
        ],
    )


@profile.command(name="put")
@click.argument("file", type=_FILE)
@click.option("--model", default="", help="The model, where the profile does not name it.")
@click.option("--version", default="", help="The version; likewise.")
@click.option("--url", default="http://127.0.0.1:8080", help="Where monitoring answers.")
@click.option("--token", envvar="DOVETAIL_TOKEN", help="API token.")
def put(file: Path, model: str, version: str, url: str, token: str | None) -> None:
    """Make a profile the reference of a version that a server watches.

    \b
    dovetail monitoring profile put profile.json --model flights --version 3
    """
    from dovetail.monitoring.references import renamed
    from dovetail.wire.monitoring import Client

    named = renamed(_read(file), model, version)
    if not named.model:
        raise click.UsageError("the profile names no model; say which with --model")
    with Client(url, token=token) as client:
        kept = client.put_profile(named.model, named.profile())
    click.echo(f"{kept.model} version {kept.version or '(none)'}: {kept.rows:,} rows")


_TRACKING = click.option(
    "--tracking",
    required=True,
    envvar="MLFLOW_TRACKING_URI",
    help="Address of the MLflow registry, ours or another.",
)
_TOKEN = click.option("--token", envvar="DOVETAIL_TOKEN_TRACKING", help="Its bearer token.")


@profile.command(name="log")
@click.argument("file", type=_FILE)
@_TRACKING
@_TOKEN
@click.option("--run-id", default="", help="Run that trains the model.")
@click.option("--model", default="", help="Registered model, with --version.")
@click.option("--version", default="", help="Its version.")
def log(file: Path, tracking: str, token: str | None, **where: str) -> None:
    """Keep a profile with a model in an MLflow registry.

    \b
    export MLFLOW_TRACKING_URI=http://127.0.0.1:8080
    dovetail monitoring profile log profile.json --model flights --version 3
    """
    from dovetail.monitoring.profile_registry import log_profile

    click.echo(log_profile(_read(file), tracking, token=token, **where))


@profile.command(name="fetch")
@click.argument("uri")
@_TRACKING
@_TOKEN
@_OUT
@json_option
def fetch(uri: str, tracking: str, token: str | None, out: Path, as_json: bool) -> None:
    """Get the profile that is kept with a model.

    \b
    export MLFLOW_TRACKING_URI=http://127.0.0.1:8080
    dovetail monitoring profile fetch models:/flights@champion --out profile.json
    """
    from dovetail.monitoring.profile_registry import fetch_profile

    _write(out, fetch_profile(uri, tracking, token=token), as_json=as_json)


def _numbers(column: Any) -> list[str]:
    values = (column.mean, column.deviation, column.smallest, column.largest)
    return ["" if value is None else f"{value:.4g}" for value in values]


def _print_head(found: "Reference") -> None:
    said = [f"{found.rows:,} rows"]
    if found.model or found.version:
        said.insert(0, f"{found.model or 'model'} version {found.version or '(none)'}")
    if found.first is not None:
        said.append(f"{found.first} to {found.last}")
    if found.season:
        said.append(f"season {found.season}")
    if found.performance is not None and found.performance.auc is not None:
        said.append(f"AUC {found.performance.auc:.4f}")
    if found.joints:
        said.append(f"{len(found.joints)} streams of columns together")
    click.echo(", ".join(said))


def _read(path: Path) -> "Reference":
    from dovetail.monitoring.profile_table import read_profile

    return read_profile(path)


def _write(out: Path, made: "Reference", *, as_json: bool) -> None:
    from dovetail.base.errors import InvalidInputError

    body = made.profile()
    try:
        out.write_bytes(body)
    except OSError as error:
        raise InvalidInputError(f"'{out}' cannot be written", why=str(error)) from error
    if as_json:
        said = {"file": str(out), "bytes": len(body), "rows": made.rows, "digest": made.digest}
        print_json(said)
    else:
        click.echo(f"{out}: {made.rows:,} rows in {len(body):,} bytes")
