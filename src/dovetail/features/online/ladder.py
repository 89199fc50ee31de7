"""The tiles of one key, ready for the totals of any window.

Additive measures are held as running sums: a window is the difference of two rungs, found by
bisection, so a lookup costs the same for an hour and for a month. New events nearly always
fall on the last rung; a late one shifts the rungs above it. Folded measures hold what each tile
holds, and a window joins the tiles it covers.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from dovetail.features.measures import Fold, plain, unplain


class Ladder:
    """Tiles in order, and for each measure the sum of all tiles before each, or their states.

    Args:
        folds: How each measure is folded; None where it is added up.

    Examples:
        >>> ladder = Ladder([None])
        >>> for tile, amount in ((7, 2), (9, 5), (7, 1)):
        ...     ladder.add(tile, (amount,))
        >>> ladder.total(0, *ladder.span(6, 9)), ladder.total(0, *ladder.span(6, 10))
        (3, 8)
    """

    __slots__ = ("_folds", "_rows", "_tiles", "remembered", "remembered_at")

    def __init__(self, folds: Sequence[Fold | None]) -> None:
        self._folds = folds
        self._tiles: list[int] = []
        self._rows: list[list[Any]] = [[0] if fold is None else [] for fold in folds]
        self.remembered_at: int | None = None
        self.remembered: Any = None

    def __len__(self) -> int:
        return len(self._tiles)

    def add(self, tile: int, amounts: Sequence[Any]) -> None:
        """Add amounts, one a measure, to a tile."""
        self.remembered_at = None
        tiles = self._tiles
        at = len(tiles) - 1
        if not tiles or tile > tiles[at]:
            tiles.append(tile)
            for fold, row, amount in zip(self._folds, self._rows, amounts, strict=True):
                if fold is None:
                    row.append(row[-1] + amount)
                else:
                    row.append(None if amount is None else fold.add(None, amount))
            return
        if tile != tiles[at]:
            at = bisect_left(tiles, tile)
            if tiles[at] != tile:
                tiles.insert(at, tile)
                for fold, row in zip(self._folds, self._rows, strict=True):
                    row.insert(at, row[at] if fold is None else None)
        self._add_to(at, amounts)

    def _add_to(self, at: int, amounts: Sequence[Any]) -> None:
        """Add amounts to the tile on a rung."""
        for fold, row, amount in zip(self._folds, self._rows, amounts, strict=True):
            if fold is not None:
                if amount is not None:
                    row[at] = fold.add(row[at], amount)
            elif amount:
                for above in range(at + 1, len(row)):
                    row[above] += amount

    def span(self, first: int, end: int) -> tuple[int, int]:
        """Return the rungs between which the tiles in [first, end) lie."""
        return bisect_left(self._tiles, first), bisect_left(self._tiles, end)

    def total(self, measure: int, low: int, high: int) -> Any:
        """Return the total of a measure between two rungs."""
        row, fold = self._rows[measure], self._folds[measure]
        if fold is None:
            return row[high] - row[low]
        return fold.join([state for state in row[low:high] if state is not None])

    def forget(self, before: int) -> None:
        """Drop the tiles before one."""
        count = bisect_left(self._tiles, before)
        if count:
            del self._tiles[:count]
            for row in self._rows:
                del row[:count]

    def state(self) -> list[Any]:
        """Return the tiles in plain values, for a store; see `restored`."""
        rows = [
            [plain(fold, held) for held in row]
            for fold, row in zip(self._folds, self._rows, strict=True)
        ]
        return [self._tiles, rows]

    @classmethod
    def restored(cls, state: Sequence[Any], folds: Sequence[Fold | None]) -> "Ladder":
        """Return the ladder that had a state."""
        tiles, rows = state
        ladder = cls(folds)
        ladder._tiles = list(tiles)
        ladder._rows = [
            [unplain(fold, held) for held in row] for fold, row in zip(folds, rows, strict=True)
        ]
        return ladder
