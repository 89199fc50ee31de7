"""Running sums of the tiles of one key.

A window is the difference of two rungs, found by bisection, so a lookup costs the same for
an hour and for a month. New events nearly always fall on the last rung; a late one shifts
the rungs above it.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any


class Ladder:
    """Tiles in order, and for each measure the sum of all tiles before each.

    Args:
        measures: How many measures each tile has.

    Examples:
        >>> ladder = Ladder(1)
        >>> for tile, amount in ((7, 2), (9, 5), (7, 1)):
        ...     ladder.add(tile, (amount,))
        >>> ladder.total(0, *ladder.span(6, 9)), ladder.total(0, *ladder.span(6, 10))
        (3, 8)
    """

    __slots__ = ("_sums", "_tiles", "remembered", "remembered_at")

    def __init__(self, measures: int) -> None:
        self._tiles: list[int] = []
        self._sums: list[list[int]] = [[0] for _ in range(measures)]
        self.remembered_at: int | None = None
        self.remembered: Any = None

    def __len__(self) -> int:
        return len(self._tiles)

    def add(self, tile: int, amounts: Sequence[int]) -> None:
        """Add amounts, one a measure, to a tile."""
        self.remembered_at = None
        tiles = self._tiles
        at = len(tiles) - 1
        if not tiles or tile > tiles[at]:
            tiles.append(tile)
            for sums, amount in zip(self._sums, amounts, strict=True):
                sums.append(sums[-1] + amount)
            return
        if tile != tiles[at]:
            at = bisect_left(tiles, tile)
            if tiles[at] != tile:
                tiles.insert(at, tile)
                for sums in self._sums:
                    sums.insert(at, sums[at])
        for sums, amount in zip(self._sums, amounts, strict=True):
            if amount:
                for above in range(at + 1, len(sums)):
                    sums[above] += amount

    def span(self, first: int, end: int) -> tuple[int, int]:
        """Return the rungs between which the tiles in [first, end) lie."""
        return bisect_left(self._tiles, first), bisect_left(self._tiles, end)

    def total(self, measure: int, low: int, high: int) -> int:
        """Return the sum of a measure between two rungs."""
        sums = self._sums[measure]
        return sums[high] - sums[low]

    def forget(self, before: int) -> None:
        """Drop the tiles before one."""
        count = bisect_left(self._tiles, before)
        if count:
            del self._tiles[:count]
            for sums in self._sums:
                del sums[:count]

    def state(self) -> list[Any]:
        """Return the tiles in plain values, for a store; see `restored`."""
        return [self._tiles, self._sums]

    @classmethod
    def restored(cls, state: Sequence[Any]) -> "Ladder":
        """Return the ladder that had a state."""
        tiles, sums = state
        ladder = cls(0)
        ladder._tiles, ladder._sums = list(tiles), [list(one) for one in sums]
        return ladder
