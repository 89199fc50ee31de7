"""One project: how far it is, its tasks, what annotators are told."""

from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from dovetail.labels.handlers import Handlers
from dovetail.labels.handlers.configs import config_of
from dovetail.labels.people.access import ProjectRole
from dovetail.labels.store import annotations as annotation_rows
from dovetail.labels.store import listing
from dovetail.labels.ui.compound import Parted
from dovetail.labels.ui.said import said
from dovetail.web.sorting import Sort
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.entities import Project

__all__ = ["ProjectPage", "TaskRow", "project_page"]

PAGE = 50
_SHOWN = 160
_ANSWERS = 3
_TIMES = "\N{MULTIPLICATION SIGN}"
_SMALL_PICTURE = 16_000


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """A task in the table.

    Attributes:
        id: its number on this server.
        text: the beginning of what it shows.
        picture: the address of its picture, where it shows one.
        said: what was said of it, the newest few.
        more: how many further answers there are.
        annotations, skipped, predictions, comments: how many.
        score: mean score of the predictions.
        finished: whether it has as many answers as wanted.
        updated: when something about it changed.
        href: its page.
    """

    id: int
    text: str
    picture: str
    said: list[str]
    more: int
    annotations: int
    skipped: int
    predictions: int
    comments: int
    score: float | None
    finished: bool
    updated: str
    href: str


class ProjectPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of a project shows; `role` is what the reader is there."""

    id: int
    name: str
    role: ProjectRole | None
    tasks: int
    finished: int
    annotations: int
    skipped: int
    gold: int
    predictions: int
    wanted: int
    instruction: str
    rows: list[TaskRow]
    found: int
    show: str
    shows: list[str]
    ask: str
    sort: Sort
    page: int
    pages: int
    previous: str
    next: str
    unknown: list[str]
    parted: Parted | None


def project_page(
    handlers: Handlers, parted: Parted | None, role: ProjectRole | None, request: Request
) -> ProjectPage:
    """One project, with the page of its tasks that is asked for.

    Args:
        handlers: The server's use cases.
        parted: Whose parts its tasks are.
        role: What the reader is in it.
        request: Which page.

    Raises:
        AbsentError: there is no such project.
    """
    number = request.path_params["project"]
    project = handlers.projects.get(number, 0)
    show, ask, sort, page = _asked(request)
    found, rows = _tasks(handlers, project, show, ask, sort, page)
    pages = max(1, -(-found // PAGE))
    return ProjectPage(
        id=number,
        name=project.title or f"Project {number}",
        role=role,
        tasks=project.task_number,
        finished=project.finished_task_number,
        annotations=project.total_annotations_number,
        skipped=project.skipped_annotations_number,
        gold=project.ground_truth_number,
        predictions=project.total_predictions_number,
        wanted=project.maximum_annotations,
        instruction=project.expert_instruction or "",
        rows=rows,
        found=found,
        show=show,
        shows=list(listing.SHOWS),
        ask=ask,
        sort=sort,
        page=page,
        pages=pages,
        previous=_turn(request, page - 1) if page > 1 else "",
        next=_turn(request, page + 1) if page < pages else "",
        unknown=list(config_of(project.label_config or "").unknown_tags),
        parted=parted,
    )


def _asked(request: Request) -> tuple[str, str, Sort, int]:
    """Which tasks are asked for: the kind, what their data holds, the order, the page."""
    query = request.query_params
    show = query.get("show", "all")
    show = show if show in listing.SHOWS else "all"
    return show, query.get("ask", "").strip()[:200], _sort(request), _page(query.get("page", "1"))


def _tasks(
    handlers: Handlers, project: Project, show: str, ask: str, sort: Sort, page: int
) -> tuple[int, list[TaskRow]]:
    config = config_of(project.label_config or "")

    def read(c: Any) -> tuple[int, list[Any], dict[int, list[Any]]]:
        plain = show == "all" and not ask
        found = project.task_number if plain else listing.count(c, project.id, show=show, ask=ask)
        rows = listing.page(
            c,
            project.id,
            show=show,
            ask=ask,
            by=sort.by,
            descending=sort.descending,
            limit=PAGE,
            offset=(page - 1) * PAGE,
        )
        return found, rows, annotation_rows.for_tasks(c, [row.id for row in rows])

    found, rows, answers = handlers.backend.database.read(read)
    return found, [_row(row, answers.get(row.id, []), config) for row in rows]


def _row(row: Any, answers: list[Any], config: LabelConfig) -> TaskRow:
    text, picture = _shown(row, config)
    newest = answers[-_ANSWERS:]
    return TaskRow(
        id=row.id,
        text=text,
        picture=picture,
        said=_folded(said(one.result, config, was_cancelled=one.was_cancelled) for one in newest),
        more=len(answers) - len(newest),
        annotations=row.total_annotations,
        skipped=row.cancelled_annotations,
        predictions=row.total_predictions,
        comments=row.comment_count,
        score=row.predictions_score,
        finished=bool(row.is_labeled),
        updated=row.updated_at,
        href=f"/labels/tasks/{row.id}",
    )


def _folded(words: Iterable[str]) -> list[str]:
    """Each answer once, with how often it was given."""
    counts = Counter(words)
    return [word if count == 1 else f"{count} {_TIMES} {word}" for word, count in counts.items()]


def _shown(row: Any, config: LabelConfig) -> tuple[str, str]:
    """The beginning of what a task shows, or the address of its picture."""
    if row.data is None:
        return f"{row.begin[:_SHOWN]}…", ""
    data: Any = msgspec.json.decode(row.data)
    if not isinstance(data, dict):
        return _short(data), ""
    first = next((one for one in config.objects.values() if one.field in data), None)
    if first is None:
        return _short(data), ""
    value = data[first.field]
    if first.tag == "Image" and isinstance(value, str):
        small = len(value) <= _SMALL_PICTURE and value.startswith(("http", "/", "data:image/"))
        return ("", value) if small and "svg+xml" not in value[:40] else (value[:_SHOWN], "")
    return _short(value), ""


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _sort(request: Request) -> Sort:
    """The order that is asked for; another order begins with the first page."""
    sort = Sort.of(request, allowed=set(listing.COLUMNS), default="id")
    rest = tuple(pair for pair in sort.query if pair[0] != "page")
    return msgspec.structs.replace(sort, query=rest)


def _page(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 9 else 1


def _turn(request: Request, page: int) -> str:
    rest = [pair for pair in request.query_params.multi_items() if pair[0] != "page"]
    return "?" + urlencode([*rest, ("page", str(page))])
