"""`dovetail labels audit`: is this data set labelled well enough to train on?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dovetail.web.commands import json_option, print_json

if TYPE_CHECKING:
    import polars as pl

    from dovetail.labels.audit.findings import Audit, SeveralAudit
    from dovetail.labels.audit.reading import Columns

__all__ = ["audit"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument(
    "table", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--from", "project", help="URL of a Label Studio project, in place of TABLE.")
@click.option("--token", envvar="DOVETAIL_TOKEN", help="API token of that server.")
@click.option("--label", default="", help="Column of the label; of a project, the control.")
@click.option(
    "--predictions",
    default="",
    metavar="[CLASS=]COLUMN,...",
    help="Columns of out-of-sample probabilities; all that are named p_<label>, if not given.",
)
@click.option("--annotator", default="", help="Column of who labelled.")
@click.option("--item", default="", help="Column of what is labelled, if several people did it.")
@click.option("--split", default="", help="Column of the split, such as train and test.")
@click.option("--gold", default="", help="Column of the right label, empty where not known.")
@click.option("--ignore", default="", metavar="COLUMN,...", help="Columns to leave out.")
@click.option(
    "--target",
    type=click.FloatRange(0, 1),
    default=0.95,
    show_default=True,
    help="Share of right labels that is good enough.",
)
@click.option("--cost-per-label", type=click.FloatRange(0), default=0.0, help="What one costs.")
@click.option("--html", type=_FILE, help="Write a report to this file as well.")
@json_option
def audit(
    *, table: Path | None, project: str | None, token: str | None, target: float,
    cost_per_label: float, html: Path | None, as_json: bool, **names: str,
) -> None:  # fmt: skip
    """Audit the labels of TABLE, or of a project: how many are right, which are not, what helps.

    The exit code is 0 where they are good enough to train on, 1 where they are not, and 2 where
    that cannot be told. Predictions must come from a model that did not see the rows it predicts:
    of cross-validation, or of another data set. Without any, a plain model of the other columns is
    cross-validated. Where labels are lists, each class of them is a question of its own.

    \b
    dovetail labels audit data.parquet --label y --predictions no=p0,yes=p1 --html audit.html
    dovetail labels audit --from http://localhost:8080/projects/1 --token $TOKEN
    """
    from dovetail.labels.audit.auditor import audit_columns
    from dovetail.labels.audit.findings import SeveralAudit
    from dovetail.labels.audit.lists import lists_in
    from dovetail.labels.audit.several import audit_lists

    if (table is None) == (project is None):
        raise click.UsageError("name a table, or a project with --from")
    read, columns = (
        _of_project(str(project), token, names) if table is None else _of_file(table, names)
    )
    several = lists_in(read[columns.label]) is not None
    found = (audit_lists if several else audit_columns)(read, columns, target, cost_per_label)
    title = table.name if table else str(project)
    if html is not None:
        _write_html(found, html, title, columns)
    if as_json:
        print_json(found)
    else:
        from dovetail.labels.audit.text import print_audit, print_several

        row = columns.key or "row"
        print_several(found, row) if isinstance(found, SeveralAudit) else print_audit(found, row)
    if not found.enough:
        raise click.exceptions.Exit(1)


def _of_file(path: Path, names: dict[str, str]) -> tuple["pl.DataFrame", "Columns"]:
    from dovetail.labels.audit.files import read_table
    from dovetail.labels.audit.images import beside, with_pictures
    from dovetail.labels.audit.reading import Columns

    if not names["label"]:
        raise click.UsageError("name the column of the label with --label")
    ignore = tuple(x.strip() for x in names["ignore"].split(",") if x.strip())
    texts = [names[key] for key in ("label", "annotator", "item", "split", "gold") if names[key]]
    if len(set(texts)) < len(texts):
        raise click.UsageError("--label, --annotator, --item, --split and --gold differ")
    table = read_table(path, [*texts, *ignore])
    told = _named(names["predictions"], table.columns, names["label"])
    known: dict[str, Any] = {
        key: names[key] for key in ("annotator", "item", "split", "gold") if names[key]
    }
    lacking = next((column for column in told.values() if column not in table.columns), None)
    if lacking is not None:
        raise click.UsageError(f"'{path}' has no column {lacking!r}")
    table = with_pictures(table, beside(path.parent))
    return table, Columns(names["label"], told, ignore=ignore, **known)


def _of_project(
    url: str, token: str | None, names: dict[str, str]
) -> tuple["pl.DataFrame", "Columns"]:
    from dovetail.labels.audit.project import read_project

    given = [f"--{key}" for key, value in names.items() if value and key not in ("label",)]
    if given:
        raise click.UsageError(f"{given[0]} is for tables: a project says that itself")
    return read_project(url, token or "", names["label"])


def _write_html(found: "Audit | SeveralAudit", html: Path, title: str, columns: "Columns") -> None:
    from dovetail.base.errors import InvalidInputError
    from dovetail.labels.audit.report import report_html

    try:
        html.write_text(report_html(found, title, columns.key or "row"), encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"'{html}' cannot be written", why=str(error)) from error


def _named(text: str, known: list[str], label: str) -> dict[str, str]:
    """The column of each class: `a=p0,b=p1`, or `p_a,p_b`."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        names = [name for name in known if name.startswith("p_") and name != label]
    pairs = [
        name.split("=", 1) if "=" in name else [name.removeprefix("p_"), name] for name in names
    ]
    return {one: column for one, column in pairs}
