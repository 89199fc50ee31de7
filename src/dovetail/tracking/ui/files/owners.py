"""Whose files are shown, and where those files lie."""

from urllib.parse import quote

import msgspec
from sqlalchemy.engine import Connection

from dovetail.tracking.sources import followed
from dovetail.tracking.store import logged_models, runs, versions
from dovetail.tracking.validation import version_number
from dovetail.wire.mlflow import AJAX_PREFIX

__all__ = ["Owner", "of_model", "of_run", "of_version"]


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that has files.

    Attributes:
        kind: what it is, for people.
        title: what it is called.
        href: the address of its page; the pages of its files lie below.
        root: the URI of its files.
        asked: the address, up to the file's path, that answers with a file's content.
    """

    kind: str
    title: str
    href: str
    root: str
    asked: str

    def address(self, page: str, path: str) -> str:
        """Return the address of a page about a file.

        Args:
            page: `files` or `image`.
            path: the file or folder; empty for all files.
        """
        return f"{self.href}/{page}" + (f"/{quote(path)}" if path else "")

    def download(self, path: str) -> str:
        """Return the address of a file's content."""
        return self.asked + quote(path)


def of_run(c: Connection, run_id: str) -> Owner:
    """Return a run as the owner of its artifacts."""
    row, segment = runs.get(c, run_id), quote(run_id, safe="")
    return Owner(
        kind="run",
        title=row.run_name or run_id,
        href=f"/tracking/runs/{segment}",
        root=row.artifact_uri,
        asked=f"/get-artifact?run_uuid={segment}&path=",
    )


def of_model(c: Connection, model_id: str) -> Owner:
    """Return a logged model as the owner of its files."""
    row, segment = logged_models.get(c, model_id), quote(model_id, safe="")
    return Owner(
        kind="logged model",
        title=row.name,
        href=f"/tracking/logged-models/{segment}",
        root=row.artifact_location,
        asked=f"{AJAX_PREFIX}/logged-models/{segment}/artifacts/files?artifact_file_path=",
    )


def of_version(c: Connection, name: str, version: str) -> Owner:
    """Return a version of a registered model as the owner of its files."""
    row, segment = versions.get(c, name, version_number(version)), quote(name, safe="")
    return Owner(
        kind="version",
        title=f"{name} version {row.version}",
        href=f"/tracking/models/{segment}/versions/{row.version}",
        root=followed(c, row.storage_location or row.source or ""),
        asked=f"/model-versions/get-artifact?name={segment}&version={row.version}&path=",
    )
