"""What several servers share: named values that change together, and ids of events that came.

The seam between `shared`, which knows what values mean, and the stores that keep them. A store
knows nothing of features; it promises that a change is made whole or not at all, that no change is
made on values that are not there any more, and that what it cannot reach is said as
`StoreLostError`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Change", "Held", "Merge", "States"]

Held = Mapping[str, bytes | None]


@dataclass(frozen=True)
class Change:
    """What becomes of values.

    Attributes:
        values: New values by name; None for a value that is not needed any more.
        ids: Events that came for the first time, each with when it became known.
    """

    values: Mapping[str, bytes | None]
    ids: Mapping[str, int] = field(default_factory=dict)


Merge = Callable[[AbstractSet[str], Held], Change]
"""Makes a change of the ids that had come before and of the values held; called again where another
server was quicker."""


class States(Protocol):
    """A store of named values."""

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """Return values by name, all of one moment; None where there is none."""

    def change(self, source: str, ids: Sequence[str], names: Sequence[str], merge: Merge) -> Change:
        """Change values, and note ids, in one step that others see whole or not at all.

        Args:
            source: Whose values they are; two sources share none.
            ids: Ids that may have come before.
            names: Values that the change rests on.
            merge: Makes the change.

        Returns:
            The change that was made.
        """

    def names(self, prefix: str) -> Iterator[list[str]]:
        """Walk the names that begin with a prefix, some at a time; new ones may be missed."""

    def forget(self, source: str, before: int) -> None:
        """Drop ids of events that became known before a moment."""

    def close(self) -> None:
        """Let go of connections."""
