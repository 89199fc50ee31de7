"""Commands that bring files to a labelling server and fetch them: import, export, snapshots."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from dovetail.base.errors import InvalidInputError
from dovetail.web.commands import json_option, print_json, print_table

if TYPE_CHECKING:
    from dovetail.labels.formats.reading import Intake
    from dovetail.wire.label_studio.client import Client, Project
    from dovetail.wire.labels import Snapshot, TableFormat

__all__ = ["export", "import_", "projects", "snapshots"]

F = TypeVar("F", bound=Callable[..., Any])
_BATCH_TASKS = 5_000
_BATCH_BYTES = 24 << 20
_FILE = click.Path(dir_okay=False, path_type=Path)


def server(fn: F) -> F:
    """Add the options of a command that asks a server."""
    url = click.option("--url", default="http://127.0.0.1:8080", help="Where the server answers.")
    token = click.option("--token", envvar="DOVETAIL_TOKEN", help="API token.")
    return url(token(fn))


@click.command()
@server
@json_option
def projects(url: str, token: str | None, as_json: bool) -> None:
    """List the projects of a labelling server, ours or a Label Studio.

    Example: dovetail labels projects
    """
    from dovetail.wire.label_studio.client import Client

    with Client(url, token=token) as client:
        found = sorted(client.projects(), key=lambda one: one.id)
    if as_json:
        print_json(found)
        return
    print_table(
        ["id", "title", "tasks", "finished", "annotations", "predictions"],
        [
            [p.id, p.title, p.task_number, p.finished_task_number, p.total_annotations_number,
             p.total_predictions_number]
            for p in found
        ],
    )  # fmt: skip


@click.command(name="import")
@click.argument("project")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Label config: makes the project where there is none of that title.",
)  # fmt: skip
@server
@json_option
def import_(
    project: str,
    files: Sequence[Path],
    config: Path | None,
    url: str,
    token: str | None,
    as_json: bool,
) -> None:
    """Add the tasks of FILES to PROJECT, its number or title.

    JSON, JSON lines, CSV, TSV, Parquet, text and HTML files, and folders or zips of pictures,
    sounds and films. All files are read before anything is sent.

    Example: dovetail labels import Moods comments.csv --config moods.xml
    """
    from dovetail.wire.label_studio.client import Client

    with Client(url, token=token) as client:
        found = _project(client, project, config)
        from dovetail.labels.formats.reading import read_path

        intakes = [read_path(file, found.config.fields) for file in files]
        added = sum(_send(client, found.id, intake) for intake in intakes)
    skipped = [line for intake in intakes for line in intake.skipped]
    for line in skipped:
        click.echo(f"passed over {line}", err=True)
    if as_json:
        print_json({"project": found.id, "tasks": added, "skipped": skipped})
        return
    click.echo(f"{added:,} tasks in project {found.id} of {url}")


def _project(client: "Client", name: str, config: Path | None) -> "Project":
    from dovetail.wire.http import NotFound

    try:
        return client.find_project(name)
    except NotFound as error:
        if config is None or name.isdigit() or " are named " in error.message:
            if config is None:
                error.message += "; make it with --config"
            raise
    from dovetail.wire.label_studio.config import parse

    xml = config.read_text("utf-8")
    parse(xml)  # faults are said with their line before anything is sent
    return client.create_project(name, xml)


def _send(client: "Client", project: int, intake: "Intake") -> int:
    added = 0
    for start in range(0, len(intake.tasks), _BATCH_TASKS):
        added += client.import_tasks(project, intake.tasks[start : start + _BATCH_TASKS]).task_count
    batch: list[tuple[str, bytes]] = []
    for asset in intake.assets:
        batch.append((asset.name.replace("/", "_"), asset.read()))
        if sum(len(content) for _, content in batch) > _BATCH_BYTES:
            added += client.upload(project, batch).task_count
            batch = []
    return added + (client.upload(project, batch).task_count if batch else 0)


@click.command()
@click.argument("project")
@click.option("--out", type=_FILE, help="File to write.")
@click.option(
    "--format", "kind", default="JSON", show_default=True,
    help="As Label Studio's exportType: JSON, CSV, COCO, YOLO_WITH_IMAGES...",
)  # fmt: skip
@click.option("--all", "every", is_flag=True, help="Tasks without annotations too.")
@click.option("--name", help="Make a snapshot of this name; --out is then a table to train from.")
@click.option("--predictions", is_flag=True, help="In the snapshot, models' answers count too.")
@click.option("--model", default="auto", show_default=True, help="How classes are combined.")
@server
@json_option
def export(
    project: str,
    out: Path | None,
    kind: str,
    every: bool,
    name: str | None,
    predictions: bool,
    model: str,
    url: str,
    token: str | None,
    as_json: bool,
) -> None:
    """Export PROJECT, its number or title: as a file, or as a named snapshot.

    A snapshot never changes and says what each label rests on; its table has a row a task, as
    Parquet, CSV or JSON lines by the end of --out.

    \b
    dovetail labels export Moods --format CSV --out moods.csv
    dovetail labels export Moods --name gold --out gold.parquet
    """
    from dovetail.wire.label_studio.client import Client

    if out is None and name is None:
        raise click.UsageError("give --out for a file, --name for a snapshot, or both")
    with Client(url, token=token) as client:
        found = client.find_project(project)
        if name is None:
            assert out is not None
            _write(out, client.export_as(found.id, kind, all_tasks=every))
            click.echo(f"project {found.id} as {kind.upper()} in {out}", err=True)
            return
    from dovetail.wire.labels import Client as Snapshots

    form = _table_format(out) if out else None
    with Snapshots(url, token=token) as labels:
        made = labels.make(found.id, name, predictions=predictions, model=model)
        if out is not None and form is not None:
            _write(out, labels.table(found.id, made.reference, form))
    if as_json:
        print_json(made)
    else:
        _show(made)


def _table_format(out: Path) -> "TableFormat":
    from dovetail.wire.labels import TableFormat

    known: tuple[TableFormat, ...] = get_args(TableFormat)
    for form in known:
        if out.suffix.lower() == f".{form}":
            return form
    raise InvalidInputError(
        f"'{out}' cannot be written", why=f"a table ends in {', '.join(f'.{one}' for one in known)}"
    )


def _write(out: Path, parts: Iterable[bytes]) -> None:
    """Write a file that appears whole or not at all."""
    from uuid import uuid4

    beside = out.with_name(f".{out.name}.{uuid4().hex[:8]}")
    try:
        with beside.open("wb") as file:
            for part in parts:
                file.write(part)
        beside.replace(out)
    except OSError as error:
        raise InvalidInputError(f"'{out}' cannot be written", why=str(error.strerror)) from error
    finally:
        beside.unlink(missing_ok=True)


def _show(made: "Snapshot") -> None:
    click.echo(f"{made.reference}: {made.labels:,} labels of {made.tasks:,} tasks")
    click.echo(f"digest {made.digest}")
    print_table(
        ["control", "labels", "how", "agreement"],
        [
            [
                facts.control,
                ", ".join(f"{label} {count}" for label, count in facts.labels.items())[:60] or "-",
                ", ".join(f"{how} {count}" for how, count in facts.how.items()),
                "-" if facts.agreement is None else f"{facts.agreement:.1%}",
            ]
            for facts in made.controls
        ],
    )


@click.group()
def snapshots() -> None:
    """Named states of a project's labels: list, get, check, compare.

    Example: dovetail labels snapshots list Moods
    """


@snapshots.command(name="list")
@click.argument("project")
@server
@json_option
def list_snapshots(project: str, url: str, token: str | None, as_json: bool) -> None:
    """List the snapshots of PROJECT, newest first.

    Example: dovetail labels snapshots list Moods
    """
    number, labels = _opened(project, url, token)
    with labels:
        found = labels.snapshots(number)
    if as_json:
        print_json(found)
        return
    print_table(
        ["snapshot", "made", "by", "tasks", "labels", "digest"],
        [[s.reference, s.created_at[:19], s.created_by, s.tasks, s.labels, s.digest[:12]]
         for s in found],
    )  # fmt: skip


def _opened(project: str, url: str, token: str | None) -> tuple[int, Any]:
    from dovetail.wire.label_studio.client import Client
    from dovetail.wire.labels import Client as Snapshots

    with Client(url, token=token) as client:
        number = client.find_project(project).id
    return number, Snapshots(url, token=token)


@snapshots.command()
@click.argument("project")
@click.argument("snapshot")
@click.option("--out", required=True, type=_FILE, help=".parquet, .csv or .jsonl file to write.")
@server
def get(project: str, snapshot: str, out: Path, url: str, token: str | None) -> None:
    """Write the table of a SNAPSHOT of PROJECT: `gold` for the newest, `gold@2`, or a number.

    Example: dovetail labels snapshots get Moods gold@2 --out gold.parquet
    """
    form = _table_format(out)
    number, labels = _opened(project, url, token)
    with labels:
        found = labels.snapshot(number, snapshot)
        _write(out, labels.table(number, found.reference, form))
    click.echo(f"{found.reference}: {found.tasks:,} tasks in {out}", err=True)


@snapshots.command()
@click.argument("project")
@click.argument("snapshot")
@server
@json_option
def verify(project: str, snapshot: str, url: str, token: str | None, as_json: bool) -> None:
    """Check that a SNAPSHOT of PROJECT is what it was when it was made; exit code 1 if not.

    Example: dovetail labels snapshots verify Moods gold
    """
    number, labels = _opened(project, url, token)
    with labels:
        verdict = labels.verify(number, snapshot)
    if as_json:
        print_json(verdict)
    else:
        for fault in verdict.faults:
            click.echo(fault)
        click.echo(f"{snapshot} is {'what it was' if verdict.ok else 'NOT what it was'}")
    raise SystemExit(0 if verdict.ok else 1)


@snapshots.command()
@click.argument("project")
@click.argument("before")
@click.argument("after")
@server
@json_option
def diff(project: str, before: str, after: str, url: str, token: str | None, as_json: bool) -> None:
    """Say what changed from one snapshot of PROJECT to another.

    Example: dovetail labels snapshots diff Moods gold@1 gold@2
    """
    number, labels = _opened(project, url, token)
    with labels:
        found = labels.diff(number, before, after)
    if as_json:
        print_json(found)
        return
    click.echo(
        f"{found.before} -> {found.after}: {found.labels_added} labels more, "
        f"{found.labels_removed} less, {found.labels_changed} others, {found.unchanged} the same"
    )
    click.echo(
        f"tasks: {len(found.tasks_added)} more, {len(found.tasks_removed)} less, "
        f"{len(found.tasks_changed)} with other data"
        + ("" if found.same_config else "; the label config is another")
    )
    if found.changes:
        print_table(
            ["task", "control", "before", "after"],
            [[c.task, c.control, c.before, c.after] for c in found.changes[:50]],
        )
