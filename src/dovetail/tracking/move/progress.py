"""How far a move has come: one changing line on a terminal, else one every few seconds."""

import sys
import time
from collections import Counter
from collections.abc import Callable

__all__ = ["Progress"]

EVERY_TERMINAL, EVERY_FILE = 0.2, 5.0
FIRST = 1.0


class Progress:
    """Counts what was moved and says so on standard error once it takes over a second.

    Args:
        verb: what is being done.
        say: writes text; standard error by default.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        verb: str,
        say: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verb, self._clock = verb, clock
        self._say = say or self._write
        self._is_terminal = sys.stderr.isatty()
        self._every = EVERY_TERMINAL if self._is_terminal else EVERY_FILE
        self._counts: Counter[str] = Counter()
        self._next = clock() + FIRST
        self._spoke = False

    def add(self, kind: str, count: int = 1) -> None:
        """Count what was moved."""
        self._counts[kind] += count
        now = self._clock()
        if now >= self._next:
            self._next = now + self._every
            self._spoke = True
            told = ", ".join(f"{count:,} {kind}" for kind, count in self._counts.items())
            self._say(f"{self._verb}: {told}")

    def end(self) -> None:
        """Leave the line."""
        if self._spoke and self._is_terminal:
            sys.stderr.write("\n")

    def _write(self, text: str) -> None:
        mark = "\r\x1b[K" if self._is_terminal else ""
        sys.stderr.write(f"{mark}{text}" if mark else f"{text}\n")
        sys.stderr.flush()
