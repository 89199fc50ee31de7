"""Commands that tidy a running tracking server, by its address."""

import time
from typing import Any

import click

from dovetail.web import commands as shared
from dovetail.web.formats import size, stamp
from dovetail.wire.tidy import Client, Going, Job, Plan, TidyRequest

__all__ = ["tidy", "token_option", "url_option"]

LISTED = 20
POLL_SECONDS = 0.5
url_option = click.option(
    "--url",
    envvar="MLFLOW_TRACKING_URI",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="Where the tracking server answers.",
)
token_option = click.option("--token", envvar="DOVETAIL_TOKEN", help="API token.")


@click.command()
@click.option("--grace-days", type=float, help="Only what was deleted at least so long ago.")
@click.option("--within", multiple=True, help="Only inside this experiment, by id; repeatable.")
@click.option("--experiment", multiple=True, help="This experiment, by id; repeatable.")
@click.option("--run", "run_id", multiple=True, help="This run, by id; repeatable.")
@click.option("--model", multiple=True, help="This logged model, by id; repeatable.")
@click.option(
    "--orphans",
    type=click.Choice(["leave", "find", "remove"]),
    default="find",
    show_default=True,
    help="What to do about files and datasets that nobody owns.",
)
@click.option("--confirm", help="Remove what the plan with this mark says.")
@click.option("--yes", is_flag=True, help="Remove what is planned now, without looking at it.")
@click.option("--wait/--no-wait", default=True, help="Whether to wait until all is removed.")
@url_option
@token_option
@shared.json_option
@click.pass_context
def tidy(
    context: click.Context,
    /,
    grace_days: float | None,
    confirm: str | None,
    yes: bool,
    wait: bool,
    url: str,
    token: str | None,
    as_json: bool,
    **named: Any,
) -> None:
    """Remove for good what was deleted long ago, or what is named.

    Without --confirm or --yes it only says what would go, and what stays and why.

    \b
    dovetail tracking tidy --grace-days 30 --url http://127.0.0.1:5000
    dovetail tracking tidy --grace-days 30 --url http://127.0.0.1:5000 --confirm MARK
    """
    request = TidyRequest(
        grace_days=grace_days,
        within=named["within"],
        experiments=named["experiment"],
        runs=named["run_id"],
        models=named["model"],
        orphans=named["orphans"],
    )
    with Client(url, token=token, timeout=600) as client:
        if confirm is None:
            plan = client.plan(request)
            if not yes or plan.is_empty():
                _show(plan, as_json)
                return
            request, confirm = plan.request, plan.confirm
        job = client.execute(request, confirm)
        while wait and job.state == "running":
            time.sleep(POLL_SECONDS)
            job = client.job(job.id)
    _report(job, as_json)
    context.exit(1 if job.state == "waiting" else 0)


def _show(plan: Plan, as_json: bool) -> None:
    if as_json:
        shared.print_json(plan)
        return
    going = [*plan.experiments, *plan.runs, *plan.models]
    if going:
        title = (
            f"Would go: {len(plan.experiments)} experiments, {len(plan.runs)} runs, "
            f"{len(plan.models)} logged models"
        )
        columns = ["what", "id", "name", "deleted", "files", "size"]
        shared.print_table(columns, [_line(one) for one in going[:LISTED]], title=title)
        _and_more(len(going))
    if plan.rows:
        shared.print_table(["table", "rows"], sorted(plan.rows.items()), title="Rows that would go")
    if plan.kept:
        rows = [(one.kind, one.id, one.name, one.why) for one in plan.kept[:LISTED]]
        shared.print_table(["what", "id", "name", "because"], rows, title="Stays")
        _and_more(len(plan.kept))
    if plan.orphans:
        found = [(one.path, one.files, size(one.bytes)) for one in plan.orphans[:LISTED]]
        shared.print_table(["folder", "files", "size"], found, title="Files that nobody owns")
        _and_more(len(plan.orphans))
    _sum_up(plan)


def _line(one: Going) -> tuple[object, ...]:
    since = stamp(one.deleted) if one.deleted else None
    return (one.kind, one.id, one.name, since, one.files, size(one.bytes))


def _and_more(count: int) -> None:
    if count > LISTED:
        click.echo(f"... and {count - LISTED} more; --json shows all")


def _sum_up(plan: Plan) -> None:
    if plan.orphan_datasets:
        click.echo(f"{plan.orphan_datasets} datasets are read by no run any more.")
    if plan.elsewhere:
        click.echo(
            f"Files at {len(plan.elsewhere)} places are out of this server's reach and stay."
        )
    if plan.more:
        click.echo("More fits than one plan holds: run it again afterwards.")
    if plan.is_empty():
        click.echo("Nothing to remove.")
        return
    least = "" if plan.counted else "at least "
    click.echo(f"{least}{plan.files} files, {size(plan.bytes)}. Nothing was removed yet.")
    click.echo("To remove exactly this, give the same options again and:")
    click.echo(f"  --confirm {plan.confirm}")


def _report(job: Job, as_json: bool) -> None:
    if as_json:
        shared.print_json(job)
        return
    if job.state == "done":
        click.echo(
            f"Removed {job.experiments} experiments, {job.runs} runs, {job.models} logged models, "
            f"{job.orphans} orphans: {job.rows} rows, {job.files} files, {size(job.bytes)}."
        )
    elif job.state == "waiting":
        click.echo(f"{job.left} things could not be removed yet and are tried again: {job.problem}")
    else:
        click.echo(f"Job {job.id} goes on in the background; {job.left} things are left.")
