"""The last events of one key, for windows that are counted in events."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dovetail.features.measures import Fold, plain, unplain


class Entry(NamedTuple):
    """What one event adds.

    Attributes:
        rank: Event time, time of knowing and id: the order of events.
        visible_us: From when it is known to have happened.
        amounts: What it adds, one a measure.
    """

    rank: tuple[Any, ...]
    visible_us: int
    amounts: Sequence[Any]


class Recent:
    """Events of one key in order."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """Take in an event; it comes once."""
        held = self._entries
        if not held or entry.rank > held[-1].rank:
            held.append(entry)
        else:
            held.insert(bisect_left(held, entry.rank, key=_rank), entry)

    def last(self, count: int, as_of: int) -> list[Entry]:
        """Return the last events visible at a moment, the last one first."""
        found: list[Entry] = []
        for entry in reversed(self._entries):
            if entry.visible_us <= as_of:
                found.append(entry)
                if len(found) == count:
                    break
        return found

    def state(self, folds: Sequence[Fold | None]) -> list[Any]:
        """Return the events in plain values, for a store; see `restored`."""
        return [
            [list(rank), visible_us, _each(plain, folds, amounts)]
            for rank, visible_us, amounts in self._entries
        ]

    @classmethod
    def restored(cls, state: Sequence[Any], folds: Sequence[Fold | None]) -> "Recent":
        """Return the events that had a state."""
        found = cls()
        found._entries = [
            Entry(tuple(rank), visible_us, _each(unplain, folds, amounts))
            for rank, visible_us, amounts in state
        ]
        return found

    def forget(self, before: int, count: int) -> int:
        """Drop what no question asked at or after a moment needs.

        Returns:
            The event time of the first event that is still needed.
        """
        needed = self.last(count, before)
        if len(needed) == count:
            first = bisect_left(self._entries, needed[-1].rank, key=_rank)
            del self._entries[:first]
        return int(self._entries[0].rank[0])


def totals(folds: Sequence[Fold | None], entries: Sequence[Entry]) -> list[Any]:
    """Return the total of each measure over some events."""
    found: list[Any] = []
    for at, fold in enumerate(folds):
        amounts = [e.amounts[at] for e in entries]
        if fold is None:
            found.append(sum(amounts))
        else:
            present = [a for a in amounts if a is not None]
            found.append(fold.join([fold.add(None, a) for a in present]))
    return found


def _each(
    work: Callable[[Fold | None, Any], Any], folds: Sequence[Fold | None], amounts: Sequence[Any]
) -> list[Any]:
    """Turn what an event adds to each measure into plain values, or back; values stay."""
    return [
        amount if fold is not None and not fold.is_ranked else work(fold, amount)
        for fold, amount in zip(folds, amounts, strict=True)
    ]


def _rank(entry: Entry) -> tuple[Any, ...]:
    return entry.rank
