"""The form of a project: for a new one, and for its settings."""

import msgspec
from starlette.requests import Request

from dovetail.base.errors import ForbiddenError
from dovetail.labels.handlers import Handlers
from dovetail.labels.people.access import Access
from dovetail.labels.ui.starters import STARTERS, Starter
from dovetail.web.auth import Principal

__all__ = ["Form", "new_form", "settings_form"]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of a project shows; `id` is 0 for a new one."""

    id: int
    name: str
    label_config: str
    instruction: str
    wanted: int
    predictions: bool
    starters: tuple[Starter, ...]


def new_form(principal: Principal) -> Form:
    """The form that makes a project.

    Raises:
        ForbiddenError: the reader may make none.
    """
    if not principal.may("editor"):
        raise ForbiddenError(
            f"{principal.name} may not make projects", fix="use a token with the role editor"
        )
    return Form(
        id=0, name="", label_config="", instruction="", wanted=1, predictions=True,
        starters=STARTERS,
    )  # fmt: skip


def settings_form(handlers: Handlers, access: Access, request: Request) -> Form:
    """The form that changes a project.

    Raises:
        AbsentError: there is no such project.
        ForbiddenError: the reader does not manage it.
    """
    number = request.path_params["project"]
    access.need(request.state.principal, number, "manager")
    project = handlers.projects.get(number, 0)
    return Form(
        id=project.id,
        name=project.title or "",
        label_config=project.label_config or "",
        instruction=project.expert_instruction or "",
        wanted=project.maximum_annotations,
        predictions=project.show_collab_predictions,
        starters=STARTERS,
    )
