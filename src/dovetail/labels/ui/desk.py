"""The desk where people label: what its element needs to know, and the two calls it makes of us."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.base.errors import InvalidInputError
from dovetail.labels.handlers import Handlers
from dovetail.labels.handlers.configs import config_of
from dovetail.labels.routes.kit import Call, Kit, json_response
from dovetail.labels.ui.desk_config import DeskConfig, desk_config
from dovetail.labels.ui.starters import sample_of

__all__ = ["Desk", "DeskFacts", "Preview", "desk_page", "desk_routes"]

_AHEAD = 20


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
        total: how many items there are for this annotator, answered ones included.
        done: how many of them they have answered.
    """

    project: int
    title: str
    user: str
    config: DeskConfig
    queue: str
    blind: bool
    instruction: str
    total: int
    done: int


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


def desk_page(handlers: Handlers, request: Request) -> Desk:
    """The desk of a project.

    Raises:
        AbsentError: there is no such project.
    """
    name: str = request.state.principal.name
    number = request.path_params["project"]
    project = handlers.projects.get(number, handlers.users.id_of(name))
    blind = request.query_params.get("blind") == "1" or not project.show_collab_predictions
    facts = DeskFacts(
        project=number,
        title=project.title or f"Project {number}",
        user=name,
        config=desk_config(config_of(project.label_config or "")),
        queue=f"/api/labels/projects/{number}/queue" + ("?blind=1" if blind else ""),
        blind=blind,
        instruction=project.expert_instruction or "",
        total=project.queue_total,
        done=project.queue_done,
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

    return [
        kit.route("GET", "/api/labels/projects/{project:int}/queue", queue),
        kit.route("POST", "/api/labels/config/preview", preview),
    ]


def _numbers(text: str) -> list[int]:
    parts = text.split(",") if text else []
    if not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        raise InvalidInputError("without is no list of task ids", fix="write 'without=1,2,3'")
    return [int(part) for part in parts]
