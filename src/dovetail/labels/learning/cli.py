"""`dovetail labels learn` and `dovetail labels backend`: the AI labeller from the command line."""

import time
from pathlib import Path
from typing import Any

import click

from dovetail.base.errors import DovetailError, TimedOutError
from dovetail.web import commands as shared
from dovetail.web.commands import json_option, print_json, print_table
from dovetail.wire.label_learner import Change, Client, Learner

__all__ = ["backend", "learn"]

_POLL = 0.3


@click.command()
@click.argument("project", type=int)
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="The server.")
@click.option("--token", envvar="DOVETAIL_TOKEN", help="API token; or set DOVETAIL_TOKEN.")
@click.option("--on/--off", "enabled", default=None, help="Let it learn as answers come, or not.")
@click.option("--strategy", help="Which tasks are labelled next; --json lists the names.")
@click.option("--every", type=click.IntRange(1), help="New answers before it learns again.")
@click.option("--field", "fields", multiple=True, help="Field of the data to learn from; repeat.")
@click.option("--predict/--no-predict", "predicts", default=None, help="Write predictions.")
@click.option("--order/--no-order", "orders", default=None, help="Choose the next task.")
@click.option(
    "--embed/--no-embed", "embeds", default=None, help="Use the models that the operator named."
)
@click.option("--now", is_flag=True, help="Learn now, and wait for it.")
@json_option
def learn(
    project: int, url: str, token: str | None, enabled: bool | None, strategy: str | None,
    every: int | None, fields: tuple[str, ...], predicts: bool | None, orders: bool | None,
    embeds: bool | None, now: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show how good PROJECT's AI labeller is and whether more labelling is worth it, or change it.

    \b
    dovetail labels learn 1 --on --every 20
    dovetail labels learn 1 --now
    """
    change = Change(
        enabled=enabled, strategy=strategy, every=every, fields=fields or None,
        predicts=predicts, orders=orders, embeds=embeds,
    )  # fmt: skip
    with Client(url, token=token) as labels:
        found = labels.change(project, change) if change != Change() else labels.learner(project)
        if now:
            before = found.version.name if found.version else ""
            found = _learned(labels, project, before)
    if as_json:
        print_json(found)
        return
    _show(found)


def _learned(labels: Client, project: int, before: str, seconds: float = 600.0) -> Learner:
    labels.train(project)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(_POLL)
        found = labels.learner(project)
        if found.version is not None and found.version.name != before:
            return found
        if found.problem and found.phase in ("waiting", "failed"):
            raise DovetailError("the labeller did not learn", why=found.problem)
    raise TimedOutError(f"the labeller of project {project} still learns after {seconds:g} s")


def _show(found: Learner) -> None:
    settings = found.settings
    click.echo(
        f"project {found.project}: {found.phase}; {found.new_answers} of {found.needed} new answers"
        f" until it learns; next tasks by {settings.strategy if settings.orders else 'number'}"
    )
    if found.problem:
        click.echo(found.problem)
    version = found.version
    if version is None:
        return
    click.echo(f"{version.name}: from {version.answers} answered tasks, {version.trained_at}")
    if version.skills:
        columns = ["question", "measured on", "accuracy", "from", "to", "calibration"]
        print_table(
            columns,
            [
                [s.control, s.answers, s.accuracy, s.lower, s.upper, s.calibration]
                for s in version.skills
            ],
        )
    for note in version.notes:
        click.echo(f"not learned: {note}")
    if version.advice is not None:
        click.echo(version.advice.text)


@click.command()
@click.option(
    "--label-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="XML file; projects with other questions are refused.",
)
@click.option("--every", type=click.IntRange(1), help="New answers before it learns again.")
@shared.server_options
def backend(server: dict[str, Any], label_config: Path | None, every: int | None) -> None:
    """Run an ML backend for a Label Studio: it learns from its webhooks and predicts its tasks.

    \b
    dovetail labels backend --label-config config.xml --port 9090
    """
    from dovetail.labels.learning.studio_piece import piece

    flags = {"label_config": str(label_config) if label_config else None, "every": every}
    shared.run(piece, server, flags)
