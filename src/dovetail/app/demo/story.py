"""The main job: one real year of flights through the whole circle, over the real protocols.

Train on the first months, register, pass the gate, serve; then replay the year day by day: ask,
wait for outcomes, watch, and let the loop retrain when it pays. Every step may be repeated, so a
run that was killed anywhere goes on where it was and ends in the same state.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console

from dovetail.app.demo.driver import Driver, days_between
from dovetail.app.demo.ingest import Ingest
from dovetail.app.demo.progress import Progress
from dovetail.app.demo.recipe import FlightRecipe
from dovetail.app.demo.screen import Results, gather
from dovetail.app.demo.served import Served
from dovetail.app.demo.server import ServerProcess
from dovetail.app.demo.workspace import MODEL, Workspace
from dovetail.app.demo.world import World
from dovetail.base.errors import UnavailableError
from dovetail.base.settings import SettingsFile, read_file
from dovetail.loop.deploy import make_deployer
from dovetail.loop.joints import Joints
from dovetail.loop.machine import Loop
from dovetail.loop.settings import LoopSettings
from dovetail.loop.store import LoopStore
from dovetail.web.alone import Surroundings
from dovetail.web.piece import Endpoint
from dovetail.wire import feast
from dovetail.wire.http import Busy, ServerFault, Unreachable

__all__ = ["TRAINED_UNTIL", "YEAR_ENDS", "Story"]

TRAINED_UNTIL = date(2013, 3, 31)
YEAR_ENDS = date(2013, 12, 31)
LONGEST_WINDOW = timedelta(days=29)
PATIENCE = 6


@dataclass
class Story:
    """One run of the demo.

    Attributes:
        workspace: the folder, the settings, the addresses.
        server: the child process.
        console: where progress goes.
        until: the last day of the replay.
    """

    workspace: Workspace
    server: ServerProcess
    console: Console
    until: date = YEAR_ENDS
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> Results:
        """Play what has not been played yet and return the results."""
        file = read_file(self.workspace.config, {})
        with self._timed("reading the year"):
            world = World()
        settings = file.table("loop", LoopSettings)
        around = Surroundings(self.workspace.server, self.workspace.joints)
        store = LoopStore(around.database_url("loop"), MODEL)
        with (
            Joints.connect(self._connect(around), self.workspace.is_on) as joints,
            self._connect(around)("features").open(feast.Client, timeout=300) as features,
        ):
            weights = store.get("weights", {})
            deployer = make_deployer(joints, MODEL, settings.repository, weights)
            served = Served(world, self.workspace.served)
            ingest = Ingest(world, self._lake(file))
            recipe = FlightRecipe(joints, world, ingest, served)
            loop = Loop(settings, joints, deployer, recipe, store)
            self._first_model(loop, ingest, features)
            driver = Driver(world, joints, features, deployer, served)
            self._replay(loop, driver, ingest)
            return self._results(joints, loop, recipe, served, ingest)

    def _lake(self, file: SettingsFile) -> Path:
        root = str(file.tables["data"]["root"])
        return Path(root)

    def _connect(self, around: Surroundings) -> Callable[[str], Endpoint]:
        def connect(joint: str) -> Endpoint:
            if self.workspace.joints[joint] == "embedded":
                return Endpoint(self.workspace.url)
            return around.connect(joint)

        return connect

    def _first_model(self, loop: Loop, ingest: Ingest, features: feast.Client) -> None:
        """Tables, features and the first champion, from the first three months."""
        if loop.champion is not None:
            loop.resume()
            return
        with self._timed("tables of the first months"):
            ingest.up_to(TRAINED_UNTIL)
        with self._timed("features online"):
            self._patiently(lambda: _materialize(features))
        with self._timed("first model"):
            self._patiently(lambda: loop.tick(TRAINED_UNTIL))

    def _replay(self, loop: Loop, driver: Driver, ingest: Ingest) -> None:
        last = date.fromisoformat(loop.store.get("last_day"))
        days = days_between(last + timedelta(days=1), self.until)
        if not days:
            return
        if last > TRAINED_UNTIL:
            self._patiently(lambda: driver.ask_again(last))
        with self._timed("replay"), Progress(self.console, days[0], self.until) as progress:
            for day in days:
                self._day(loop, driver, ingest, day)
                progress.done(day, loop)

    def _day(self, loop: Loop, driver: Driver, ingest: Ingest, day: date) -> None:
        before = day - timedelta(days=1)

        def play() -> None:
            driver.ask(day)
            driver.settle(day)
            if Ingest.is_due(day, TRAINED_UNTIL + timedelta(days=1)) or day == self.until:
                ingest.up_to(day)
            loop.tick(day)

        self._patiently(play, again=lambda: driver.ask_again(before))

    def _patiently(
        self, act: Callable[[], object], again: Callable[[], object] | None = None
    ) -> None:
        """Do something that may be repeated, until the servers that it needs are there."""
        for attempt in range(PATIENCE):
            try:
                if attempt and again is not None:
                    again()
                act()
                return
            except (Unreachable, Busy, ServerFault, UnavailableError) as error:
                if attempt == PATIENCE - 1:
                    raise
                self.console.print(f"[yellow]waiting: {error}[/yellow]")
                time.sleep(0.2 * 2**attempt)
                self.server.ensure()

    def _results(
        self, joints: Joints, loop: Loop, recipe: FlightRecipe, served: Served, ingest: Ingest
    ) -> Results:
        if joints.monitoring is None:
            raise UnavailableError(
                "there are no results without monitoring",
                fix='set monitoring = "embedded" under [joints]',
            )
        with self._timed("comparing features"):
            parity = _parity(recipe, served, self.until)
        state = loop.store
        return gather(
            joints.monitoring,
            MODEL,
            state.history(),
            champion=loop.champion,
            last_day=state.get("last_day"),
            first_day=str(TRAINED_UNTIL + timedelta(days=1)),
            parity=parity,
            record_entries=_verified(joints),
            seconds=self.seconds,
        )

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        with self.console.status(f"{what} ..."):
            yield
        self.seconds[what] = time.perf_counter() - started
        self.console.print(f"[dim]{what}: {self.seconds[what]:.1f} s[/dim]")


def _materialize(features: feast.Client) -> None:
    end = World.end_of(TRAINED_UNTIL)
    features.materialize(end - LONGEST_WINDOW, end)


def _parity(recipe: FlightRecipe, served: Served, until: date) -> tuple[int, int]:
    """Compare every served feature value with what the lake gives; return all and different."""
    days = [day for day in served.days() if day <= until]
    if not days:
        return 0, 0
    online = served.inputs(days[0], days[-1] + timedelta(days=1))
    if online is None:
        raise UnavailableError("a day of the replay is missing", fix="run again with --fresh")
    offline = recipe.features(recipe.rows(days[0], days[-1]))
    different = (online != offline) & ~(np.isnan(online) & np.isnan(offline))
    return int(online.size), int(different.sum())


def _verified(joints: Joints) -> int | None:
    if joints.governance is None:
        return None
    found = joints.governance.verify()
    if not found.ok:
        raise UnavailableError("the governance record is not intact", why=found.message)
    return found.entries
