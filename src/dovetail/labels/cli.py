"""`dovetail labels`: what many sources say, as one label an item."""

from pathlib import Path
from typing import Any

import click

from dovetail.labels.audit.cli import audit
from dovetail.labels.cli_compound import join, split
from dovetail.labels.cli_files import export, import_, projects, snapshots
from dovetail.labels.cli_people import invite, payments, people
from dovetail.labels.cli_routing import quality, route, simulate
from dovetail.labels.learning.cli import backend, learn
from dovetail.web import commands as shared
from dovetail.web.commands import json_option, print_json, print_table

__all__ = ["commands"]

_MODELS = ("auto", "majority", "dawid-skene", "one-coin", "vote-ratio")
_SHOWN = 20


@click.group(name="labels")
def commands() -> None:
    """Labels of people, functions and models together.

    \b
    dovetail labels run
    dovetail labels combine answers.csv --source worker --out posteriors.parquet
    """


@commands.command()
@shared.server_options
def run(server: dict[str, Any]) -> None:
    """Run the labelling server: projects, tasks and annotations over Label Studio's API.

    Example: dovetail labels run --port 8080
    """
    from dovetail.labels.piece import piece

    shared.run(piece, server)


@commands.command()
@click.argument("answers", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--item", default="item", show_default=True, help="Column of what is labelled.")
@click.option("--source", default="source", show_default=True, help="Column of who answered.")
@click.option("--label", default="label", show_default=True, help="Column of the answer.")
@click.option("--model", type=click.Choice(_MODELS), default="auto", help="How; auto tries all.")
@click.option(
    "--predictions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Table of a model's probabilities: the item's column and p_<label> of each label.",
)
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write."
)
@json_option
def combine(
    answers: Path, item: str, source: str, label: str, model: str, predictions: Path | None,
    out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Combine ANSWERS, a row for each answer, into a label and its probability for each item.

    An empty label is an abstention. Sources that copy each other share one vote; what each is
    worth is learned from the answers, with no gold needed. With --predictions, out-of-sample ones
    of a model, people and model are combined; one answer an item is enough then.

    \b
    dovetail labels combine answers.csv --source worker --out posteriors.parquet
    """
    from dovetail.labels.combining import combine as combined_of
    from dovetail.labels.tables import check_out, read_columns, read_predictions, write_posteriors

    names = (item, source, label)
    if len(set(names)) < len(names):
        raise click.UsageError("--item, --source and --label name three different columns")
    check_out(out)
    table = read_columns(answers, names)
    table = table.drop_nulls([item, source])
    told, classes = read_predictions(predictions, item) if predictions else (None, None)
    columns = (table[name].to_list() for name in names)
    found = combined_of(*columns, classes=classes, model=model, probabilities=told)
    write_posteriors(found, item, out)
    worst = sorted((q for q in found.quality() if q.answers), key=lambda q: q.accuracy)
    said = len(found.votes.item)
    if as_json:
        print_json(
            {
                "file": str(out), "model": found.model, "items": len(found.items), "answers": said,
                "confidence": float(found.confidence.mean()), "sources": worst,
            }
        )  # fmt: skip
        return
    print_table(
        ["source", "answers", "accuracy", "from", "to", "counts"],
        [
            [q.source, q.answers, f"{q.accuracy:.1%}", f"{q.lower:.1%}", f"{q.upper:.1%}", q.weight]
            for q in worst[:_SHOWN]
        ],
    )
    if len(worst) > _SHOWN:
        click.echo(f"and {len(worst) - _SHOWN} better sources; all with --json")
    click.echo(
        f"{out}: {len(found.items):,} items from {said:,} answers by {found.model}, "
        f"mean confidence {found.confidence.mean():.1%}"
    )


commands.add_command(audit)
commands.add_command(invite)
commands.add_command(people)
commands.add_command(payments)
commands.add_command(backend)
commands.add_command(learn)
commands.add_command(projects)
commands.add_command(import_)
commands.add_command(export)
commands.add_command(snapshots)
commands.add_command(route)
commands.add_command(quality)
commands.add_command(simulate)
commands.add_command(split)
commands.add_command(join)
