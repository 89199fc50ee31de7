"""Where the registry of applied definitions is, said alike for commands, scripts and servers.

The setting `[features] applied` if there is one; else beside the server's other tables: its
database, or a file in its state folder.
"""

from pathlib import Path

from dovetail.base.settings import ServerSettings
from dovetail.features.applied.tables import NAME
from dovetail.features.settings import FeatureSettings
from dovetail.web.declared import read_settings

__all__ = ["is_held", "place"]


def place(config: Path | None = None) -> str:
    """Return the URL of the registry by `dovetail.toml` and the environment.

    Args:
        config: The settings file; `dovetail.toml` here by default.

    Raises:
        SettingsError: The settings are malformed.
    """
    settings = read_settings(config)
    if said := settings.table("features", FeatureSettings).applied:
        return said
    server = settings.table("server", ServerSettings)
    if server.database:
        return server.database
    return f"sqlite:///{(Path(server.state) / f'{NAME}.db').absolute()}"


def is_held(url: str) -> bool:
    """Whether there can be a registry: a file of SQLite that is not there holds nothing."""
    if not url.startswith("sqlite:///"):
        return True
    return Path(url.removeprefix("sqlite:///").partition("?")[0]).is_file()
