"""What a `dovetail.toml` says of the whole, read and checked alike by every command.

A typo is refused wherever it stands, also in a table that the command at hand does not use.
"""

import os
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

from dovetail.base.errors import SettingsError
from dovetail.base.settings import JointSettings, SettingsFile, read_file

__all__ = ["PIECES", "joints_of", "read_settings"]

PIECES = "dovetail.pieces"


def read_settings(path: Path | None) -> SettingsFile:
    """Read the settings file and the environment.

    Args:
        path: the settings file; None means `dovetail.toml` here, if there is one.

    Raises:
        SettingsError: the file is missing or malformed, or has a table that nobody reads.
    """
    file = read_file(path, os.environ)
    file.check_tables(["server", "joints", *(e.name for e in entry_points(group=PIECES))])
    joints_of(file)
    return file


def joints_of(file: SettingsFile) -> dict[str, str]:
    """Return for each joint `embedded`, `off`, a URL, or for data a folder.

    Raises:
        SettingsError: a joint is unknown, or its value none of these.
    """
    joints: dict[str, str] = msgspec.structs.asdict(file.table("joints", JointSettings))
    for name, target in joints.items():
        is_url = target.startswith(("http://", "https://"))
        if target in ("embedded", "off") or is_url or (name == "data" and target):
            continue
        raise SettingsError(
            f"{file.source}: joint {name} = {target!r} is not understood",
            fix='write "embedded", "off" or a URL that begins with http:// or https://',
        )
    return joints
