"""`dovetail loop`: run it, see where it stands."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from dovetail.base import telemetry
from dovetail.base.errors import SettingsError, UnavailableError
from dovetail.base.settings import ServerSettings, SettingsFile
from dovetail.loop.deploy import make_deployer
from dovetail.loop.handlers import state_of
from dovetail.loop.joints import Joints
from dovetail.loop.machine import Loop
from dovetail.loop.recipe import load_recipe
from dovetail.loop.settings import LoopSettings
from dovetail.loop.store import LoopStore
from dovetail.web import commands as shared
from dovetail.web.alone import Surroundings
from dovetail.web.declared import joints_of, read_settings
from dovetail.web.piece import Endpoint
from dovetail.wire.http import Unreachable, WireError

__all__ = ["commands"]

config_option = click.option("--config", type=click.Path(path_type=Path), help="Settings file.")
NAP = 300.0

log = telemetry.logger("loop")


@click.group()
def commands() -> None:
    """Watch, retrain, compare, promote, roll back."""


@commands.command()
@config_option
@click.option("--once", is_flag=True, help="Do what is due up to yesterday and end.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="Do what is due up to this day and end."
)
def run(config: Path | None, once: bool, until: datetime | None) -> None:
    """Look after the model named in `[loop]`, a day at a time.

    Example: dovetail loop run --config dovetail.toml
    """
    file = read_settings(config)
    server = file.table("server", ServerSettings)
    telemetry.configure_logs(server.log_level)
    settings = _settings(file, "model", "recipe")
    connect, is_on = _connections(file, server)
    sys.path.insert(0, str((config or Path("dovetail.toml")).absolute().parent))
    with (
        _naming_who_is_away(),
        closing(LoopStore(_database(server), settings.model)) as store,
        Joints.connect(connect, is_on) as joints,
    ):
        recipe = load_recipe(settings.recipe, joints)
        weights = store.get("weights", {})
        deployer = make_deployer(joints, settings.model, settings.repository, weights)
        loop = Loop(settings, joints, deployer, recipe, store)
        loop.resume()
        if once or until:
            _days(loop, until.date() if until else _yesterday())
        else:
            _for_ever(loop)


@contextmanager
def _naming_who_is_away() -> Iterator[None]:
    try:
        yield
    except Unreachable as error:
        raise UnavailableError(
            f"{error.url} does not answer",
            why=error.message,
            fix="start what fills the joint, then see: dovetail doctor",
        ) from error


def _yesterday() -> date:
    return (datetime.now(UTC) - timedelta(days=1)).date()


def _days(loop: Loop, end: date) -> None:
    """Do every day after the last one that was done; at first only the end itself."""
    last = loop.store.get("last_day")
    day = date.fromisoformat(last) + timedelta(days=1) if last else end
    while day <= end:
        for event in loop.tick(day):
            click.echo(f"{event.day}  {event.kind:<12} {event.text}")
        day += timedelta(days=1)


def _for_ever(loop: Loop) -> None:
    """Do each day when it is over; while a joint does not answer, try again."""
    while True:
        try:
            _days(loop, _yesterday())
        except (WireError, UnavailableError) as error:
            log.warning("a joint does not answer, trying again", why=str(error), seconds=NAP)
        time.sleep(NAP)


@commands.command(name="list")
@config_option
@shared.json_option
def list_events(config: Path | None, as_json: bool) -> None:
    """Show what happened, oldest first.

    Example: dovetail loop list
    """
    with closing(_store(config)) as store:
        events = store.history()
    if as_json:
        shared.print_json(events)
        return
    rows = [(e.day, e.kind, e.version or "", e.text) for e in events]
    shared.print_table(["day", "what", "version", "facts"], rows)


@commands.command()
@config_option
@shared.json_option
def get(config: Path | None, as_json: bool) -> None:
    """Say where the loop stands.

    Example: dovetail loop get
    """
    with closing(_store(config)) as store:
        state = state_of(store)
    if as_json:
        shared.print_json(state)
        return
    facts: dict[str, Any] = msgspec.structs.asdict(state)
    for name in ("model", "state", "champion", "weights", "trained_until", "last_day", "refused"):
        click.echo(f"{name:<14} {facts[name] if facts[name] is not None else '-'}")


def _settings(file: SettingsFile, *needed: str) -> LoopSettings:
    settings = file.table("loop", LoopSettings)
    for name in needed:
        if not getattr(settings, name):
            raise SettingsError(
                f"{file.source}: [loop] {name} is not set",
                fix="name the registered model and the recipe that trains it",
            )
    return settings


def _connections(
    file: SettingsFile, server: ServerSettings
) -> tuple[Callable[[str], Endpoint], Callable[[str], bool]]:
    """Return how to reach a joint from outside the server's process, and whether it is on."""
    joints = joints_of(file)
    tokens = shared.joint_tokens(os.environ)
    around = Surroundings(server, joints, tokens=tokens)

    def connect(joint: str) -> Endpoint:
        if joints[joint] == "embedded":
            return Endpoint(f"http://{server.host}:{server.port}", token=tokens.get(joint))
        return around.connect(joint)

    return connect, lambda joint: joints[joint] != "off"


def _database(server: ServerSettings) -> str:
    return Surroundings(server, {}).database_url("loop")


def _store(config: Path | None) -> LoopStore:
    file = read_settings(config)
    server = file.table("server", ServerSettings)
    return LoopStore(_database(server), _settings(file, "model").model)
