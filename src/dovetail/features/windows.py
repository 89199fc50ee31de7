"""Windows: which tiles, or how many events, a figure is computed over.

Serves `views`, which takes windows as text, and both sides that compute: `asof` for frames and
`online.memory` for the online store.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from dovetail.features.errors import DefinitionError
from dovetail.features.moments import span_text, span_us

MOST_EVENTS = 100
WEEK_US, DAY_US = 604_800_000_000, 86_400_000_000
_LAST = re.compile(r"last\s+(\d+)")
Style = Literal["sliding", "tumbling"]


@dataclass(frozen=True)
class Window:
    """A window of a view.

    Attributes:
        name: How features that are computed over it end: `3h`, `last_5`.
        tiles: Length in tiles; 0 where it is counted in events.
        events: Length in events; 0 where it is a span of time.
        start: A tile at which a tumbling window starts; all others follow.
        is_tumbling: Whether it is the last finished one of windows that touch and never
            overlap; it slides with the tiles otherwise.
    """

    name: str
    tiles: int = 0
    events: int = 0
    start: int = 0
    is_tumbling: bool = False

    def span(self, boundary: int) -> tuple[int, int]:
        """Return the tiles [first, end) for a question asked in tile `boundary`.

        Examples:
            >>> Window("3h", 3).span(10), Window("3h", 3, is_tumbling=True).span(10)
            ((7, 10), (6, 9))
        """
        if self.is_tumbling:
            boundary -= (boundary - self.start) % self.tiles
        return boundary - self.tiles, boundary

    @property
    def reach(self) -> int:
        """How many tiles before a question its first tile may lie."""
        return 2 * self.tiles if self.is_tumbling else self.tiles


def window_of(length: str | timedelta, tile_us: int, style: Style) -> Window:
    """Read a window.

    Args:
        length: A span, a multiple of the tile, or `"last 5"` for the last five events.
        tile_us: Length of a tile in microseconds.
        style: `sliding`, or `tumbling` for windows aligned with the calendar in UTC: days start
            at midnight, weeks on Monday.

    Raises:
        DefinitionError: It is no window, or does not fit the tiles.

    Examples:
        >>> window_of("last 5", 3_600_000_000, "sliding").name
        'last_5'
    """
    if isinstance(length, str) and (match := _LAST.fullmatch(length.strip())):
        if not 1 <= (count := int(match[1])) <= MOST_EVENTS:
            raise DefinitionError(
                f"The window {length!r} is out of range", fix=f"Take 1 to {MOST_EVENTS} events"
            )
        return Window(f"last_{count}", events=count)
    whole = span_us(length)
    if whole % tile_us:
        raise DefinitionError(
            f"the window {span_text(whole)} is not a multiple of the tile {span_text(tile_us)}"
        )
    name = length if isinstance(length, str) else span_text(whole)
    if style == "sliding":
        return Window(name, whole // tile_us)
    if whole % WEEK_US:
        return Window(name, whole // tile_us, is_tumbling=True)
    if DAY_US % tile_us:
        raise DefinitionError(
            f"the window {name} starts on Mondays, which the tile {span_text(tile_us)} does not",
            fix="Use a tile that divides a day",
        )
    return Window(name, whole // tile_us, start=4 * DAY_US // tile_us, is_tumbling=True)
