"""Which projects there are, and how far they are."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request

from dovetail.labels.handlers import Handlers

if TYPE_CHECKING:
    from dovetail.web.auth import Principal

__all__ = ["Overview", "ProjectRow", "Standing", "overview"]

PAGE = 50
Standing = Callable[[str], Mapping[int, object] | None]


class ProjectRow(msgspec.Struct, frozen=True, kw_only=True):
    """A project in the list."""

    id: int
    title: str
    tasks: int
    finished: int
    annotations: int
    predictions: int
    created: str
    href: str
    label: str


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What `/labels` shows; `may_make` says whether the reader may make a project."""

    projects: list[ProjectRow]
    may_make: bool
    total: int
    ask: str
    page: int
    pages: int


def overview(handlers: Handlers, standing: Standing, request: Request) -> Overview:
    """The projects whose title holds what is asked for, newest first.

    Who was invited sees the projects that they were invited to.
    """
    ask = request.query_params.get("ask", "").strip()
    page = max(1, _number(request.query_params.get("page")))
    principal: Principal = request.state.principal
    may_make = principal.may("editor")
    mine = None if may_make else standing(principal.name)
    total, found = handlers.projects.list(
        title=ask,
        numbers=[] if mine is None else [*mine] or [0],  # no number at all would mean all
        limit=PAGE,
        offset=(page - 1) * PAGE,
    )
    rows = [
        ProjectRow(
            id=one.id,
            title=one.title or f"Project {one.id}",
            tasks=one.task_number,
            finished=one.finished_task_number,
            annotations=one.total_annotations_number,
            predictions=one.total_predictions_number,
            created=one.created_at,
            # The page of a project shows everybody's answers, which annotators do not see.
            href=f"/labels/projects/{one.id}"
            + ("/label" if mine is not None and mine.get(one.id) == "annotator" else ""),
            # Who was invited nowhere, and is no editor, looks and does not label.
            label=f"/labels/projects/{one.id}/label" if may_make or mine is not None else "",
        )
        for one in found
    ]
    pages = max(1, -(-total // PAGE))
    return Overview(projects=rows, may_make=may_make, total=total, ask=ask, page=page, pages=pages)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else 1
