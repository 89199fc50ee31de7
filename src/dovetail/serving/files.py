"""The models' files as they were loaded: copied once, with a digest that is checked at every load.

A file that changed on disk is not served, whoever changed it.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from dovetail.base.errors import IntegrityError
from dovetail.base.ids import new_id

__all__ = ["Files", "digest_of"]

_CHUNK = 1 << 20


class Files:
    """A folder per version, and in it the one file or folder that was loaded.

    Args:
        root: the folder of all of them.
        tidy: whether to remove what a process that was killed left unfinished; of several
            processes one does.
    """

    def __init__(self, root: Path, *, tidy: bool = True) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        for leftover in root.glob(".*") if tidy else ():
            shutil.rmtree(leftover, ignore_errors=True)

    def folder(self, model: str, version: str) -> Path:
        """Return the folder of a version; names cannot lead out of the root."""
        return self.root / _segment(model) / _segment(version)

    def content(self, model: str, version: str) -> Path:
        """Return the file or folder that was loaded."""
        folder = self.folder(model, version)
        names = sorted(folder.iterdir()) if folder.is_dir() else []
        return names[0] if len(names) == 1 else folder

    def put(self, model: str, version: str, fetch: Callable[[Path], None]) -> str:
        """Fill the folder of a version, whole or not at all.

        Args:
            model: the model's name.
            version: the version.
            fetch: writes one file or folder into the folder that it is given.

        Returns:
            The digest of what was written.
        """
        target = self.folder(model, version)
        staging, displaced = self.root / f".{new_id()}", self.root / f".{new_id()}"
        staging.mkdir(parents=True)
        try:
            fetch(staging)
            digest = digest_of(staging)
            with self._alone():
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    target.rename(displaced)
                staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            shutil.rmtree(displaced, ignore_errors=True)
        return digest

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep the other processes of the server out for the length of a block."""
        with (self.root / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def check(self, model: str, version: str, digest: str) -> Path:
        """Return what was loaded, if it still is what it was.

        Raises:
            IntegrityError: it is gone or changed.
        """
        found = digest_of(self.folder(model, version))
        if found != digest:
            raise IntegrityError(
                f"the files of {model!r} version {version!r} are not those that were loaded",
                why=f"their digest is {found[:12]}, recorded is {digest[:12]}",
                fix="load the version again from where it came",
            )
        return self.content(model, version)


def digest_of(folder: Path) -> str:
    """Return the SHA-256 over the names and contents of all files below a folder."""
    whole = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        own = hashlib.sha256()
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                own.update(chunk)
        whole.update(f"{file.relative_to(folder).as_posix()}\0{own.hexdigest()}\n".encode())
    return whole.hexdigest()


def _segment(name: str) -> str:
    return quote(name, safe="").replace(".", "%2E") or "%"
