"""`dovetail features plan`, `apply`, `use` and `versions`: definitions recorded, with versions."""

import getpass
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.features.applied import Change, Ledger, Plan, Touched
from dovetail.features.applied.place import is_held, place
from dovetail.features.applied.planned import planned
from dovetail.features.applied.things import things_of
from dovetail.features.applied.versions import loaded_version
from dovetail.features.catalog import Definitions, load
from dovetail.features.moments import moment_text
from dovetail.web import commands as shared

__all__ = ["apply", "loaded_versions", "plan", "use", "versions"]

SIGNS = {"added": "+", "changed": "~", "removed": "-"}
DEFINITIONS = click.argument("definitions", type=click.Path(path_type=Path))
DB = click.option(
    "--db", help="Registry, sqlite:/// or postgresql://; by the settings if left out."
)
NOTHING, FAILED, BREAKS, CHANGES = 0, 1, 3, 4  # 2 says that the command was typed wrong


@click.command()
@DEFINITIONS
@DB
@shared.json_option
@click.pass_context
def plan(context: click.Context, definitions: Path, db: str | None, as_json: bool) -> None:
    """Print what applying would change, and which models that touches. Writes nothing.

    Exit code 0: nothing would change; 1: the definitions or the registry cannot be read; 3: a
    model in use would break; 4: something would change, and nothing breaks.

    Example: dovetail features plan features.py
    """
    try:
        found = _planned(db or place(), load(definitions))
    except InvalidInputError as error:  # what was typed is right
        click.echo(f"dovetail: {error}", err=True)
        context.exit(FAILED)
    _print(found, as_json)
    context.exit(BREAKS if found.is_breaking else NOTHING if found.is_empty else CHANGES)


@click.command()
@DEFINITIONS
@DB
@click.option("--by", help="Who applies; the login name if left out.")
@click.option("--note", default="", help="Why, for those who read it later.")
@click.option("--force", is_flag=True, help="Also where models in use break.")
@shared.json_option
def apply(
    definitions: Path, db: str | None, by: str | None, note: str, force: bool, as_json: bool
) -> None:
    """Record definitions, and give services whose features changed a new version.

    Applying the same again changes nothing. Where a model in use would break, nothing is written.

    Example: dovetail features apply features.py --note "delays over a day"
    """
    with Ledger(db or place()) as ledger:
        found = ledger.apply(load(definitions), by=by or _login(), note=note, force=force)
    _print(found, as_json)


@click.command()
@click.argument("service")
@click.option("--by", "model", required=True, help="Name of the model.")
@click.option("--model-version", default=None, help="Its version.")
@click.option("--run", default="", help="The run that trained it.")
@click.option("--stop", is_flag=True, help="The model does not use it any more.")
@DB
def use(
    service: str, model: str, model_version: str | None, run: str, stop: bool, db: str | None
) -> None:
    """Record that a model takes SERVICE@VERSION; the version applied last if none is named.

    Example: dovetail features use flights@2 --by delays --model-version 7
    """
    with _opened(db) as ledger:
        if stop:
            name = service.partition("@")[0]
            count = ledger.stop_using(name, model=model, model_version=model_version)
            click.echo(f"{count} uses of {name} by {model} are over")
            return
        made = ledger.use(service, model=model, model_version=model_version or "", run=run)
        click.echo(f"used by {made}")


@click.command()
@click.argument("service", required=False)
@DB
@shared.json_option
def versions(service: str | None, db: str | None, as_json: bool) -> None:
    """List the versions of a service, or of all: by whom, used by whom, served where.

    Example: dovetail features versions flights
    """
    with _opened(db) as ledger:
        lines = _told(ledger, service)
    if as_json:
        return shared.print_json(lines)
    columns = ("version", "applied", "by", "features", "used by", "served by", "note")
    rows = [
        (
            f"{line['service']}@{line['version']}",
            f"{line['at'][:19]}Z",
            line["by"],
            len(line["features"]),
            ", ".join(line["used_by"]),
            ", ".join(line["served_by"]),
            line["note"],
        )
        for line in lines
    ]
    shared.print_table(columns, rows)


def loaded_versions(definitions: Definitions, db: str) -> dict[str, int]:
    """Return which version of each service is what is loaded; 0 where none is."""
    with _opened(db) as ledger:
        return {
            name: loaded_version(definitions, name, ledger.versions(name))
            for name in definitions.services
        }


def _told(ledger: Ledger, service: str | None) -> list[dict[str, Any]]:
    """Return the versions of a service, or of all, as `--json` prints them."""
    uses = ledger.uses(service)
    return [
        {
            "service": v.service,
            "version": v.version,
            "is_present": v.is_present,
            "at": moment_text(v.at_us),
            "by": v.by,
            "note": v.note,
            "features": v.meaning["features"],
            "digest": v.digest,
            "used_by": [
                f"{u.model} {u.model_version}".strip()
                for u in uses
                if (u.service, u.version) == (v.service, v.version)
            ],
            "served_by": list(v.servers),
        }
        for v in ledger.versions(service)
    ]


def _opened(db: str | None) -> Ledger:
    """Open a registry that is there."""
    if is_held(url := db or place()):
        return Ledger(url)
    raise NotFoundError(
        f"There is no registry {url}", fix="Make it with: dovetail features apply features.py"
    )


def _planned(url: str, definitions: Definitions) -> Plan:
    if not is_held(url):  # a plan makes no file
        return planned({}, things_of(definitions), (), {})
    with Ledger(url) as ledger:
        return ledger.plan(definitions)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise click.UsageError("nobody is logged in; say who applies with --by") from error


def _print(plan: Plan, as_json: bool) -> None:
    if as_json:
        told = msgspec.to_builtins(plan)
        return shared.print_json(
            {"is_empty": plan.is_empty, "is_breaking": plan.is_breaking, **told}
        )
    for line in _lines(plan):
        click.echo(line)


def _lines(plan: Plan) -> Iterator[str]:
    whole = {c.name: c.what for c in plan.changes if c.kind.endswith("view") and not c.fields}
    for change in plan.changes:
        if change.kind == "feature" and whole.get(change.name.partition(":")[0]) == change.what:
            continue
        renamed = f", which was {change.renamed}" if change.renamed else ""
        own = _features(plan, change) if whole.get(change.name) == change.what else ""
        yield f"{SIGNS[change.what]} {change.kind} {change.name}{own}{renamed}"
        for field in change.fields:
            yield f"    {field}"
    for touched in plan.services:
        yield from _touched(touched)
    if plan.is_empty:
        yield "nothing changes"
        return
    counts = {what: sum(c.what == what for c in plan.changes) for what in SIGNS}
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    yield f"{said or 'no definition of its own changes'}{'; BREAKING' if plan.is_breaking else ''}"


def _features(plan: Plan, view: Change) -> str:
    """Name the features of a view that comes or goes, in its own line."""
    named = [c.name.partition(":") for c in plan.changes if c.kind == "feature"]
    own = [feature for of, _, feature in named if of == view.name]
    return f": {', '.join(own)}" if view.kind.endswith("view") else ""


def _touched(touched: Touched) -> Iterator[str]:
    name = touched.service
    if not touched.next_version:
        yield f"service {name}@{touched.version} goes"
    elif not touched.version:
        yield f"service {name}@{touched.next_version} is new"
    else:
        by = f", by {', '.join(touched.by)}" if touched.by else ""
        yield f"service {name}@{touched.version} -> {name}@{touched.next_version}{by}"
    for one in touched.uses:
        yield f"    used by {one}"
    for one_broken in touched.breaks:
        yield f"    BREAKS {one_broken.use}"
        for field in one_broken.by:
            yield f"        {field}"
