"""What was served: the inputs, scores and versions of every flight, one file a day.

The inputs are those that were looked up when the flight was asked about, so later steps compare
models on what they would really have seen. A file appears whole or not at all.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dovetail.app.demo.world import World
from dovetail.base.ids import new_id

__all__ = ["Served", "ServedDay"]


@dataclass(frozen=True)
class ServedDay:
    """One day of requests.

    Attributes:
        inputs: float32, shape [flights, inputs], in the order of the world's flights.
        scores: what was answered, shape [flights].
        versions: which version answered each flight, shape [flights].
    """

    inputs: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float64]
    versions: npt.NDArray[np.str_]


class Served:
    """The folder of served days.

    Args:
        world: tells which flights a day has.
        folder: where the files are.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self._world, self._folder = world, folder

    def put(self, day: date, served: ServedDay) -> None:
        """Store a day, replacing what was there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".{new_id()}.npz"
        with temporary.open("wb") as file:
            np.savez(file, inputs=served.inputs, scores=served.scores, versions=served.versions)
        temporary.replace(self._path(day))

    def get(self, day: date) -> ServedDay | None:
        """Return a day, or None if it was not served."""
        path = self._path(day)
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as stored:
            return ServedDay(stored["inputs"], stored["scores"], stored["versions"])

    def inputs(self, start: date, end: date) -> npt.NDArray[np.float32] | None:
        """Return the inputs of the days from `start` up to, not including, `end`.

        None if one of them was not served.
        """
        days = [start + timedelta(days=i) for i in range((end - start).days)]
        found = [self.get(day) for day in days]
        kept = [one.inputs for one in found if one is not None]
        return np.concatenate(kept) if kept and len(kept) == len(days) else None

    def days(self) -> list[date]:
        """Return the days that were served, oldest first."""
        return sorted(date.fromisoformat(path.stem) for path in self._folder.glob("2*.npz"))

    def _path(self, day: date) -> Path:
        return self._folder / f"{day}.npz"
