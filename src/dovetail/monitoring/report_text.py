"""The report on the command line: the verdict and what changed, in a screen."""

import click

from dovetail.monitoring.report import Report
from dovetail.web.commands import print_table

_LINES = 20


def print_report(found: Report) -> None:
    """Print a report for people; what changed most comes first, the verdict last."""
    print_table(
        ["column", "drift", "p", "test", "psi", "what"],
        [
            [
                c.column,
                "yes" if c.drift else "no",
                f"{c.p:.2g}",
                c.test,
                round(c.psi, 3),
                c.what if c.drift else "",
            ]
            for c in found.columns[:_LINES]
        ],
    )
    if len(found.columns) > _LINES:
        click.echo(f"and {len(found.columns) - _LINES} more columns; --json prints all")
    if found.joint is not None:
        word = "differ" if found.joint.drift else "do not differ"
        click.echo(f"all columns together {word}: AUC {found.joint.auc:.3f}, p {found.joint.p:.2g}")
    for one in found.far:
        excerpt = f": {one.excerpt}" if one.excerpt else ""
        click.echo(f"{one.column}: row {one.row} is {one.distance:.3g} away{excerpt}")
    _print_tests(found)
    for name in found.absent:
        click.echo(f"column {name} is no longer there")
    for name in found.added:
        click.echo(f"column {name} is new and was not compared")
    for name, why in found.skipped.items():
        click.echo(f"column {name} was not compared: {why}")
    if found.performance is not None:
        print_table(
            ["rows", "predictions", "outcomes", "auc", "estimated auc", "log-loss"],
            [
                [name, f.predictions, f.outcomes, f.auc, f.estimated_auc, f.log_loss]
                for name, f in zip(("reference", "current"), found.performance, strict=True)
            ],
        )
    click.echo(f"verdict: {found.verdict}")


def _print_tests(found: Report) -> None:
    if found.tests is None:
        return
    print_table(
        ["column", "test", "statistic", "p", "adjusted", "drift"],
        [
            [
                one.column,
                one.test,
                f"{one.statistic:.4g}",
                None if one.p is None else f"{one.p:.2g}",
                None if one.adjusted is None else f"{one.adjusted:.2g}",
                None if one.p is None else "yes" if one.drift else "no",
            ]
            for one in found.tests.results[: 2 * _LINES]
        ],
    )
    left = len(found.tests.results) - 2 * _LINES
    if left > 0:
        click.echo(f"and {left} more results; --json prints all")
