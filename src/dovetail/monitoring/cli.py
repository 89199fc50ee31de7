"""Commands of the monitoring piece."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dovetail.web.commands import json_option, print_json, print_table, run, server_options

if TYPE_CHECKING:
    from dovetail.monitoring.report import Report

__all__ = ["commands"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(name="monitoring")
def commands() -> None:
    """Is the model still right? Drift, estimated and realised performance."""


@commands.command(name="run")
@server_options
@click.option("--webhook", help="URL that gets every alert as a CloudEvent.")
@click.option("--alpha-per-year", type=float, help="Chance of a false alarm in a quiet year.")
def run_server(
    server: Mapping[str, Any], webhook: str | None, alpha_per_year: float | None
) -> None:
    """Serve monitoring alone: a CloudEvents sink beside any inference server.

    \b
    dovetail monitoring run --port 8080
    curl http://127.0.0.1:8080/monitoring/models
    """
    from dovetail.monitoring.piece import piece

    run(piece, server, {"webhook": webhook, "alpha_per_year": alpha_per_year})


@commands.command(name="list")
@click.option("--url", default="http://127.0.0.1:8080", help="Where monitoring answers.")
@click.option("--token", envvar="DOVETAIL_TOKEN", help="API token.")
@json_option
def list_models(url: str, token: str | None, as_json: bool) -> None:
    """List the watched models and their active alerts.

    \b
    dovetail monitoring list --url http://127.0.0.1:8080
    """
    from dovetail.wire.monitoring import Client

    with Client(url, token=token) as client:
        models, alerts = client.models(), client.alerts(status="active")
    if as_json:
        print_json({"models": models, "alerts": alerts})
        return
    print_table(
        ["model", "versions", "first day", "last day", "alerts"],
        [[m.model, ", ".join(m.versions), m.first, m.last, m.alerts] for m in models],
    )
    for alert in alerts:
        click.echo(f"{alert.severity}: {alert.message}")


@commands.command(name="report")
@click.option("--reference", required=True, type=_FILE, help="CSV or Parquet to compare with.")
@click.option("--current", required=True, type=_FILE, help="CSV or Parquet to look at.")
@click.option("--score", default="", help="Column of scores, to measure performance too.")
@click.option("--label", default="", help="Column of outcomes, 0 or 1.")
@click.option(
    "--alpha",
    default=0.05,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Chance of the verdict drift though nothing changed.",
)
@click.option("--html", type=_FILE, help="Write the report to this file as well.")
@json_option
@click.pass_context
def report(
    context: click.Context,
    *,
    reference: Path,
    current: Path,
    score: str,
    label: str,
    alpha: float,
    html: Path | None,
    as_json: bool,
) -> None:
    """Compare two files once; the exit code is 1 when the verdict is drift.

    \b
    dovetail monitoring report --reference march.parquet --current april.parquet
    dovetail monitoring report --reference a.csv --current b.csv --html report.html
    """
    from dovetail.monitoring.files import read_columns
    from dovetail.monitoring.report import compare
    from dovetail.monitoring.ui.html import report_html

    found = compare(
        read_columns(reference), read_columns(current), alpha=alpha, score=score, label=label
    )
    if html is not None:
        html.write_text(report_html(found, reference.name, current.name), encoding="utf-8")
    if as_json:
        print_json(found)
    else:
        _print_report(found)
    context.exit(1 if found.verdict == "drift" else 0)


def _print_report(found: "Report") -> None:
    print_table(
        ["column", "drift", "p", "test", "shift", "psi", "missing", "unseen"],
        [
            [
                c.column,
                "yes" if c.drift else "no",
                c.p,
                c.test,
                c.shift,
                c.psi,
                c.missing[1],
                c.unseen,
            ]
            for c in found.columns
        ],
    )
    for name in found.absent:
        click.echo(f"column {name} is no longer there")
    for name in found.added:
        click.echo(f"column {name} is new and was not compared")
    if found.performance is not None:
        print_table(
            ["rows", "predictions", "outcomes", "auc", "estimated auc", "log-loss"],
            [
                [name, f.predictions, f.outcomes, f.auc, f.estimated_auc, f.log_loss]
                for name, f in zip(("reference", "current"), found.performance, strict=True)
            ],
        )
    click.echo(f"verdict: {found.verdict}")


def _word(drift: bool) -> str:
    return "yes" if drift else "no"
