"""What a model repository holds: found once, looked at again only where something changed.

Finding a model reads that model's settings and no other's, so loading one of a thousand costs what
loading one of one does. New folders show in the time stamps of the folders that group them.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dovetail.base.telemetry import logger
from dovetail.serving.copying import inside
from dovetail.serving.errors import BadModelError
from dovetail.serving.layouts import mlserver, plain, triton
from dovetail.serving.layouts.card import Placed
from dovetail.serving.layouts.placing import broken

__all__ = ["Catalog", "is_repository"]

log = logger("serving")
_DEEPEST, _MOST_FOLDERS = 6, 20_000
_TICK_NS = 2_000_000_000
"""A folder that changed this shortly before it was read may have changed again unseen."""


@dataclass
class _Seen:
    """What was found below one root.

    Attributes:
        places: model to the layout and the folders or files that hold it.
        groups: the folders that group models, with the time of their last change.
        at: when it was read, in nanoseconds.
    """

    places: dict[str, list[tuple[str, Path]]] = field(default_factory=dict)
    groups: dict[Path, int] = field(default_factory=dict)
    at: int = 0


class Catalog:
    """The models of repository folders.

    Args:
        roots: the folders.
        folders: where else the files of a model may lie.
    """

    def __init__(self, roots: Sequence[Path], folders: Sequence[Path] = ()) -> None:
        self.problems: dict[Path, str] = {}
        self.loads_at_start = True
        self._folders = tuple(folder.resolve() for folder in folders)
        self._told: set[tuple[str, tuple[str, ...]]] = set()
        self.roots = tuple(self._root(root.resolve()) for root in roots)
        self._seen: dict[Path, _Seen] = {}

    def names(self) -> list[str]:
        """Return the names of all models, in order."""
        self._refresh()
        return sorted({name for seen in self._seen.values() for name in seen.places})

    def find(self, name: str) -> list[Placed]:
        """Return the versions of a model as they are now, those that cannot be loaded too.

        Args:
            name: the model; unknown names have no versions.
        """
        self._refresh()
        found: dict[str, Placed] = {}
        for root, seen in list(self._seen.items()):
            for layout, place in list(seen.places.get(name, ())):
                for placed in self._read(root, layout, place, name):
                    if placed.name != name:  # the settings name another model now
                        seen.places[name].remove((layout, place))
                        seen.places.setdefault(placed.name, []).append((layout, place))
                        continue
                    if placed.version in found:
                        other = found[placed.version].source
                        log.error(
                            "version found twice", model=name, version=placed.version,
                            used=str(other), ignored=str(placed.source),
                        )  # fmt: skip
                        continue
                    found[placed.version] = placed
                    self._tell(placed)
        return list(found.values())

    def owns(self, uri: str) -> bool:
        """Whether a URI is one that this catalog gave."""
        return any(uri.startswith(f"{root.as_uri()}/") for root in (*self.roots, *self._folders))

    def has_root(self) -> bool:
        """Whether every root can be read: else nothing can be said of what is gone."""
        return all(os.access(root, os.R_OK | os.X_OK) and root.is_dir() for root in self.roots)

    def stamp(self, name: str) -> tuple[object, ...]:
        """Return something that changes whenever a file of a model does."""
        places = [place for seen in self._seen.values() for _, place in seen.places.get(name, ())]
        return tuple(sorted(_stamps(places)))

    # Looking

    def _root(self, root: Path) -> Path:
        """Follow MLServer's `settings.json`, and tell what of it has no meaning here."""
        file = root / "settings.json"
        if not file.is_file():
            return root
        try:
            named, loads, ignored = mlserver.read_server(file)
        except BadModelError as error:
            log.error("settings not read", why=str(error))
            return root
        self.loads_at_start = self.loads_at_start and loads
        if ignored:
            log.info("settings of MLServer ignored", file=str(file), settings=", ".join(ignored))
        if named is None:
            return root
        if not inside(named, (root,)):
            log.error("model_repository_root leads out of the folder", file=str(file))
            return root
        return named.resolve()

    def _refresh(self) -> None:
        for root in self.roots:
            seen = self._seen.get(root)
            if seen is None or self._changed(seen):
                self._seen[root] = self._look(root)

    def _changed(self, seen: _Seen) -> bool:
        for folder, before in seen.groups.items():
            try:
                now = folder.stat().st_mtime_ns
            except OSError:
                return True
            if now != before or seen.at - now < _TICK_NS:
                return True
        return not seen.groups

    def _look(self, root: Path) -> _Seen:
        seen = _Seen(at=time.time_ns())
        try:
            for layout, place in self._walk(root, root, 0, seen):
                seen.places.setdefault(_name(layout, place), []).append((layout, place))
            self.problems.pop(root, None)
        except OSError as error:
            why = f"{str(error.filename or root)!r} cannot be read: {error.strerror or error}"
            if self.problems.get(root) != why:
                log.error("repository not read", root=str(root), why=why)
            self.problems[root] = why
        return seen

    def _walk(
        self, root: Path, folder: Path, depth: int, seen: _Seen
    ) -> Iterator[tuple[str, Path]]:
        if len(seen.groups) >= _MOST_FOLDERS:
            raise OSError(0, f"it has over {_MOST_FOLDERS} folders", str(root))
        seen.groups[folder] = folder.stat().st_mtime_ns
        if (folder / mlserver.SETTINGS).exists():
            yield "mlserver", folder
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.name.startswith("."):
                continue
            if entry.is_symlink() and not inside(path, (root, *self._folders)):
                yield "astray", path
            elif entry.is_dir():
                yield from self._folder(root, path, depth + 1, seen)
            elif depth == 0 and entry.is_file() and plain.is_file(path):
                yield "plain", path

    def _folder(
        self, root: Path, folder: Path, depth: int, seen: _Seen
    ) -> Iterator[tuple[str, Path]]:
        try:
            if (folder / mlserver.SETTINGS).exists():
                yield "mlserver", folder
            elif triton.is_model(folder):
                yield "triton", folder
            elif plain.is_folder(folder):
                yield "plain", folder
            elif depth < _DEEPEST:
                yield from self._walk(root, folder, depth, seen)
        except OSError:
            yield "unreadable", folder

    def _read(self, root: Path, layout: str, place: Path, name: str) -> list[Placed]:
        try:
            if layout == "mlserver":
                return [mlserver.read(place, root, self._folders)]
            if layout == "triton":
                return triton.read(place, root, self._folders)
            if layout == "plain":
                return [plain.read(place, root, self._folders)]
            if layout == "astray":
                raise BadModelError(place, "it is a link that leads out of the repository")
            os.listdir(place)
            raise BadModelError(place, "it cannot be read")
        except BadModelError as error:
            return [broken(name, "", place, layout, error)]
        except OSError as error:
            why = f"{str(error.filename or place)!r} cannot be read: {error.strerror or error}"
            return [broken(name, "", place, layout, BadModelError(place, why))]

    def _tell(self, placed: Placed) -> None:
        """Name what is ignored, once."""
        key = placed.name, placed.ignored
        if placed.ignored and key not in self._told:
            self._told.add(key)
            log.info(
                "model settings ignored", model=placed.name, settings=", ".join(placed.ignored)
            )


def is_repository(path: Path) -> bool:
    """Whether a folder is a repository of models rather than one model.

    Args:
        path: any path.
    """
    if not path.is_dir():
        return False
    if (path / mlserver.SETTINGS).exists() or (path / "settings.json").exists():
        return True
    if (path / triton.CONFIG).exists():
        return False
    return not plain.is_folder(path) or plain.holds_several(path)


def _name(layout: str, place: Path) -> str:
    """Return the name under which a place is listed, also where its settings cannot be read."""
    if layout == "mlserver":
        try:
            return mlserver.name_in(place)
        except BadModelError:
            return place.name
    return place.stem if place.is_file() else place.name


def _stamps(places: Sequence[Path]) -> Iterator[tuple[str, int, int]]:
    waiting = list(places)
    count = 0
    while waiting and count < _MOST_FOLDERS:
        path = waiting.pop()
        count += 1
        try:
            found = path.stat()
            yield str(path), found.st_mtime_ns, found.st_size
            if path.is_dir():
                waiting += path.iterdir()
        except OSError:
            yield str(path), 0, 0
