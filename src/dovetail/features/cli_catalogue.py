"""Commands of `dovetail features` that help to find features and to take them up again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import httpx

from dovetail.base.errors import UnavailableError
from dovetail.features.catalog import Definitions, load
from dovetail.features.catalogue import (
    Entry,
    ProfileFile,
    Profiles,
    beside,
    entries,
    profiled,
    same_definitions,
)
from dovetail.features.catalogue import search as found_by
from dovetail.features.catalogue import unused as nobody_takes
from dovetail.features.errors import RowsError
from dovetail.features.reading import read_file
from dovetail.features.training import training_set
from dovetail.web import commands as shared

__all__ = ["profile", "search", "twins", "unused"]

PROFILE = click.option(
    "--profile",
    "kept",
    type=click.Path(path_type=Path),
    help="File of statistics; beside the definitions by default.",
)


@click.command()
@click.argument("words", nargs=-1)
@click.argument("definitions", type=click.Path(path_type=Path))
@PROFILE
@shared.json_option
def search(words: Sequence[str], definitions: Path, kept: Path | None, as_json: bool) -> None:
    """Find features by WORDS in names, meaning, keys, source, owner, tags and descriptions.

    Every word must occur; without words all features are listed.

    Example: dovetail features search delay carrier features.py
    """
    found = load(definitions)
    chosen = found_by(entries(found), words)
    profiles = ProfileFile(kept or beside(definitions)).read()
    if as_json:
        return shared.print_json([_told(entry, profiles) for entry in chosen])
    if not chosen:
        click.echo(f"No feature has all of: {' '.join(words)}", err=True)
        return None
    for entry in chosen:
        click.echo(f"{entry.reference}\n    {entry.meaning.text}")
        for line in _lines(entry, profiles):
            click.echo(f"    {line}")
    return None


@click.command()
@click.argument("definitions", type=click.Path(path_type=Path))
@click.argument("questions", type=click.Path(path_type=Path))
@click.option("--service", "services", multiple=True, required=True, help="May be repeated.")
@click.option("--asked", default="asked_at", help="Column that tells when a row was asked.")
@click.option("--out", type=click.Path(path_type=Path), help="File of statistics to write to.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the tables.")
@shared.json_option
def profile(
    definitions: Path,
    questions: Path,
    services: Sequence[str],
    asked: str,
    out: Path | None,
    root: Path | None,
    as_json: bool,
) -> None:
    """Compute statistics of features over the training set of QUESTIONS, and which are alike.

    They are kept beside the definitions, where the pages and `search` read them. Statistics of
    other features in that file stay.

    Example: dovetail features profile features.py questions.parquet --service flights
    """
    from dovetail.base.clock import SystemClock

    found = load(definitions, root=root)
    file = ProfileFile(out or beside(definitions))
    file.read()  # a file that is something else is refused before the long work
    columns = _columns(found, services)
    frame = training_set(
        read_file(questions), list(columns), found, asked=asked, full_feature_names=True
    )
    if not frame.height:
        raise RowsError(f"{str(questions)!r} has no rows", fix="Give questions to join")
    new = profiled(frame, columns, SystemClock().now())
    file.write(new)
    if as_json:
        return shared.print_json(new)
    shared.print_table(
        ("feature", "nulls", "distinct", "mean", "sd", "min", "median", "max"),
        [
            (
                p.feature,
                f"{p.null_share:.1%}",
                p.distinct,
                *(_short(x) for x in (p.mean, p.sd, p.least)),
                _short(p.quantiles[3]) if p.quantiles else "",
                _short(p.greatest),
            )
            for p in new.features
        ],
    )
    click.echo(f"{frame.height} rows; kept in {file.path}", err=True)
    if new.twins:
        click.echo(f"{len(new.twins)} pairs are alike: dovetail features twins", err=True)
    return None


@click.command()
@click.argument("definitions", type=click.Path(path_type=Path))
@PROFILE
@shared.json_option
def twins(definitions: Path, kept: Path | None, as_json: bool) -> None:
    """List features that say the same: alike by definition, equal, or highly correlated.

    Example: dovetail features twins features.py
    """
    found = load(definitions)
    groups = same_definitions(found)
    known = {entry.reference for entry in entries(found)}
    read = ProfileFile(kept or beside(definitions)).read()
    pairs = [t for t in read.twins if t.one in known and t.other in known]
    if as_json:
        return shared.print_json({"definitions": groups, "pairs": pairs})
    rows: list[tuple[str, str, str]] = [
        (group[0], other, "defined alike") for group in groups for other in group[1:]
    ]
    rows += [(t.one, t.other, t.said) for t in pairs]
    if not rows:
        click.echo("No two features are alike", err=True)
        return None
    return shared.print_table(("feature", "is like", "how"), rows)


@click.command()
@click.argument("definitions", required=False, type=click.Path(path_type=Path))
@click.option("--url", help="Server to ask, which counts lookups; instead of DEFINITIONS.")
@click.option("--days", default=30, type=click.IntRange(1, 3650), help="For how long nobody asked.")
@shared.json_option
def unused(definitions: Path | None, url: str | None, days: int, as_json: bool) -> None:
    """List features that are in no service or, by a server's count, that nobody asks for.

    Example: dovetail features unused features.py
    """
    if (definitions is None) == (url is None):
        raise click.UsageError("give a definitions file, or the --url of a server")
    if definitions is not None:
        lines = [
            {"feature": one.entry.reference, "why": one.why, "owner": one.entry.owner}
            for one in nobody_takes(load(definitions), None, 0, 0)
        ]
    else:
        lines = _asked_of(str(url), days)
    if as_json:
        return shared.print_json(lines)
    if not lines:
        click.echo("Every feature is taken by somebody", err=True)
        return None
    rows = [(line["feature"], line["why"], line["owner"]) for line in lines]
    return shared.print_table(("feature", "why", "owner"), rows)


def _asked_of(url: str, days: int) -> list[dict[str, str]]:
    """Return what a server says is unused.

    Raises:
        UnavailableError: There is no feature server at the address.
    """
    try:
        answer = httpx.get(f"{url}/features/unused.json", params={"days": days}).raise_for_status()
        return [
            {k: line[k] for k in ("feature", "why", "owner")} for line in answer.json()["unused"]
        ]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise UnavailableError(
            f"No feature server answers at {url}",
            why=str(error) or type(error).__name__,
            fix="Start one with dovetail features run, or give its --url",
        ) from error


def _columns(found: Definitions, services: Sequence[str]) -> dict[str, str]:
    """Return the features of services as `view:feature`, each with its column."""
    return {
        f"{part.view.name}:{feature}": f"{part.view.name}__{feature}"
        for name in services
        for part in found.service(name).selections
        for feature in part.features
    }


def _told(entry: Entry, profiles: Profiles) -> dict[str, Any]:
    return {
        "feature": entry.reference,
        "means": entry.meaning.text,
        "kind": entry.kind,
        "keys": entry.keys,
        "source": entry.source,
        "owner": entry.owner,
        "description": entry.description,
        "tags": dict(entry.tags),
        "services": entry.services,
        "profile": profiles.of(entry.reference),
        "twins": profiles.twins_of(entry.reference),
    }


def _lines(entry: Entry, profiles: Profiles) -> list[str]:
    """Return what else to say of a feature that was found."""
    facts = [entry.description, f"owner {entry.owner}" if entry.owner else ""]
    facts.append(f"in {', '.join(entry.services)}" if entry.services else "in no service")
    lines = ["; ".join(fact for fact in facts if fact)]
    if held := profiles.of(entry.reference):
        lines.append(f"{held.null_share:.1%} null, {held.distinct} distinct, of {held.rows} rows")
    if pairs := profiles.twins_of(entry.reference):
        lines.append(f"like {pairs[0].other}: {pairs[0].said}")
    return lines


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"
