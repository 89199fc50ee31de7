"""Commands of the monitoring piece."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dovetail.monitoring.cli_alerts import alerts
from dovetail.monitoring.cli_profile import profile
from dovetail.monitoring.cli_rules import check, rules
from dovetail.monitoring.cli_tap import tap_alone
from dovetail.web.commands import json_option, print_json, print_table, run, server_options

if TYPE_CHECKING:
    from dovetail.monitoring.report import Report

__all__ = ["commands"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(name="monitoring")
def commands() -> None:
    """Is the model still right? Drift, estimated and realised performance."""


commands.add_command(alerts)
commands.add_command(check)
commands.add_command(rules)
commands.add_command(profile)
commands.add_command(tap_alone)


@commands.command(name="run")
@server_options
@click.option("--webhook", help="URL that gets every alert as a CloudEvent.")
@click.option("--rules", help="File of alert rules; `dovetail monitoring check` checks one.")
@click.option("--tracking", help="MLflow registry to fetch reference profiles from.")
@click.option("--tables", help="File that says which tables to read predictions from.")
@click.option("--tap", help="Open Inference server to pass requests on to, and to log.")
@click.option("--tap-port", type=click.IntRange(0, 65535), help="Where the tap listens.")
@click.option("--alpha-per-year", type=float, help="Chance of a false alarm in a quiet year.")
def run_server(
    server: Mapping[str, Any],
    webhook: str | None,
    rules: str | None,
    tracking: str | None,
    tables: str | None,
    tap: str | None,
    tap_port: int | None,
    alpha_per_year: float | None,
) -> None:
    """Serve monitoring alone: a CloudEvents sink beside any inference server.

    \b
    dovetail monitoring run --port 8080
    dovetail monitoring run --tables tables.toml
    dovetail monitoring run --tap http://mlserver:8080 --tap-port 8090
    curl http://127.0.0.1:8080/monitoring/models
    """
    from dovetail.monitoring.piece import piece

    own = {
        "webhook": webhook,
        "rules": rules,
        "tables": tables,
        "tap": tap,
        "tap_port": tap_port,
        "alpha_per_year": alpha_per_year,
    }
    run(piece, server, own, joints={"tracking": tracking})


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
@click.option("--reference", required=True, type=_FILE, help="Table or profile to compare with.")
@click.option("--current", required=True, type=_FILE, help="Table or profile to look at.")
@click.option("--score", default="", help="Column of scores, to measure performance too.")
@click.option("--label", default="", help="Column of outcomes, 0 or 1.")
@click.option("--ignore", default="", help="Columns not to compare, like id,day.")
@click.option(
    "--alpha",
    default=0.05,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Chance of the verdict drift though nothing changed.",
)
@click.option("--tests", default="", help="Classical tests to run too, like ks,psi,mmd.")
@click.option(
    "--correction",
    default="holm",
    help="How they are corrected: holm, bonferroni, benjamini-hochberg or none.",
)
@click.option(
    "--embed",
    multiple=True,
    help="COLUMN=URL of a served model that makes vectors of its values; repeatable.",
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
    ignore: str,
    alpha: float,
    tests: str,
    correction: str,
    embed: tuple[str, ...],
    html: Path | None,
    as_json: bool,
) -> None:
    """Compare two tables once: CSV, Parquet, Arrow or JSON lines, or profiles in .json.

    The exit code is 0 for no drift, 1 for drift and 2 where they cannot be compared.

    \b
    dovetail monitoring report --reference march.parquet --current april.parquet
    dovetail monitoring report --reference a.csv --current b.csv --tests ks,psi --html report.html
    dovetail monitoring report --reference a.jsonl --current b.jsonl \
        --embed text=http://127.0.0.1:8080/v2/models/embedder
    """
    from dovetail.monitoring.files import read_columns
    from dovetail.monitoring.profile_table import read_profile
    from dovetail.monitoring.report import compare
    from dovetail.monitoring.report_text import print_report

    found = compare(
        *(
            read_profile(x) if x.suffix == ".json" else read_columns(x)
            for x in (reference, current)
        ),
        alpha=alpha,
        score=score,
        label=label,
        ignore=_names(ignore),
        tests=_names(tests),
        correction=correction,
        embed=_embeds(embed),
    )
    if html is not None:
        _write_html(found, html, reference.name, current.name)
    if as_json:
        print_json(found)
    else:
        print_report(found)
    context.exit(1 if found.verdict == "drift" else 0)


def _embeds(several: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in several]
    for name, _, url in pairs:
        if not name or not url:
            raise click.BadParameter("give COLUMN=http://host:8080/v2/models/NAME")
    return {name: url for name, _, url in pairs}


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _write_html(found: "Report", html: Path, reference: str, current: str) -> None:
    from dovetail.base.errors import InvalidInputError
    from dovetail.monitoring.ui.html import report_html

    try:
        html.write_text(report_html(found, reference, current), encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"'{html}' cannot be written", why=str(error)) from error
