"""Where things keep their files in this server's store, and how much lies there.

Only what this server itself can reach is ever removed: locations behind the artifact proxy, and
folders below the root of a store on this machine. The root itself is never a thing's own place.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dovetail.base.artifacts import ArtifactStore, LocalStore, S3Store, Stat, Usage
from dovetail.base.errors import InvalidInputError
from dovetail.tracking.paths import is_local, proxied_path, safe_path

__all__ = ["Places", "folder_of"]


def folder_of(path: str, name: str) -> str:
    """Return the folder that belongs to a run or model alone.

    Example:
        >>> folder_of("1/0af3/artifacts", "0af3"), folder_of("elsewhere/x", "0af3")
        ('1/0af3', 'elsewhere/x')
    """
    head, _, last = path.rpartition("/")
    return head if last == "artifacts" and head.rpartition("/")[2] == name else path


class Places:
    """The store behind the artifact proxy, seen as folders with owners.

    Args:
        store: the store.
    """

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._root = store.root if isinstance(store, LocalStore) else None
        self._bucket = ""
        if isinstance(store, S3Store):
            self._bucket = f"s3://{store.bucket}/{store.key('')}".rstrip("/") + "/"

    def path_of(self, location: str) -> str | None:
        """Return where in the store a location is; None if it is not in it, or is its root."""
        found = proxied_path(location)
        if found is None and self._root is not None and is_local(location):
            target = Path(unquote(urlsplit(location).path))
            if target.is_relative_to(self._root):
                found = target.relative_to(self._root).as_posix()
        if found is None and self._bucket and location.startswith(self._bucket):
            found = location.removeprefix(self._bucket)
        if found is None:
            return None
        try:
            return safe_path(found).strip("/").removeprefix("./").strip(".") or None
        except InvalidInputError:
            return None

    def usage(self, path: str) -> Usage:
        """Count what lies in a folder."""
        return self._store.usage(path)

    def newest(self, path: str) -> int:
        """Return when something below a folder was last written, in milliseconds."""
        return max((int(one.modified * 1000) for one in self._below(path)), default=0)

    def children(self, path: str) -> list[Stat]:
        """List the direct children of a folder."""
        return self._store.list(path)

    def remove(self, path: str) -> None:
        """Remove a folder with all below it; absent is fine."""
        if not path.strip("/."):
            raise InvalidInputError("the root of the artifact store is never removed")
        self._store.delete(path)

    def _below(self, path: str) -> Iterator[Stat]:
        waiting = [path]
        while waiting:
            for one in self._store.list(waiting.pop()):
                yield one
                if one.is_dir:
                    waiting.append(one.path)
