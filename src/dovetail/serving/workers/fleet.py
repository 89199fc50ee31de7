"""The seam between a server and the other processes of the same server, if there are any."""

from collections.abc import Callable
from typing import Protocol

__all__ = ["ALONE", "Fleet"]


class Fleet(Protocol):
    """The processes that answer as one server."""

    @property
    def shares(self) -> bool:
        """Whether there are others, which listen on the same ports."""

    @property
    def leads(self) -> bool:
        """Whether this one looks after registries and folders; the others do as it does."""

    @property
    def waiting(self) -> str | None:
        """Why the others keep the whole from being ready; None if they do not."""

    def announce(self) -> None:
        """Let the others know that the store changed. Never waits."""

    def settle(self) -> None:
        """Return when the others hold everything that was written here before.

        Raises:
            UnavailableError: one of them cannot, or takes too long.
        """

    def follow(self, reload: Callable[[], None]) -> None:
        """Have something called when another one has changed the store."""

    def loading(self, has_loaded: Callable[[], bool]) -> None:
        """Let the others know once this one has loaded what it should."""


class _Alone:
    """A server of one process."""

    shares, leads, waiting = False, True, None

    def announce(self) -> None:
        """Nobody is to be told."""

    def settle(self) -> None:
        """Nobody is to be waited for."""

    def follow(self, reload: Callable[[], None]) -> None:
        """Nobody else changes anything."""

    def loading(self, has_loaded: Callable[[], bool]) -> None:
        """Nobody is to be told."""


ALONE: Fleet = _Alone()
"""No others."""
