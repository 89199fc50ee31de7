"""The file of statistics that `dovetail features profile` writes and the pages read."""

import os
from pathlib import Path

import msgspec

from dovetail.features.catalogue.profile import Profiles
from dovetail.features.errors import RowsError

__all__ = ["ProfileFile", "beside"]


def beside(definitions: Path) -> Path:
    """Return where the statistics of a definitions file lie if nothing else is said.

    Examples:
        >>> beside(Path("models/features.py")).as_posix()
        'models/features.profile.json'
    """
    return definitions.with_suffix(".profile.json")


class ProfileFile:
    """Statistics in a JSON file, read again when it changes.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark: tuple[int, int] | None = None
        self._held = Profiles()

    def read(self) -> Profiles:
        """Return what is kept; nothing where there is no file.

        Raises:
            RowsError: The file does not hold statistics.
        """
        try:
            state = self.path.stat()
        except OSError:
            return Profiles()
        if (mark := (state.st_mtime_ns, state.st_size)) != self._mark:
            try:
                self._held = msgspec.json.decode(self.path.read_bytes(), type=Profiles)
            except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
                raise RowsError(
                    f"{str(self.path)!r} does not hold statistics of features",
                    why=str(error),
                    fix="Write it again: dovetail features profile",
                ) from error
            self._mark = mark
        return self._held

    def write(self, new: Profiles) -> Profiles:
        """Put newer statistics in the place of those of the same features; whole or not at all.

        Returns:
            What the file holds now.

        Raises:
            RowsError: The file holds something else.
        """
        held = self.read().joined(new)
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            part.write_bytes(msgspec.json.format(msgspec.json.encode(held), indent=1))
            part.replace(self.path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise RowsError(
                f"The statistics cannot be written to {str(self.path)!r}",
                why=str(error),
                fix="Give another --out",
            ) from error
        return held
