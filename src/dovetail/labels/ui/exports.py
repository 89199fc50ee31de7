"""What leaves a project: named snapshots with the provenance of each label, and plain files."""

from typing import Any, Protocol

import msgspec
from starlette.requests import Request

from dovetail.labels.handlers import Handlers
from dovetail.labels.people.access import ProjectRole
from dovetail.wire.labels import ControlFacts, Snapshot

__all__ = ["ExportsPage", "FormatRow", "SnapshotRow", "Snapshotted", "exports_page"]


class Snapshotted(Protocol):
    """Where snapshots are from."""

    def listed(self, project: int, name: str = "") -> list[Snapshot]:
        """The snapshots of a project, newest first."""


class SnapshotRow(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot in the list.

    Attributes:
        reference: such as `gold@3`.
        tasks, labels: how many.
        how: how each control's answers were combined.
        digest: the first characters of the SHA-256 over its content.
        by, at: who made it, and when.
        href: the address of what it holds.
    """

    reference: str
    tasks: int
    labels: int
    how: str
    digest: str
    by: str
    at: str
    href: str


class FormatRow(msgspec.Struct, frozen=True, kw_only=True):
    """A format of plain files."""

    name: str
    title: str
    description: str
    href: str


_WAYS = {"dawid-skene": "weighed by how good people are (Dawid-Skene)"}


class ExportsPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows; `may_make` says whether the reader may make a snapshot."""

    id: int
    name: str
    may_make: bool
    snapshots: list[SnapshotRow]
    formats: list[FormatRow]


def exports_page(
    handlers: Handlers, snapshots: Snapshotted, role: ProjectRole | None, request: Request
) -> ExportsPage:
    """The snapshots of a project, and the formats that its answers fit.

    Raises:
        AbsentError: there is no such project.
    """
    number = request.path_params["project"]
    row = handlers.projects.row(number)
    offered: list[dict[str, Any]] = handlers.converting.formats(number)
    return ExportsPage(
        id=number,
        name=row.title,
        may_make=role == "manager",
        snapshots=[_row(number, one) for one in snapshots.listed(number)],
        formats=[
            FormatRow(
                name=one["name"],
                title=one["title"],
                description=one["description"],
                href=f"/api/projects/{number}/export?exportType={one['name']}",
            )
            for one in offered
            if not one.get("disabled")
        ],
    )


def _row(project: int, one: Snapshot) -> SnapshotRow:
    return SnapshotRow(
        reference=one.reference,
        tasks=one.tasks,
        labels=one.labels,
        how="; ".join(f"{facts.control}: {_how(facts)}" for facts in one.controls),
        digest=one.digest[:12],
        by=one.created_by,
        at=one.created_at,
        href=f"/api/labels/projects/{project}/snapshots/{one.reference}",
    )


def _how(facts: ControlFacts) -> str:
    """How labels were found, the most frequent way first; `agreement` where several answered."""
    ways = sorted(facts.how.items(), key=lambda way: -way[1])
    said = ", ".join(f"{count} {_WAYS.get(way, way)}" for way, count in ways)
    return said if facts.agreement is None else f"{said}, agreement {facts.agreement:.0%}"
