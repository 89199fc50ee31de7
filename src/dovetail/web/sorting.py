"""The order of a table that its reader chose by a link: `?sort=-auc` is best first.

The order is part of the address, so a sorted table can be linked to and needs no script.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

T = TypeVar("T")


class Sort(msgspec.Struct, frozen=True, kw_only=True):
    """Which column orders a table, and how to ask for another order."""

    by: str = ""
    descending: bool = False
    query: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, request: Request, *, allowed: Collection[str], default: str) -> "Sort":
        """The order that a request asks for.

        Args:
            request: Its `sort` parameter names a column, with a minus for descending.
            allowed: Columns that may be asked for; anything else gives the default.
            default: The order without a wish, such as `-started`.
        """
        wish = request.query_params.get("sort", default)
        if wish.removeprefix("-") not in allowed:
            wish = default
        rest = tuple(pair for pair in request.query_params.multi_items() if pair[0] != "sort")
        return cls(by=wish.removeprefix("-"), descending=wish.startswith("-"), query=rest)

    def href(self, column: str) -> str:
        """The link that orders by a column; the column in use turns round."""
        turned = column == self.by and not self.descending
        return "?" + urlencode([*self.query, ("sort", f"-{column}" if turned else column)])

    def state(self, column: str) -> str:
        """The `aria-sort` of a column."""
        if column != self.by:
            return "none"
        return "descending" if self.descending else "ascending"

    def apply(self, rows: Iterable[T], key: Callable[[T], Any]) -> list[T]:
        """Rows in this order; those without a value last in either direction."""
        listed = list(rows)
        present = [row for row in listed if key(row) is not None]
        missing = [row for row in listed if key(row) is None]
        return sorted(present, key=key, reverse=self.descending) + missing
