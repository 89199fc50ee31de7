"""The part of a project's page about large tasks: whose parts its tasks are."""

import msgspec
import sqlalchemy as sa

from dovetail.labels.handlers import Handlers
from dovetail.labels.people.access import Access
from dovetail.labels.routing.served.compounds import Compounds
from dovetail.labels.store.tables import projects
from dovetail.web.auth import Principal

__all__ = ["ParentRow", "Parted", "parted_of"]

_SHOWN = 20
_LOOKED = 200


class ParentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A project whose tasks could be split."""

    id: int
    title: str


class Parted(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows of it.

    Attributes:
        parent: the project whose tasks are split; 0 where this one is on its own.
        parent_title: its title.
        by, field, into, keep, join, order: the rule.
        others: the newest projects that could be split; any can be named by its number.
    """

    parent: int = 0
    parent_title: str = ""
    by: str = "sentences"
    field: str = ""
    into: str = "text"
    keep: str = ""
    join: str = "majority"
    order: str = ""
    others: list[ParentRow] = []


def parted_of(
    handlers: Handlers, compounds: Compounds, access: Access, principal: Principal, project: int
) -> Parted | None:
    """Say whose parts a project's tasks are; None for who may not change it.

    Args:
        handlers: The server's use cases.
        compounds: Which projects are made of others.
        access: Who may change what.
        principal: Who reads.
        project: Which.
    """
    if access.role(principal, project) != "manager":
        return None
    wanted = compounds.wanted(project)
    if wanted is None:
        others = [
            one
            for one in _titles(handlers)
            if one.id != project and access.role(principal, one.id) == "manager"
        ]
        return Parted(others=others[:_SHOWN])
    parent = next((one for one in _titles(handlers, wanted.parent)), None)
    rule = wanted.rule
    return Parted(
        parent=wanted.parent, parent_title=parent.title if parent else "deleted",
        by=rule.by, field=rule.field, into=rule.into,
        keep=", ".join(rule.keep), join=rule.join, order=", ".join(rule.order),
    )  # fmt: skip


def _titles(handlers: Handlers, number: int | None = None) -> list[ParentRow]:
    """The newest projects, or one of them."""
    query = sa.select(projects.c.id, projects.c.title).order_by(projects.c.id.desc())
    query = query.limit(_LOOKED)
    if number is not None:
        query = query.where(projects.c.id == number)
    rows = handlers.backend.database.read(lambda c: c.execute(query).all())
    return [ParentRow(id=row.id, title=row.title or f"Project {row.id}") for row in rows]
