"""Killed anywhere, a loop that starts again ends in the same state with the same history.

Each day of a life is lived again once for each effect of that day (a call to a joint, a write to
the store, a training), killed just after it, then done again by a new loop. By induction the whole
life comes out the same. To be killed just before an effect is to be killed just after the last.
"""

import copy
import shutil
import sqlite3
from datetime import timedelta

import httpx
import pytest


class Killed(BaseException):
    """Not an Exception, as a killed process runs no handler."""


class Fuse:
    """Counts effects and kills at one of them."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.count = at, 0

    def around(self, effect):
        result = effect()
        number, self.count = self.count, self.count + 1
        if number == self.at:
            raise Killed
        return result


class Wire(httpx.HTTPTransport):
    """Calls to the joints as effects."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.fuse = fuse

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        def deliver() -> httpx.Response:
            response = super(Wire, self).handle_request(request)
            response.read()
            return response

        return self.fuse.around(deliver)


class Writes:
    """Writes to the store as effects."""

    def __init__(self, database, fuse: Fuse) -> None:
        self.database, self.fuse = database, fuse
        self.read, self.dialect, self.close = database.read, database.dialect, database.close

    def write(self, work):
        return self.fuse.around(lambda: self.database.write(work))


class Train:
    """The recipe's training as an effect."""

    def __init__(self, recipe, fuse: Fuse) -> None:
        self.recipe, self.fuse, self.examples = recipe, fuse, recipe.examples

    def train(self, until, key):
        return self.fuse.around(lambda: self.recipe.train(until, key))


def tick(circle, lives, day: int, fuse: Fuse) -> None:
    circle.world.today = day
    store = circle.store()
    wire = Wire(fuse)
    try:
        with circle.joints(wire) as joints:
            loop = circle.loop(joints, store)
            loop.recipe = Train(circle.recipe, fuse)
            store._database = Writes(store._database, fuse)
            loop.resume()
            loop.tick(lives.FIRST + timedelta(days=day))
    finally:
        store.close()


def taken(circle, target) -> dict:
    """A copy of everything, the database in a file."""
    database = circle.folder / "loop.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    shutil.copyfile(database, target)
    return {
        "registry": copy.deepcopy({k: v for k, v in vars(circle.registry).items() if k != "gate"}),
        "loaded": dict(circle.serving.loaded),
        "traffic": copy.deepcopy(circle.serving.traffic),
        "references": dict(circle.monitoring.references),
        "evidence": copy.deepcopy(circle.governance.evidence),
        "lineage": dict(circle.governance.lineage),
        "keys": dict(circle.recipe.keys),
    }


def restore(circle, source, state: dict) -> None:
    for name in ("loop.db-wal", "loop.db-shm"):
        (circle.folder / name).unlink(missing_ok=True)
    shutil.copyfile(source, circle.folder / "loop.db")
    state = copy.deepcopy({k: v for k, v in state.items() if k not in ("loaded", "lineage")}) | {
        k: dict(state[k]) for k in ("loaded", "lineage")
    }
    vars(circle.registry).update(state["registry"])
    circle.serving.loaded, circle.serving.traffic = state["loaded"], state["traffic"]
    circle.monitoring.references = state["references"]
    circle.governance.evidence, circle.governance.lineage = state["evidence"], state["lineage"]
    circle.recipe.keys = state["keys"]


def compared(state: dict) -> dict:
    return {**state, "loaded": set(state["loaded"]), "lineage": set(state["lineage"])}


def rows(database) -> list:
    with sqlite3.connect(database) as connection:
        found = [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("loop_cycles", "loop_events", "loop_values")
        ]
    connection.close()
    return found


def back_at(lives, day: int):
    return lambda now: lives.RAINY if 8 <= now < day else lives.SUNNY


LIVES = {
    "kept": (99, [0, 8, 12, 14, 18]),
    "canary rolled back": (13, [14]),
    "champion rolled back": (15, [18]),
    "refused": (99, [14, 16]),
}


@pytest.mark.parametrize("life", LIVES)
def test_killed_at_any_effect_it_ends_the_same(circle, lives, tmp_path, life):
    back, days = LIVES[life]
    circle.world.truth = back_at(lives, back)
    if life == "refused":
        circle.world.gate = lambda day: "wait" if 0 < day < 16 else None
    kills = 0
    for day in range(max(days) + 1):
        before = taken(circle, tmp_path / "before")
        counting = Fuse()
        tick(circle, lives, day, counting)
        if day not in days:
            continue
        expected = compared(taken(circle, tmp_path / "expected"))
        for at in range(counting.count):
            restore(circle, tmp_path / "before", before)
            with pytest.raises(Killed):
                tick(circle, lives, day, Fuse(at))
            tick(circle, lives, day, Fuse())
            kills += 1
            where = f"day {day}, effect {at}"
            assert compared(taken(circle, tmp_path / "again")) == expected, where
            assert rows(tmp_path / "again") == rows(tmp_path / "expected"), where
    assert kills > 10
