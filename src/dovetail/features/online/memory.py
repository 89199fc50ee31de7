"""What the online store knows of each key, ready to be looked up.

One memory a view. Both kinds answer a list of keys as of a moment with rows of values and
Feast's statuses; they hold no lock and no connection: `engine` owns both.
"""

from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from dovetail.features.errors import RowsError
from dovetail.features.moments import moment_text
from dovetail.features.online.events import Event, key_of
from dovetail.features.online.ladder import Ladder
from dovetail.features.views import LatestView, View, WindowView

PRESENT, NOT_FOUND = "PRESENT", "NOT_FOUND"
NULL_VALUE, OUTSIDE_MAX_AGE = "NULL_VALUE", "OUTSIDE_MAX_AGE"


class Row(NamedTuple):
    """The answer of a view for one key.

    Attributes:
        values: One value a feature.
        statuses: One status a feature.
        event_us: When what it rests on happened; 0 when there is nothing.
    """

    values: tuple[Any, ...]
    statuses: tuple[str, ...]
    event_us: int


class Memory(Protocol):
    """What a view knows."""

    @property
    def view(self) -> View:
        """The view that is answered."""

    def learn(self, event: Event, order: int = 0) -> None:
        """Take in one event."""

    def rows(self, keys: Sequence[Hashable], as_of: int) -> list[Row]:
        """Answer each key as of a moment in microseconds."""

    def forget(self, before: int) -> dict[Hashable, int]:
        """Drop what no question asked at or after a moment needs.

        Returns:
            By key, the event time of the oldest row that is still needed, where older ones
            were dropped.
        """

    def __len__(self) -> int:
        """Return how many keys are known."""


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

    def rows(self, keys: Sequence[Hashable], as_of: int) -> list[Row]:
        """Answer each key from the finished tiles before a moment."""
        boundary = as_of // self.view.tile_us
        get, empty = self._ladders.get, self._empty
        rows = []
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
        statuses = tuple(NULL_VALUE if v is None else PRESENT for v in values)
        return Row(values, statuses, boundary * self.view.tile_us)

    def forget(self, before: int) -> dict[Hashable, int]:
        """Drop tiles that no window reaches when asked at or after a moment."""
        first = before // self.view.tile_us - max(self.view.window_tiles)
        for key, ladder in list(self._ladders.items()):
            ladder.forget(first)
            if not len(ladder):
                del self._ladders[key]
        return {}


class LatestMemory:
    """The last rows of every key of a LatestView, so that the recent past can be asked too."""

    def __init__(self, view: LatestView) -> None:
        self.view = view
        self._versions: dict[Hashable, list[_Version]] = {}
        width = len(view.features)
        self._absent = Row((None,) * width, (NOT_FOUND,) * width, 0)
        self._none = (None,) * width
        self._stale = (OUTSIDE_MAX_AGE,) * width

    def __len__(self) -> int:
        return len(self._versions)

    def learn(self, event: Event, order: int = 0) -> None:
        """Take in a row; of two that cannot be told apart the later order stands."""
        key = key_of(event.row, self.view.keys)
        if key is None:
            return
        row, features = event.row, self.view.features
        self.learn_values(key, event, tuple([row[f] for f in features]), order)

    def learn_values(
        self, key: Hashable, event: Event, values: tuple[Any, ...], order: int
    ) -> None:
        """Take in the features of a key, wherever they come from."""
        values = tuple([None if v != v else v for v in values])
        statuses = tuple([NULL_VALUE if v is None else PRESENT for v in values])
        version = _Version(
            (event.event_us, event.known_us, *event.id),
            max(event.event_us, event.known_us),
            order,
            Row(values, statuses, event.event_us),
        )
        held = self._versions.get(key)
        if held is None:
            self._versions[key] = [version]
        elif version.rank > held[-1].rank:
            held.append(version)
        else:
            at = bisect_left(held, version.rank, key=_rank)
            if held[at].rank != version.rank:
                held.insert(at, version)
            elif order >= held[at].order:
                held[at] = version

    def rows(self, keys: Sequence[Hashable], as_of: int) -> list[Row]:
        """Answer each key with the highest row that was visible at a moment."""
        get, ttl, absent = self._versions.get, self.view.ttl_us, self._absent
        rows = []
        for key in keys:
            row = absent
            for version in reversed(get(key, ())):
                if version.visible_us <= as_of:
                    row = version.row
                    break
            if ttl and row is not absent and as_of - row.event_us > ttl:
                row = Row(self._none, self._stale, row.event_us)
            rows.append(row)
        return rows

    def forget(self, before: int) -> dict[Hashable, int]:
        """Drop versions that a later one, visible by the moment, stands above."""
        oldest: dict[Hashable, int] = {}
        for key, held in self._versions.items():
            for at in range(len(held) - 1, 0, -1):
                if held[at].visible_us <= before:
                    del held[:at]
                    oldest[key] = held[0].row.event_us
                    break
        return oldest

    def known_before(self, moment: int) -> list[Event]:
        """Return the rows held that became known before a moment, with keys and features."""
        names = (*self.view.keys, *self.view.features)
        found = []
        for key, held in self._versions.items():
            keys = key if isinstance(key, tuple) else (key,)
            for version in held:
                event_us, known_us, *identity = version.rank
                if known_us < moment:
                    row = dict(zip(names, (*keys, *version.row.values), strict=True))
                    found.append(Event(tuple(identity), event_us, known_us, row))
        return found


class _Version(NamedTuple):
    rank: tuple[Any, ...]
    visible_us: int
    order: int
    row: Row


def _rank(version: _Version) -> tuple[Any, ...]:
    return version.rank


def columns_of(rows: Sequence[Row], wanted: Sequence[int]) -> list[Mapping[str, Any]]:
    """Turn rows into Feast's columnar results, for the features at some positions."""
    if not rows:
        return [{"values": [], "statuses": [], "event_timestamps": []} for _ in wanted]
    values = list(zip(*[r.values for r in rows], strict=True))
    statuses = list(zip(*[r.statuses for r in rows], strict=True))
    times = [moment_text(r.event_us) for r in rows]
    return [
        {"values": values[i], "statuses": statuses[i], "event_timestamps": times} for i in wanted
    ]


def hashable(value: object, key: str) -> Hashable:
    """Return a value of a join key, or refuse what cannot be one."""
    if value is None or isinstance(value, str | int | float):
        return value
    raise RowsError(f"Key {key!r} holds {value!r}", fix="A key is text, a number or null")
