"""`dovetail demo`: run the story, show the results, keep serving the page."""

import time
from datetime import date, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console

from dovetail.app.configuration import Configuration, load
from dovetail.app.demo.screen import show
from dovetail.app.demo.server import ServerProcess
from dovetail.app.demo.story import TRAINED_UNTIL, YEAR_ENDS, Story
from dovetail.app.demo.workspace import prepare
from dovetail.app.probe import probe
from dovetail.base import telemetry
from dovetail.base.errors import InvalidInputError, UnavailableError
from dovetail.web.alone import Surroundings

__all__ = ["demo"]

FIRST_ANSWER = 15.0


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".dovetail/demo"),
    show_default=True,
    help="Folder for everything that the demo writes.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the page; by default 8080.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day of the replay; 2013-12-31."
)
@click.option("--fresh", is_flag=True, help="Forget an earlier run.")
@click.option("--no-serve", is_flag=True, help="End after the results.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the results to a file.",
)
def demo(
    config: Path | None,
    state: Path,
    port: int | None,
    until: datetime | None,
    fresh: bool,
    no_serve: bool,
    json_file: Path | None,
) -> None:
    """Run the whole circle on a year of flights.

    A run that is stopped goes on where it was; a run that is finished shows its results again.

    Example: dovetail demo --until 2013-05-31
    """
    last = until.date() if until else YEAR_ENDS
    _check(last, json_file)
    telemetry.configure_logs("error")
    console = Console(stderr=True, highlight=False)
    _greet(load(config, {"port": port}))
    workspace = prepare(state, config, port=port, fresh=fresh)
    with ServerProcess(workspace) as server:
        results = Story(workspace, server, console, last).run()
        show(results, Console(highlight=False))
        if json_file is not None:
            json_file.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2))
        if not no_serve:
            console.print(f"\nThe same story: [bold]{workspace.url}/year[/bold]  (Ctrl-C ends)")
            _wait()


def _check(last: date, json_file: Path | None) -> None:
    if not TRAINED_UNTIL < last <= YEAR_ENDS:
        raise InvalidInputError(
            f"--until {last} is outside the replay", fix=f"give a day after {TRAINED_UNTIL} in 2013"
        )
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise InvalidInputError(
            f"--json {str(json_file)!r} cannot be written", why="its folder does not exist"
        )


def _greet(configuration: Configuration) -> None:
    """Ask every joint that others fill once, so that a wrong address is told at once."""
    around = Surroundings(configuration.server, configuration.joints, tokens=configuration.tokens)
    for joint, target in configuration.joints.items():
        if not target.startswith("http"):
            continue
        found = probe(joint, target, around.connect(joint), timeout=FIRST_ANSWER)
        if not found.alive:
            raise UnavailableError(
                f"the joint {joint} does not answer at {target}", why=found.detail, fix=found.fix
            )


def _wait() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return
