"""What `dovetail.toml`, the environment and the flags say, checked as a whole."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from dovetail.base.errors import DovetailError, MissingExtraError, SettingsError
from dovetail.base.settings import JointSettings, ServerSettings, SettingsFile
from dovetail.web.commands import joint_tokens
from dovetail.web.declared import PIECES, joints_of, read_settings
from dovetail.web.piece import Piece

__all__ = ["JOINTS", "Configuration", "find_piece", "load"]

JOINTS = tuple(JointSettings.__struct_fields__)


@dataclass(frozen=True)
class Configuration:
    """All settings of one deployment.

    Attributes:
        server: the table `[server]`.
        joints: for each joint `embedded`, `off` or a URL.
        file: where the pieces' own tables come from.
        tokens: bearer tokens for joints that are URLs.
    """

    server: ServerSettings
    joints: Mapping[str, str]
    file: SettingsFile
    tokens: Mapping[str, str]

    def settings_of(self, piece: Piece) -> msgspec.Struct:
        """Return a piece's own settings."""
        return self.file.table(piece.name, piece.settings)

    @property
    def embedded(self) -> list[str]:
        """The joints that our own pieces fill."""
        return [name for name, target in self.joints.items() if target == "embedded"]


def load(path: Path | None = None, flags: Mapping[str, Any] | None = None) -> Configuration:
    """Read and check every setting.

    Args:
        path: the settings file; None means `dovetail.toml` here, if there is one.
        flags: values for `[server]` from the command line; None means not given.

    Raises:
        SettingsError: a table, key or value is wrong.
    """
    file = read_settings(path)
    server = file.table("server", ServerSettings, flags)
    return Configuration(server, joints_of(file), file, joint_tokens(os.environ))


def find_piece(name: str) -> Piece:
    """Import a piece through its entry point.

    Raises:
        SettingsError: no installed distribution brings it.
        MissingExtraError: a library that it needs at import is missing.
    """
    for entry in entry_points(group=PIECES, name=name):
        try:
            piece: Piece = entry.load()
        except DovetailError:
            raise
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"the piece {name!r}", str(error.name), name) from error
        return piece
    raise SettingsError(f"no piece is named {name!r}", fix="install it, or set its joint to off")
