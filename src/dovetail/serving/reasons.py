"""Why versions are not served, known to every process of a server.

What one process could not load, another is asked about, so the reasons are kept in the store. They
are forgotten when the server starts: then everything is tried again.
"""

from collections.abc import Iterator, MutableMapping

from dovetail.serving.store import Store

__all__ = ["Reasons"]

Key = tuple[str, str]


class Reasons(MutableMapping[Key, str]):
    """Model and version to the reason; each change is kept, and readers never see half of one.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: dict[Key, str] = {}

    def refresh(self) -> None:
        """Become what the store says."""
        self._found = self._store.failures()

    def __getitem__(self, key: Key) -> str:
        """Return the reason of a version."""
        return self._found[key]

    def __setitem__(self, key: Key, why: str) -> None:
        """Keep a reason; the same one again costs nothing."""
        if self._found.get(key) != why:
            self._found = {**self._found, key: why}
            self._store.put_failure(*key, why)

    def __delitem__(self, key: Key) -> None:
        """Forget a reason."""
        self._found = {known: why for known, why in self._found.items() if known != key}
        self._store.put_failure(*key, "")

    def __iter__(self) -> Iterator[Key]:
        """Iterate over the versions that have one."""
        return iter(self._found)

    def __len__(self) -> int:
        """Return how many versions have one."""
        return len(self._found)
