"""Columns of a project's items that grow by one item in constant time on the average."""

import numpy as np

from dovetail.labels.votes import Codes, Floats

__all__ = ["Growing"]


class Growing:
    """Posterior, gain and state of each item.

    Args:
        classes: How many labels there are.
    """

    def __init__(self, classes: int) -> None:
        self._size = 0
        self._posterior: Floats = np.zeros((16, classes))
        self._gain: Floats = np.zeros(16)
        self._done = np.zeros(16, bool)
        self._first = np.zeros(16)
        self._told = np.zeros(16, np.int64)
        self._held = np.zeros(16, bool)

    @property
    def posterior(self) -> Floats:
        """float[items, classes], a view."""
        return self._posterior[: self._size]

    @property
    def gain(self) -> Floats:
        """float[items], a view."""
        return self._gain[: self._size]

    @property
    def done(self) -> np.ndarray:
        """bool[items], a view."""
        return self._done[: self._size]

    @property
    def told(self) -> Codes:
        """int[items]: how many answers there are, a view."""
        return self._told[: self._size]

    @property
    def held(self) -> np.ndarray:
        """bool[items]: whether a machine is asked first, a view."""
        return self._held[: self._size]

    def extend(self, count: int, posterior: Floats, gain: float) -> None:
        """Add items that nobody has answered.

        Args:
            count: How many.
            posterior: float[classes], of each.
            gain: Nats that a first answer brings.
        """
        start, self._size = self._size, self._size + count
        if self._size > len(self._gain):
            more = max(self._size, 2 * len(self._gain)) - len(self._gain)
            self._posterior = np.pad(self._posterior, ((0, more), (0, 0)))
            self._gain, self._first = np.pad(self._gain, (0, more)), np.pad(self._first, (0, more))
            self._done, self._held = np.pad(self._done, (0, more)), np.pad(self._held, (0, more))
            self._told = np.pad(self._told, (0, more))
        self._posterior[start : self._size] = posterior
        self._gain[start : self._size] = gain

    def judge(self, place: int, gain: float, answers: int, *, is_done: bool, below: bool) -> None:
        """Set what is known of an item; started items below the floor come first."""
        self._gain[place], self._done[place], self._told[place] = gain, is_done, answers
        self._first[place] = min(answers, 8) if below else 0

    def replace(
        self, posterior: Floats, gain: Floats, answers: Codes, done: np.ndarray, below: np.ndarray
    ) -> None:
        """Set what is known of all items."""
        self.posterior[:] = posterior
        self.gain[:] = gain
        self.done[:] = done
        self.told[:] = answers
        self._first[: self._size] = np.where(below, np.minimum(answers, 8), 0)

    def worth(self) -> Floats:
        """float[items]: a copy; negative where the item is done.

        Items that were begun are brought to the floor before new ones are, or nobody would agree
        with anybody for a long time.
        """
        worth: Floats = np.where(self.done, -1.0, self.gain + 10 * self._first[: self._size])
        return worth
