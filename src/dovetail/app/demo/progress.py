"""Progress of the replay: a bar on a terminal, a line a month elsewhere."""

import time
from datetime import date
from types import TracebackType
from typing import Self

from rich import progress as bars
from rich.console import Console

from dovetail.loop.machine import Loop

__all__ = ["Progress"]


class Progress:
    """Shows how far the replay has come.

    Args:
        console: where.
        first: the first day.
        last: the last day.
    """

    def __init__(self, console: Console, first: date, last: date) -> None:
        self._console, self._first, self._last = console, first, last
        self._started = time.perf_counter()
        self._bar = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        total = (last - first).days + 1
        self._task = self._bar.add_task(f"{first}", total=total)

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the bar."""
        self._bar.stop()

    def done(self, day: date, loop: Loop) -> None:
        """Say that a day is done."""
        text = f"{day}  champion {loop.champion}"
        self._bar.update(self._task, advance=1, description=text)
        for event in loop.store.history():
            if event.day == str(day) and event.kind not in ("looked", "training"):
                self._console.print(f"{event.day}  {event.kind.replace('_', ' '):<11} {event.text}")
        if not self._console.is_terminal and (day.month != _next(day).month or day == self._last):
            seconds = time.perf_counter() - self._started
            self._console.print(f"{day:%B} replayed, {seconds:.0f} s so far")


def _next(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)
