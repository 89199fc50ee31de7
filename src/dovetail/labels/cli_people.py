"""`dovetail labels invite`, `people` and `payments`: the people of a project, over HTTP."""

from pathlib import Path
from typing import Any

import click

from dovetail.web.commands import json_option, print_json, print_table

__all__ = ["invite", "payments", "people"]

_url = click.option(
    "--url", default="http://127.0.0.1:8080", show_default=True, help="Where labels answers."
)
_token = click.option("--token", envvar="DOVETAIL_TOKEN", help="API token.")


@click.command()
@click.argument("project", type=int)
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(("annotator", "reviewer", "manager")),
    default="annotator",
    show_default=True,
    help="What they may do in the project.",
)
@_url
@_token
@json_option
def invite(project: int, name: str, role: str, url: str, token: str | None, as_json: bool) -> None:
    """Make NAME a member of PROJECT, and print their token, shown only this once.

    \b
    dovetail labels invite 1 ann --role annotator
    """
    from dovetail.wire.http import HttpClient

    with HttpClient(url, token=token) as client:
        path, body = f"/api/labels/projects/{project}/members", {"name": name, "role": role}
        made = client.post(path, body, dict[str, Any])
    if as_json:
        print_json(made)
        return
    if made["token"]:
        click.echo(made["token"])
    click.echo(f"{name} is {role} of project {project}; {made['note']}", err=True)


@click.command()
@click.argument("project", type=int)
@_url
@_token
@json_option
def people(project: int, url: str, token: str | None, as_json: bool) -> None:
    """Show how good the people of PROJECT are, with intervals, and what should be looked at.

    They are in the order of their names: an order by estimate would be a rank, and most differences
    are what chance gives.

    \b
    dovetail labels people 1
    """
    from dovetail.wire.http import HttpClient

    with HttpClient(url, token=token) as client:
        path = f"/api/labels/projects/{project}"
        report = client.get(f"{path}/annotators", dict[str, Any])
        agreed = client.get(f"{path}/agreement", dict[str, Any])
    if as_json:
        print_json({**report, "agreement": agreed["controls"]})
        return
    print_table(
        ["person", "answers", "judged", "right", "from", "to", "", "pace"],
        [_line(one) for one in report["people"]],
    )
    click.echo(f"{report['text']} Judged by {report['basis']}.")
    for one in agreed["controls"]:
        click.echo(f"{one['control']}: {_alpha(one)}")
    for person in report["people"]:
        for check in person["checks"]:
            click.echo(f"look at {person['name']}, {check['kind']}: {check['text']}")


@click.command()
@click.argument("project", type=int)
@click.option("--from", "start", required=True, help="First day, such as 2026-11-01.")
@click.option("--to", "end", required=True, help="Last day.")
@click.option("--as-of", default="", help="Reviews up to this moment count; now if not given.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="CSV file to write.")
@_url
@_token
@json_option
def payments(
    project: int,
    start: str,
    end: str,
    as_of: str,
    out: Path | None,
    url: str,
    token: str | None,
    as_json: bool,
) -> None:
    """Show what the people of PROJECT earned in a period, or write it as CSV.

    With the same --as-of the file is the same, byte for byte, whenever it is made.

    \b
    dovetail labels payments 1 --from 2026-11-01 --to 2026-11-30 --out november.csv
    """
    from dovetail.wire.http import HttpClient

    path = f"/api/labels/projects/{project}/payments"
    query = [("from", start), ("to", end)]
    with HttpClient(url, token=token) as client:
        made = client.get(path, dict[str, Any], [*query, ("as_of", as_of)])
        query.append(("as_of", made["as_of"]))
        if out is not None:
            answer = client.send("GET", path, query=[*query, ("format", "csv")])
            out.write_bytes(answer.content)
    if as_json:
        print_json(made)
        return
    print_table(
        ["person", "answers", "accepted", "fixed", "rejected", "hours", "amount", ""],
        [
            [
                line["person"], line["answers"], line["accepted"], line["fixed"], line["rejected"],
                f"{float(line['hours']):.2f}", line["amount"], line["rate"]["currency"],
            ]
            for line in made["lines"]
        ],
    )  # fmt: skip
    click.echo(f"as of {made['as_of']}, sha256 {made['digest']}" + (f", {out}" if out else ""))


def _line(one: dict[str, Any]) -> list[object]:
    estimate, trend = one["estimate"], one["trend"]
    if not estimate["answers"]:
        shown: list[object] = ["none", "", ""]
    else:
        shown = [f"{estimate[key]:.0%}" for key in ("estimate", "low", "high")]
    pace = trend["text"] if trend else ""
    return [one["name"], one["answers"], estimate["answers"], *shown, estimate["differs"], pace]


def _alpha(one: dict[str, Any]) -> str:
    if one["alpha"] is None:
        return f"agreement is not known, {one['note']}"
    note = f", {one['note']}" if one["note"] else ""
    return f"Krippendorff's alpha {one['alpha']:.2f} ({one['low']:.2f} to {one['high']:.2f}){note}"
