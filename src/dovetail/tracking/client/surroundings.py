"""What is known of a run without asking: the server, who runs what, from which commit."""

import getpass
import os
import subprocess
import sys
from pathlib import Path

from dovetail.wire.mlflow import Client

__all__ = ["commit", "connect", "server_uri", "source_tags", "spool_folder"]

DEFAULT_URI = "http://127.0.0.1:8080"


def server_uri(uri: str | None) -> str:
    """Return the server's address: what is given, else `MLFLOW_TRACKING_URI`, else port 8080."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def connect(uri: str | None = None, *, timeout: float = 30.0) -> Client:
    """Return a client for reading: runs, metrics, models, versions, aliases, artifacts.

    Args:
        uri: the server; by default `MLFLOW_TRACKING_URI`, else http://127.0.0.1:8080.
        timeout: seconds for connecting, and for each wait on the server.

    Credentials are those of MLflow's own client: `MLFLOW_TRACKING_TOKEN`, or
    `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`.

    Example:
        >>> with connect() as server:  # doctest: +SKIP
        ...     server.get_alias("flights", "champion").version
        '3'
    """
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{x}") for x in ("USERNAME", "PASSWORD"))
    basic = (user, password) if user and password else None
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return Client(server_uri(uri), token=token, basic=basic, timeout=timeout)


def spool_folder(folder: str | os.PathLike[str] | None) -> Path:
    """Return where journals are kept: what is given, else `DOVETAIL_SPOOL`, else below here."""
    return Path(folder or os.environ.get("DOVETAIL_SPOOL") or ".dovetail/spool").absolute()


def source_tags() -> dict[str, str]:
    """Return the tags that MLflow's own client sets as well."""
    tags = {"mlflow.source.name": sys.argv[0] or "python", "mlflow.source.type": "LOCAL"}
    try:
        tags["mlflow.user"] = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        tags["mlflow.user"] = str(os.getuid())
    return tags


def commit(script: str) -> str | None:
    """Return the commit of the repository that a script lies in; None outside of one."""
    folder = Path(script).absolute().parent
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return None
    try:
        said = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() or None
