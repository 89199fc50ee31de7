"""The one navigation over all pages: which is current, and which key leads where.

Each page gets a letter of its title, the first that is still free, so `g` and that letter open it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


class _Entry(Protocol):
    """What an entry needs: `dovetail.web.piece.Page` has it."""

    @property
    def path(self) -> str: ...
    @property
    def title(self) -> str: ...


@dataclass(frozen=True)
class NavItem:
    """One entry of the navigation as the shell draws it."""

    path: str
    title: str
    key: str
    current: bool


def items(pages: Iterable[_Entry], here: str) -> list[NavItem]:
    """The navigation as seen from one address.

    Args:
        pages: All pages that have an entry, in order.
        here: The path of the page that is shown; the longest entry that leads to it is current.
    """
    listed = list(pages)
    leading = [page.path for page in listed if _leads(page.path, here)]
    current = max(leading, key=len, default=None)
    taken: set[str] = set()
    result = []
    for page in listed:
        free = [c for c in page.title.lower() if "a" <= c <= "z" and c not in taken]
        key = free[0] if free else ""
        taken.add(key)
        result.append(NavItem(page.path, page.title, key, page.path == current))
    return result


def _leads(path: str, here: str) -> bool:
    return here == path or (path != "/" and here.startswith(path.rstrip("/") + "/"))
