"""`dovetail features suggest`: raw tables in, definitions out."""

from collections.abc import Sequence
from pathlib import Path

import click

from dovetail.web import commands as shared

__all__ = ["suggest"]


@click.command()
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--label", required=True, help="Column of the first table to predict.")
@click.option("--asked", default="", help="Column that tells when a row's question is asked.")
@click.option(
    "--given",
    multiple=True,
    metavar="COLUMN[,COLUMN]",
    help="Columns known when it is asked, or patterns (sched_*); may be repeated.",
)
@click.option(
    "--known",
    multiple=True,
    metavar="COLUMN[,COLUMN]=TIME",
    help="Columns that become known later, and the column that holds when; may be repeated.",
)
@click.option(
    "--time",
    "times",
    multiple=True,
    metavar="TABLE=COLUMN",
    help="Event time of a table that has several.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Python file to write.")
@click.option("--features", "most_features", default=30, help="Features to keep at most.")
@click.option("--views", "most_views", default=16, help="Lookups a question may cost at most.")
@click.option("--seconds", default=150.0, help="Time to spend on the search, roughly.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@shared.json_option
def suggest(
    tables: Sequence[Path],
    label: str,
    asked: str,
    given: Sequence[str],
    known: Sequence[str],
    times: Sequence[str],
    out: Path,
    most_features: int,
    most_views: int,
    seconds: float,
    force: bool,
    as_json: bool,
) -> None:
    """Find features of raw TABLES that help to predict a label, and write their definitions.

    The rows of the first table are the questions. Say of its columns which are known when a
    question is asked (--given) and which only later (--known); what is in neither is not used.

    Example: dovetail features suggest flights.parquet weather.parquet --label late
    --asked scheduled --given carrier --given origin --known late,delay=landed --out features.py
    """
    from dovetail.features.suggest import check
    from dovetail.features.suggest import suggest as search

    if out.exists() and not force:
        raise click.UsageError(f"{out} exists; give another --out, or --force to replace it")
    found = search(
        list(tables),
        label=label,
        asked=asked,
        given=[name.strip() for text in given for name in text.split(",")],
        known=_pairs(known, "--known"),
        times=_pairs(times, "--time"),
        most_features=most_features,
        most_views=most_views,
        seconds=seconds,
        say=lambda message: click.echo(message, err=True),
    )
    if not found.features:
        click.echo("Nothing was found that tells more than what is given", err=True)
        raise click.exceptions.Exit(1)
    out.write_text(found.code(out), encoding="utf-8")
    check(found, out)
    if as_json:
        shared.print_json(
            {
                "measure": found.measure,
                "before": found.before,
                "after": found.after,
                "features": [
                    {"feature": f.name, "gain": f.gain, "keys": list(f.keys)}
                    for f in found.features
                ],
                "unused": list(found.task.unused),
                "file": str(out),
            }
        )
        return
    shared.print_table(
        ("feature", f"{found.measure} lost without", "by"),
        [(f.name, f"{f.gain:.4f}", ", ".join(f.keys)) for f in found.features],
    )
    if found.task.unused:
        click.echo(
            f"Not used, because nothing says when they are known: {', '.join(found.task.unused)}",
            err=True,
        )
    click.echo(
        f"{found.measure} on the last fifth: {found.after:.4f}, "
        f"{found.before:.4f} from what is given alone. {len(found.features)} features in {out}",
        err=True,
    )


def _pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """Read `a,b=c` as {a: c, b: c}."""
    found = {}
    for text in texts:
        names, equals, value = text.partition("=")
        if not equals or not value:
            raise click.UsageError(f"{option} {text!r} is not COLUMN=TIME")
        found.update({name.strip(): value.strip() for name in names.split(",")})
    return found
