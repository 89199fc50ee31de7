"""`dovetail features skew`: what was served against what training would have computed."""

from pathlib import Path

import click
import msgspec

from dovetail.features.catalog import load
from dovetail.web import commands as shared

__all__ = ["skew"]


@click.command()
@click.argument("definitions", type=click.Path(path_type=Path))
@click.argument("served", type=click.Path(path_type=Path))
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the tables.")
@click.option("--most", default=0.0, help="Share of differing values that is still fine.")
@click.option("--tolerance", default=1e-9, help="Relative difference of numbers that is none.")
@shared.json_option
@click.pass_context
def skew(
    context: click.Context,
    definitions: Path,
    served: Path,
    root: Path | None,
    most: float,
    tolerance: float,
    as_json: bool,
) -> None:
    """Compare SERVED lookups with a training set of the same questions; exit code 1 on skew.

    SERVED is the folder in which the server keeps a sample ([features] served_share), or one file
    of it. Questions asked before a row reached its table are compared once it is there.

    Example: dovetail features skew features.py .dovetail/features/served
    """
    from dovetail.features.skew.compare import compare
    from dovetail.features.skew.log import read_log

    found = compare(read_log(served), load(definitions, root=root), tolerance=tolerance)
    over = found.above(most)
    if as_json:
        shared.print_json(
            {
                "questions": found.questions,
                "passed_over": found.passed_over,
                "differences": msgspec.to_builtins(found.differences),
            }
        )
    else:
        shared.print_table(
            ("feature", "service", "compared", "differ", "null served", "null trained", "off by"),
            [
                (
                    d.feature,
                    d.service,
                    d.rows,
                    f"{d.differing} ({d.share:.2%})",
                    d.missing_served,
                    d.missing_trained,
                    "" if d.mean_absolute is None else f"{d.mean_absolute:.4g}",
                )
                for d in found.differences
            ],
        )
        for difference in over:
            for example in difference.examples:
                told = ", ".join(f"{name}={value}" for name, value in example.items())
                click.echo(f"{difference.feature}: {told}", err=True)
        if found.passed_over:
            click.echo(
                f"{found.passed_over} questions asked for what is not defined any more", err=True
            )
    if over:
        context.exit(1)
