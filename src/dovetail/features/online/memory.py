"""What the online store knows of each key, ready to be looked up.

One memory a view. Both kinds answer a list of keys as of a moment with rows of values and
Feast's statuses; they hold no lock and no connection: `engine` owns both.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from dovetail.features.online.events import Event, key_of
from dovetail.features.online.ladder import Ladder
from dovetail.features.online.latest import LatestMemory
from dovetail.features.online.rows import NOT_FOUND, NULL_VALUE, PRESENT, Found, Row
from dovetail.features.views import LatestView, View, WindowView

__all__ = ["LatestMemory", "Memory", "WindowMemory", "memory_of"]


class Memory(Protocol):
    """What a view knows."""

    @property
    def view(self) -> View:
        """The view that is answered."""

    def learn(self, event: Event, order: int = 0) -> None:
        """Take in one event."""

    def rows(self, keys: Sequence[Hashable], as_of: int) -> list[Found]:
        """Answer each key as of a moment in microseconds."""

    def forget(self, before: int) -> dict[Hashable, int]:
        """Drop what no question asked at or after a moment needs.

        Returns:
            By key, the event time of the oldest row that is still needed, where older ones
            were dropped.
        """

    def __len__(self) -> int:
        """Return how many keys are known."""

    def state(self, key: Hashable) -> Any:
        """Return what is known of a key in plain values, for a store; None for nothing."""

    def restore(self, key: Hashable, state: Any) -> None:
        """Know of a key what `state` returned."""


def memory_of(view: View) -> "Memory":
    """Return an empty memory for a view."""
    if isinstance(view, WindowView):
        return WindowMemory(view)
    assert isinstance(view, LatestView)
    return LatestMemory(view)


class WindowMemory:
    """The tiles of every key of a WindowView."""

    def __init__(self, view: WindowView) -> None:
        self.view = view
        self._ladders: dict[Hashable, Ladder] = {}
        self._plan = [
            (aggregation, [view.measures.index(m) for m in aggregation.measures])
            for aggregation in view.aggregations
        ]
        width = len(view.feature_names)
        self._no_key = Row((None,) * width, (NOT_FOUND,) * width, 0)
        self._present = (PRESENT,) * width
        self._empty = Ladder(len(view.measures))

    def __len__(self) -> int:
        return len(self._ladders)

    def learn(self, event: Event, order: int = 0) -> None:
        """Add an event to its tile; the caller sees to it that it comes once."""
        self.learn_amounts(event, [m.of(event.row) for m in self.view.measures])

    def learn_amounts(self, event: Event, amounts: Sequence[int]) -> None:
        """Add what an event adds, one amount a measure of the view, to its tile."""
        key = key_of(event.row, self.view.keys)
        if key is None:
            return
        ladder = self._ladders.get(key)
        if ladder is None:
            ladder = self._ladders[key] = Ladder(len(amounts))
        ladder.add(event.known_us // self.view.tile_us, amounts)

    def rows(self, keys: Sequence[Hashable], as_of: int) -> list[Found]:
        """Answer each key from the finished tiles before a moment."""
        boundary = as_of // self.view.tile_us
        get, empty = self._ladders.get, self._empty
        rows: list[Found] = []
        for key in keys:
            ladder = get(key, empty)
            if key is None:
                rows.append(self._no_key)
            elif ladder.remembered_at == boundary:
                rows.append(ladder.remembered)
            else:
                row = ladder.remembered = self._compute(ladder, boundary)
                ladder.remembered_at = boundary
                rows.append(row)
        return rows

    def _compute(self, ladder: Ladder, boundary: int) -> Row:
        spans = [ladder.span(boundary - tiles, boundary) for tiles in self.view.window_tiles]
        total = ladder.total
        values = tuple(
            aggregation.value([total(m, low, high) for m in measures])
            for aggregation, measures in self._plan
            for low, high in spans
        )
        statuses = (
            tuple([NULL_VALUE if v is None else PRESENT for v in values])
            if None in values
            else self._present
        )
        return Row(values, statuses, boundary * self.view.tile_us)

    def state(self, key: Hashable) -> Any:
        """Return the tiles of a key in plain values; None for none."""
        ladder = self._ladders.get(key)
        return None if ladder is None else ladder.state()

    def restore(self, key: Hashable, state: Any) -> None:
        """Know of a key what `state` returned."""
        self._ladders[key] = Ladder.restored(state)

    def forget(self, before: int) -> dict[Hashable, int]:
        """Drop tiles that no window reaches when asked at or after a moment."""
        first = before // self.view.tile_us - max(self.view.window_tiles)
        for key, ladder in list(self._ladders.items()):
            ladder.forget(first)
            if not len(ladder):
                del self._ladders[key]
        return {}
