"""Which models may execute code when they are loaded: those whose source the operator named.

The setting `trusted` (the flag `--trust`) is the only thing that makes a source trusted. A client
that loads by URI, a registry that names a path, or a copy that was kept from before cannot.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dovetail.base.errors import InvalidInputError
from dovetail.serving.sources import parse_uri, path_of

__all__ = ["Trust"]

_PATTERN = re.compile(r"models:/+(?P<name>[^/@]+)(?:/(?P<version>[^/@]+))?")


@dataclass(frozen=True)
class Trust:
    """What the operator trusts.

    Args:
        paths: files, and folders with all that is below them, resolved.
        versions: patterns of registered models and of their versions.

    Example:
        >>> trust = Trust.of(["models:/fraud-*"])
        >>> trust.covers("models:/fraud-eu/3"), trust.covers("/tmp/model.pkl")
        (True, False)
    """

    paths: tuple[Path, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, entries: Sequence[str]) -> "Trust":
        """Read the setting `trusted`.

        Args:
            entries: paths, `models:/NAME` or `models:/NAME/VERSION`, where `*` and `?` stand for
                any characters of a name.

        Raises:
            InvalidInputError: an entry is neither.
        """
        paths, versions = [], []
        for entry in entries:
            found = _PATTERN.fullmatch(entry)
            if found:
                version = unquote(found["version"] or "*")
                versions.append((unquote(found["name"]), version))
            elif entry and urlsplit(entry).scheme in ("", "file"):
                paths.append(path_of(entry))
            else:
                raise InvalidInputError(
                    f"{entry!r} cannot be trusted",
                    why="it is neither a path nor a model of the registry",
                    fix="name a folder, a file, models:/NAME or models:/NAME/VERSION",
                )
        return cls(tuple(paths), tuple(versions))

    def covers(self, uri: str) -> bool:
        """Whether what comes from a URI may execute code.

        Args:
            uri: a path, or `models:/NAME/VERSION`.
        """
        named = parse_uri(uri)
        if named is None:
            path = path_of(uri)
            return any(path.is_relative_to(trusted) for trusted in self.paths)
        return any(
            fnmatchcase(named.name, name) and fnmatchcase(named.version, version)
            for name, version in self.versions
        )
