"""Where pages end, so that who reads on need not have everything before skipped again.

A database skips a hundred thousand rows one by one. Clients read page after page; the id that one
ended with says where the next begins, as long as no task came or went.
"""

from collections import OrderedDict

__all__ = ["Bookmarks"]

MOST = 4096
Key = tuple[int, int, int]
"""Project, tasks of a page, number of the page."""
State = tuple[int, int]
"""How many tasks a project has, and the highest number within it: no state comes back."""


class Bookmarks:
    """Remembers the ends of pages.

    Example:
        >>> marks = Bookmarks()
        >>> marks.note((7, 100, 1), (250, 250), 163)
        >>> marks.before((7, 100, 2), (250, 250)), marks.before((7, 100, 2), (249, 250))
        (163, None)
    """

    def __init__(self) -> None:
        self._ends: OrderedDict[Key, tuple[State, int]] = OrderedDict()

    def before(self, key: Key, state: State) -> int | None:
        """Return the id that the page before ended with; None where nobody knows."""
        project, size, number = key
        known = self._ends.get((project, size, number - 1))
        return known[1] if known is not None and known[0] == state else None

    def note(self, key: Key, state: State, last: int) -> None:
        """Remember the id that a page ended with."""
        self._ends[key] = state, last
        if len(self._ends) > MOST:
            self._ends.popitem(last=False)
