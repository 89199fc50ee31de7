"""Whose files are shown, and where those files lie."""

from urllib.parse import quote

import msgspec
from sqlalchemy.engine import Connection

from dovetail.tracking.paths import proxied_path
from dovetail.tracking.sources import followed
from dovetail.tracking.store import logged_models, runs, versions
from dovetail.tracking.validation import version_number

__all__ = ["Owner", "of_model", "of_run", "of_version"]


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that has files.

    Attributes:
        kind: what it is, for people.
        title: what it is called.
        href: the address of its page; the pages of its files lie below.
        root: the URI of its files.
        base: their path in the artifact store of this server; None if they are elsewhere.
    """

    kind: str
    title: str
    href: str
    root: str
    base: str | None

    def address(self, page: str, path: str) -> str:
        """Return the address of a page about a file.

        Args:
            page: `files` or `image`.
            path: the file or folder; empty for all files.
        """
        return f"{self.href}/{page}" + (f"/{quote(path)}" if path else "")


def _owner(kind: str, title: str, href: str, root: str) -> Owner:
    base = proxied_path(root)
    return Owner(kind=kind, title=title, href=href, root=root, base=base)


def of_run(c: Connection, run_id: str) -> Owner:
    """Return a run as the owner of its artifacts."""
    row = runs.get(c, run_id)
    title = row.run_name or run_id
    return _owner("run", title, f"/tracking/runs/{quote(run_id, safe='')}", row.artifact_uri)


def of_model(c: Connection, model_id: str) -> Owner:
    """Return a logged model as the owner of its files."""
    row = logged_models.get(c, model_id)
    href = f"/tracking/logged-models/{quote(model_id, safe='')}"
    return _owner("logged model", row.name, href, row.artifact_location)


def of_version(c: Connection, name: str, version: str) -> Owner:
    """Return a version of a registered model as the owner of its files."""
    row = versions.get(c, name, version_number(version))
    href = f"/tracking/models/{quote(name, safe='')}/versions/{row.version}"
    location = row.storage_location or row.source or ""
    return _owner("version", f"{name} version {row.version}", href, followed(c, location))
