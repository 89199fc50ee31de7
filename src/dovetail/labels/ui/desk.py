"""The desk where people label, and what it and the form of a project ask of the server."""

import io
from pathlib import PurePosixPath
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.base.errors import InvalidInputError
from dovetail.labels.formats.reading import read
from dovetail.labels.handlers import Handlers
from dovetail.labels.handlers.configs import config_of
from dovetail.labels.people.people import People
from dovetail.labels.people.plan import Example
from dovetail.labels.routes.kit import Call, Kit, json_response
from dovetail.labels.ui.desk_config import DeskConfig, desk_config
from dovetail.labels.ui.starters import sample_of

__all__ = ["Desk", "DeskFacts", "Peeked", "Preview", "desk_page", "desk_routes"]

_AHEAD = 20
_LOOKED = 100
_TABLES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")


class DeskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What `<label-desk>` reads.

    Attributes:
        project: its id.
        title: its title.
        user: who labels: their answers are kept apart from others' in one browser.
        config: what is shown and asked.
        queue: where items are handed out.
        blind: whether no pre-labels are shown.
        instruction: what annotators are told, as markup that is never trusted.
        examples: items with their right answer and why.
        standing: where the annotator stands with their qualification; empty where none is needed.
        total: how many items there are for this annotator, answered ones included.
        done: how many of them they have answered.
        home: the page to go back to: the project's, or for who may not see it all of theirs.
    """

    project: int
    title: str
    user: str
    config: DeskConfig
    queue: str
    blind: bool
    instruction: str
    examples: list[Example]
    standing: str
    total: int
    done: int
    home: str


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of the desk shows."""

    facts: DeskFacts


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A label config at work: what the desk shows, on an item made up for it."""

    config: DeskConfig
    data: dict[str, object]
    fields: list[str]
    notes: list[str]


class _Asked(msgspec.Struct):
    label_config: str


class Peeked(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of tasks holds.

    Attributes:
        count: how many tasks.
        fields: the fields of their data.
        first: the data of the first one.
    """

    count: int
    fields: list[str]
    first: dict[str, Any]


def desk_page(handlers: Handlers, people: People, request: Request) -> Desk:
    """The desk of a project.

    Raises:
        AbsentError: there is no such project.
    """
    principal = request.state.principal
    number, user = request.path_params["project"], handlers.users.id_of(principal.name)
    project = handlers.projects.get(number, user)
    progress = people.room.queue.progress(number, user)
    needs_none = progress.verdict is None and progress.may_label
    may_see = people.room.access.may_see_all(principal, number)
    blind = request.query_params.get("blind") == "1" or not project.show_collab_predictions
    facts = DeskFacts(
        project=number,
        title=project.title or f"Project {number}",
        user=principal.name,
        config=desk_config(config_of(project.label_config or "")),
        queue=f"/api/labels/projects/{number}/queue" + ("?blind=1" if blind else ""),
        blind=blind,
        instruction=project.expert_instruction or "",
        examples=list(people.room.plans.of(number).examples),
        standing="" if needs_none else progress.text,
        total=project.queue_total,
        done=project.queue_done,
        home=f"/labels/projects/{number}" if may_see else "/labels",
    )
    return Desk(facts=facts)


def desk_routes(handlers: Handlers, kit: Kit) -> list[BaseRoute]:
    """Return the routes of what the desk and the form of a project ask."""

    def queue(call: Call) -> Response:
        """The next items for the caller, loaded ahead and kept for them."""
        return json_response(
            handlers.queueing.items(
                call.path("project"),
                call.user,
                count=call.number("count", _AHEAD) or _AHEAD,
                without=_numbers(call.query("without")),
                is_blind=call.flag("blind"),
            )
        )

    def preview(call: Call) -> Response:
        """What the desk shows of a label config, or what is wrong with it."""
        config = config_of(call.read(_Asked).label_config)
        shown = Preview(
            config=desk_config(config),
            data=sample_of(config),
            fields=list(config.fields),
            notes=list(config.notes),
        )
        return json_response(shown)

    def peek(call: Call) -> Response:
        """What a file of tasks holds; nothing of it is kept."""
        name = call.query("name", "tasks.json")
        if PurePosixPath(name).suffix.lower() not in _TABLES:
            raise InvalidInputError(f"{name} lists no tasks", fix="send JSON, CSV, TSV or Parquet")
        tasks = read(io.BytesIO(call.body), name).tasks
        data = [task.get("data", {}) for task in tasks[:_LOOKED]]
        columns = dict.fromkeys(key for one in data for key in one)
        shown = Peeked(count=len(tasks), fields=list(columns), first=data[0] if data else {})
        return json_response(shown)

    return [
        kit.route("POST", "/api/labels/files/peek", peek, is_import=True),
        kit.route("GET", "/api/labels/projects/{project:int}/queue", queue),
        kit.route("POST", "/api/labels/config/preview", preview),
    ]


def _numbers(text: str) -> list[int]:
    parts = text.split(",") if text else []
    if not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        raise InvalidInputError("without is no list of task ids", fix="write 'without=1,2,3'")
    return [int(part) for part in parts]
