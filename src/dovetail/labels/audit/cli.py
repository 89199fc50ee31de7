"""`dovetail labels audit`: is this table labelled well enough to train on?"""

from pathlib import Path

import click

from dovetail.labels.audit.auditor import Audit
from dovetail.web.commands import json_option, print_json, print_table

__all__ = ["audit"]

_SHOWN = 10


@click.command()
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--label", required=True, help="Column of the label.")
@click.option(
    "--predictions",
    default="",
    metavar="[CLASS=]COLUMN,...",
    help="Columns of out-of-sample probabilities; all that are named p_<label>, if not given.",
)
@click.option("--annotator", default="", help="Column of who labelled.")
@click.option("--split", default="", help="Column of the split, such as train and test.")
@click.option(
    "--target",
    type=click.FloatRange(0, 1),
    default=0.95,
    help="Share of right labels that is good enough.",
)
@json_option
def audit(
    table: Path, label: str, predictions: str, annotator: str, split: str, target: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Audit the labels of TABLE: how many are right, which are not, what would help.

    The exit code is 1 where they are not good enough to train on. Predictions must come from a
    model that did not see the rows it predicts: of cross-validation, or of another data set.
    Without any, a plain model of the table's other columns is cross-validated.

    \b
    dovetail labels audit data.parquet --label y --predictions no=p0,yes=p1
    """
    from dovetail.labels.audit.auditor import audit as audited
    from dovetail.labels.tables import column_names, read_columns

    known = column_names(table)
    told = _named(predictions, known, label)
    read = read_columns(table, list(dict.fromkeys([*known, label, *told.values()])))
    for name in (annotator, split):
        if name and name not in known:
            raise click.UsageError(f"'{table}' has no column {name!r}")
    found = audited(read, label, told, annotator=annotator, split=split, target=target)
    print_json(found) if as_json else _show(found)
    if not found.enough:
        raise click.exceptions.Exit(1)


def _named(text: str, known: list[str], label: str) -> dict[str, str]:
    """The column of each class: `a=p0,b=p1`, or `p_a,p_b`."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        names = [name for name in known if name.startswith("p_") and name != label]
    pairs = [
        name.split("=", 1) if "=" in name else [name.removeprefix("p_"), name] for name in names
    ]
    return {one: column for one, column in pairs}


def _show(found: Audit) -> None:
    print_table(
        ["label", "rows", "wrong, about"],
        [[one.label, one.rows, round(one.wrong)] for one in found.classes],
    )
    if found.annotators:
        print_table(
            ["annotator", "rows", "not suspect", "from", "to"],
            [
                [a.name, a.rows, f"{a.accuracy:.1%}", f"{a.lower:.1%}", f"{a.upper:.1%}"]
                for a in found.annotators[:_SHOWN]
            ],
        )
    print_table(
        ["suspect row", "label", "likely"],
        [[one.row, one.label, one.likely] for one in found.suspects[:_SHOWN]],
    )
    if len(found.suspects) > _SHOWN:
        click.echo(f"and {len(found.suspects) - _SHOWN} more suspects; all with --json")
    click.echo(
        f"{found.accuracy:.1%} of {found.rows:,} labels are right by estimate "
        f"({found.lower:.1%} to {found.upper:.1%})"
    )
    for reason in found.reasons:
        click.echo(f"- {reason}")
    click.echo("Good enough to train on" if found.enough else "Not good enough to train on")
