"""Commands about retention rules, sizes and free space of a running tracking server."""

from typing import Any

import click

from dovetail.base.errors import InvalidInputError
from dovetail.tracking.cli.tidy import token_option, url_option
from dovetail.web import commands as shared
from dovetail.web.formats import size, stamp
from dovetail.wire.retention import Best, Client, Preview, Rule
from dovetail.wire.tidy import Client as TidyClient
from dovetail.wire.tidy import ExperimentSize

__all__ = ["compact", "retention", "sizes"]

LISTED = 20


@click.group()
def retention() -> None:
    """Rules that say which runs of an experiment stay, and for how long."""


@retention.command(name="put")
@click.argument("experiment")
@click.option("--keep-newest", type=click.IntRange(1), help="Keep so many of the newest runs.")
@click.option("--keep-days", type=float, help="Keep runs that ended at most so many days ago.")
@click.option("--keep-tagged", multiple=True, help="Keep runs with KEY or KEY=VALUE; repeatable.")
@click.option(
    "--keep-best", multiple=True, help="Keep the best as METRIC:COUNT or METRIC:COUNT:min."
)
@click.option("--grace-days", default=30.0, show_default=True, help="Days before deleted runs go.")
@click.option("--thin-to", type=click.IntRange(10), help="Thin histories to so many points.")
@click.option("--thin-after-days", default=30.0, show_default=True, help="Days after a run's end.")
@url_option
@token_option
@shared.json_option
def put(experiment: str, url: str, token: str | None, as_json: bool, **given: Any) -> None:
    """Set the rule of an experiment; look at what it would do with `check`.

    Example: dovetail tracking retention put 1 --keep-newest 100 --keep-best auc:5 --thin-to 1000
    """
    given["keep_best"] = tuple(_best(text) for text in given["keep_best"])
    with Client(url, token=token) as client:
        made = client.put(experiment, Rule(**given))
    if as_json:
        shared.print_json(made)
    else:
        click.echo(f"The rule of {made.name} is set. See what it would do with:")
        click.echo(f"  dovetail tracking retention check {experiment}")


def _best(text: str) -> Best:
    metric, _, rest = text.partition(":")
    count, _, direction = rest.partition(":")
    if not metric or (count and not count.isdecimal()) or direction not in ("", "min", "max"):
        raise InvalidInputError(
            f"--keep-best {text!r} is not understood", fix="write METRIC:COUNT or METRIC:COUNT:min"
        )
    return Best(
        metric=metric, count=int(count or 1), direction="min" if direction == "min" else "max"
    )


@retention.command(name="list")
@url_option
@token_option
@shared.json_option
def list_rules(url: str, token: str | None, as_json: bool) -> None:
    """List every rule.

    Example: dovetail tracking retention list
    """
    with Client(url, token=token) as client:
        rules = client.list()
    if as_json:
        shared.print_json(rules)
        return
    rows = [
        (one.experiment_id, one.name, one.rule.words(), one.set_by, stamp(one.set_at))
        for one in rules
    ]
    shared.print_table(["experiment", "name", "rule", "set by", "at"], rows)


@retention.command()
@click.argument("experiment")
@url_option
@token_option
@shared.json_option
def check(experiment: str, url: str, token: str | None, as_json: bool) -> None:
    """Say what the rule of an experiment would do now; nothing happens.

    Example: dovetail tracking retention check 1
    """
    with Client(url, token=token, timeout=600) as client:
        found = client.check(experiment)
    if as_json:
        shared.print_json(found)
    else:
        _show(found)


def _show(found: Preview) -> None:
    rows = [(run.id, run.name, stamp(run.started)) for run in found.delete[:LISTED]]
    if rows:
        title = f"Would be deleted: {len(found.delete)} runs"
        shared.print_table(["run", "name", "started"], rows, title=title)
    kept = sorted(found.keep.items(), key=lambda pair: -pair[1])
    shared.print_table(["runs", "stay because"], [(n, why) for why, n in kept])
    if found.thin:
        longest = [(one.run_id, one.key, one.points) for one in found.thin[:LISTED]]
        title = f"Would be thinned to {found.rule.thin_to} points each"
        shared.print_table(["run", "metric", "points"], longest, title=title)
    click.echo(
        f"{len(found.delete)} runs would be deleted, {found.purge} would go for good, "
        f"{found.points} points would be thinned out. Nothing has happened."
    )


@retention.command()
@click.argument("experiment")
@url_option
@token_option
@shared.json_option
def run(experiment: str, url: str, token: str | None, as_json: bool) -> None:
    """Apply the rule of an experiment now; the server does so once a day.

    Example: dovetail tracking retention run 1
    """
    with Client(url, token=token, timeout=600) as client:
        done = client.run(experiment)
    if as_json:
        shared.print_json(done)
        return
    click.echo(f"Deleted {done.deleted} runs; they can be restored within the grace period.")
    if done.job:
        click.echo(f"Job {done.job} removes what was deleted long enough ago.")
    if done.thinning:
        click.echo("Histories are thinned in the background.")


@retention.command(name="delete")
@click.argument("experiment")
@url_option
@token_option
def delete(experiment: str, url: str, token: str | None) -> None:
    """Remove the rule of an experiment.

    Example: dovetail tracking retention delete 1
    """
    with Client(url, token=token) as client:
        client.delete(experiment)
    click.echo(f"Experiment {experiment} has no rule any more.")


@click.command()
@click.option("--measure", is_flag=True, help="Measure anew in the background.")
@url_option
@token_option
@shared.json_option
def sizes(measure: bool, url: str, token: str | None, as_json: bool) -> None:
    """Show how large each experiment is, as last measured.

    Example: dovetail tracking sizes --url http://127.0.0.1:5000
    """
    with TidyClient(url, token=token) as client:
        found = client.measure() if measure else client.sizes()
    if as_json:
        shared.print_json(found)
        return
    columns = ["experiment", "name", "runs", "points", "database", "files", "size", "measured"]
    shared.print_table(columns, [_line(one) for one in found.experiments])
    free = f", {size(found.space.free)} of it free" if found.space.free is not None else ""
    click.echo(f"Database: {size(found.space.bytes)}{free}; {found.space.note}.")
    if found.measuring:
        click.echo("Being measured; ask again in a while.")


def _line(one: ExperimentSize) -> tuple[object, ...]:
    at = stamp(one.measured) if one.measured else None
    sizes = (size(one.database), one.files, size(one.bytes))
    return (one.id, one.name, one.runs, one.points, *sizes, at)


@click.command()
@click.option("--full", is_flag=True, help="Write the file anew while writers wait.")
@url_option
@token_option
@shared.json_option
def compact(full: bool, url: str, token: str | None, as_json: bool) -> None:
    """Give the space that deleted rows left in a SQLite file back to the disk.

    Example: dovetail tracking compact --url http://127.0.0.1:5000
    """
    with TidyClient(url, token=token, timeout=3600) as client:
        done = client.compact(full=full)
    if as_json:
        shared.print_json(done)
    else:
        click.echo(f"Database: {size(done.before.bytes)} before, {size(done.after.bytes)} now.")
