"""What the online store knows of each key, ready to be looked up.

One memory a view. Both kinds answer a list of keys as of a moment with rows of values and
Feast's statuses; they hold no lock and no connection: `engine` owns both.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

from dovetail.features.measures import fold_of
from dovetail.features.online.events import Event, key_in
from dovetail.features.online.ladder import Ladder
from dovetail.features.online.latest import LatestMemory
from dovetail.features.online.recent import Entry, Recent, totals
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

    def rows(self, keys: Sequence[Hashable], as_of: int) -> Sequence[Found]:
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
    """The tiles of every key of a WindowView, and its last events where windows count them."""

    def __init__(self, view: WindowView) -> None:
        self.view = view
        self._folds = [fold_of(m) for m in view.measures]
        self._ladders: dict[Hashable, Ladder] = {}
        self._recent: dict[Hashable, Recent] = {}
        self._plan = [
            (aggregation, [view.measures.index(m) for m in aggregation.measures])
            for aggregation in view.aggregations
        ]
        width = len(view.feature_names)
        self._no_key = Row((None,) * width, (NOT_FOUND,) * width, 0)
        self._present = (PRESENT,) * width
        self._empty, self._none = Ladder(self._folds), Recent()

    def __len__(self) -> int:
        return len(self._ladders)

    def learn(self, event: Event, order: int = 0) -> None:
        """Add an event to its tile; the caller sees to it that it comes once."""
        self.learn_amounts(event, [m.of(event.row, event.rank) for m in self.view.measures])

    def learn_amounts(self, event: Event, amounts: Sequence[Any]) -> None:
        """Add what an event adds, one amount a measure of the view, to its tile."""
        key = key_in(self.view, event.row)
        if key is None:
            return
        ladder = self._ladders.get(key)
        if ladder is None:
            ladder = self._ladders[key] = Ladder(self._folds)
        ladder.add(event.known_us // self.view.tile_us, amounts)
        if self.view.most_events:
            recent = self._recent.setdefault(key, Recent())
            recent.add(Entry(event.rank, max(event.event_us, event.known_us), amounts))

    def rows(self, keys: Sequence[Hashable], as_of: int) -> list[Found]:
        """Answer each key from the finished tiles before a moment."""
        if self.view.most_events:
            return [self._with_recent(key, as_of) for key in keys]
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
                row = ladder.remembered = self._compute(self._totals(ladder, boundary), boundary)
                ladder.remembered_at = boundary
                rows.append(row)
        return rows

    def _with_recent(self, key: Hashable, as_of: int) -> Row:
        """Answer a key of a view with windows that are counted in events."""
        if key is None:
            return self._no_key
        boundary = as_of // self.view.tile_us
        found = self._totals(self._ladders.get(key, self._empty), boundary)
        entries = self._recent.get(key, self._none).last(self.view.most_events, as_of)
        for window in self.view.spans:
            if window.events:
                found[window.name] = totals(self._folds, entries[: window.events])
        return self._compute(found, boundary)

    def _totals(self, ladder: Ladder, boundary: int) -> dict[str, list[Any]]:
        """Return the totals of the measures in each window of time, by its name."""
        found = {}
        for window in self.view.spans:
            if window.tiles:
                low, high = ladder.span(*window.span(boundary))
                found[window.name] = [ladder.total(m, low, high) for m in range(len(self._folds))]
        return found

    def _compute(self, found: Mapping[str, Sequence[Any]], boundary: int) -> Row:
        values = tuple(
            aggregation.value([found[window.name][m] for m in measures])
            for aggregation, measures in self._plan
            for window in self.view.spans
        )
        statuses = (
            tuple([NULL_VALUE if v is None else PRESENT for v in values])
            if None in values
            else self._present
        )
        return Row(values, statuses, boundary * self.view.tile_us)

    def state(self, key: Hashable) -> Any:
        """Return the tiles and the last events of a key in plain values; None for none."""
        ladder, recent = self._ladders.get(key), self._recent.get(key)
        if ladder is None:
            return None
        return [ladder.state(), recent.state(self._folds) if recent is not None else None]

    def restore(self, key: Hashable, state: Any) -> None:
        """Know of a key what `state` returned."""
        tiles, entries = state
        self._ladders[key] = Ladder.restored(tiles, self._folds)
        if entries is not None:
            self._recent[key] = Recent.restored(entries, self._folds)

    def forget(self, before: int) -> dict[Hashable, int]:
        """Drop tiles that no window reaches when asked at or after a moment."""
        first = before // self.view.tile_us - max(w.reach for w in self.view.spans)
        for key, ladder in list(self._ladders.items()):
            ladder.forget(first)
            if not len(ladder) and key not in self._recent:
                del self._ladders[key]
        most = self.view.most_events
        return {key: recent.forget(before, most) for key, recent in self._recent.items()}
