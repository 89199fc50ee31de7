"""What pages may remember for some seconds: totals and lists of columns.

Counting a hundred thousand runs for every page would cost more than the page. A remembered value is
at most as old as its page says, and what a person changes here is forgotten at once.
"""

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

__all__ = ["Memory"]

T = TypeVar("T")
HELD = 512


class Memory:
    """Values with an age, shared by the threads that make pages."""

    def __init__(self) -> None:
        self._held: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: tuple[Hashable, ...], seconds: float, make: Callable[[], T]) -> T:
        """Return the value of a key, made anew where it is older than so many seconds."""
        now = time.monotonic()
        held = self._held.get(key)
        if held is not None and now - held[0] < seconds:
            value: T = held[1]
            return value
        made = make()
        if len(self._held) >= HELD:
            self._held.clear()
        self._held[key] = (now, made)
        return made

    def forget(self) -> None:
        """Forget everything."""
        self._held.clear()
