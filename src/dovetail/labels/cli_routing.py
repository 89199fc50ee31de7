"""`dovetail labels route`, `quality` and `simulate`: who answers next, and what it is worth."""

from pathlib import Path
from typing import Any

import click

from dovetail.web.commands import json_option, print_json, print_table

__all__ = ["quality", "route", "simulate", "token_option", "url_option"]

url_option = click.option(
    "--url", default="http://127.0.0.1:8080", show_default=True, help="Where labels answers."
)
token_option = click.option("--token", envvar="DOVETAIL_TOKEN", help="API token.")


@click.command()
@click.argument("project", type=int)
@click.option("--quality", type=float, default=0.95, show_default=True, help="Sure enough.")
@click.option("--budget", type=float, help="What all answers together may cost.")
@click.option("--deadline", type=click.DateTime(), help="UTC; no answer counts on later.")
@click.option("--floor", type=int, default=3, show_default=True, help="Answers of every item.")
@click.option("--most", type=int, default=20, show_default=True, help="Where to give an item up.")
@click.option("--control", default="", help="Control to route; the main one if not given.")
@click.option(
    "--source",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file that describes a source; may be given several times.",
)
@click.option("--off", is_flag=True, help="Leave the project to its own order again.")
@url_option
@token_option
@json_option
def route(
    project: int,
    quality: float,
    budget: float | None,
    deadline: Any,
    floor: int,
    most: int,
    control: str,
    files: tuple[Path, ...],
    off: bool,
    url: str,
    token: str | None,
    as_json: bool,
) -> None:
    """State what is wanted of the labels of PROJECT, and who can be asked.

    \b
    dovetail labels route 1 --quality 0.95 --budget 200 --source model.json
    """
    from datetime import UTC

    from dovetail.wire.http import HttpClient

    path = f"/api/labels/projects/{project}"
    with HttpClient(url, token=token) as client:
        if off:
            client.send("DELETE", f"{path}/routing")
            click.echo(f"project {project} keeps its own order")
            return
        until = deadline.replace(tzinfo=UTC).timestamp() if deadline is not None else None
        body = {
            "quality": quality, "budget": budget, "deadline": until, "floor": floor, "most": most,
            "control": control,
        }  # fmt: skip
        stated = client.post(f"{path}/routing", body, dict[str, Any], method="PUT")
        for file in files:
            client.send(
                "POST", f"{path}/sources", content=file.read_bytes(),
                headers={"Content-Type": "application/json"},
            )  # fmt: skip
    if as_json:
        print_json(stated)
        return
    asked = f" and {len(files)} more sources" if files else ""
    click.echo(f"project {project} is routed to {quality:.0%} sure, by its people{asked}")


@click.command()
@click.argument("project", type=int)
@url_option
@token_option
@json_option
def quality(project: int, url: str, token: str | None, as_json: bool) -> None:
    """Show promised and achieved quality of PROJECT side by side, and how good its sources are.

    Sources are in the order of their names: most differences are what chance gives.

    \b
    dovetail labels quality 1
    """
    from dovetail.wire.http import HttpClient

    with HttpClient(url, token=token) as client:
        report = client.get(f"/api/labels/projects/{project}/quality", dict[str, Any])
    if as_json:
        print_json(report)
        return
    rows = [_share("promised", report["promised"]), _share("achieved", report["achieved"])]
    print_table(["", "right", "from", "to", "rests on"], rows)
    left = "" if report["left"] is None else f", {report['left']:g} left"
    click.echo(
        f"{report['done']:,} of {report['tasks']:,} tasks done, {report['answers']:,} answers "
        f"({report['per_task']:.2f} a task), {report['spent']:g} spent{left}"
    )
    print_table(
        ["source", "kind", "answers", "right", "from", "to", "cost", "seconds"],
        [_source(one) for one in sorted(report["sources"], key=lambda one: one["name"])],
    )
    for one in report["sources"]:
        if one["problem"]:
            click.echo(f"{one['name']}: {one['problem']}")


@click.command()
@click.option("--items", type=int, required=True, help="How many items there are.")
@click.option("--classes", type=int, default=2, show_default=True, help="How many labels.")
@click.option("--quality", type=float, default=0.95, show_default=True, help="Sure enough.")
@click.option("--accuracy", type=float, default=0.85, show_default=True, help="Of one answer.")
@click.option("--cost", type=float, default=1.0, show_default=True, help="Of one answer.")
@json_option
def simulate(
    items: int, classes: int, quality: float, accuracy: float, cost: float, as_json: bool
) -> None:
    """Estimate what labels will cost before the first one is bought.

    The policy is played on simulated people; errors are independent, shared on some items, and
    shared on many.

    \b
    dovetail labels simulate --items 10000 --classes 3 --cost 0.04
    """
    from dovetail.labels.routing.forecast import forecast
    from dovetail.labels.routing.policy import Target

    found = forecast(items, classes, Target(quality=quality), accuracy=accuracy, cost=cost)
    if as_json:
        print_json(found)
        return
    print_table(
        ["", "answers", "an item", "cost"],
        [
            [name, f"{answers:,}", f"{answers / items:.2f}", f"{price:,.2f}"]
            for name, answers, price in (
                ("least", found.answers_least, found.cost_least),
                ("usually", found.answers, found.cost),
                ("most", found.answers_most, found.cost_most),
            )
        ],
    )
    click.echo(
        f"right in the end: usually {found.quality:.1%}, {found.quality_least:.1%} where a third "
        "of the items misleads everybody"
    )


def _share(name: str, one: dict[str, Any] | None) -> list[str]:
    if one is None:
        return [name, "-", "-", "-", "nothing yet: mark 20 random tasks as ground truth"]
    return [name, f"{one['value']:.1%}", f"{one['lower']:.1%}", f"{one['upper']:.1%}", one["basis"]]


def _source(one: dict[str, Any]) -> list[Any]:
    told = (
        ["-", "-", "-"]
        if one["accuracy"] is None
        else [f"{one[key]:.1%}" for key in ("accuracy", "lower", "upper")]
    )
    return [one["name"], one["kind"], one["answers"], *told, one["cost"], f"{one['seconds']:.1f}"]
