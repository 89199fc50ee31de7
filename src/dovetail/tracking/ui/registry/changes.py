"""Forms that change the registry: first a page that says what will happen, then the change.

A change goes to the protocol's own endpoint inside this app, as the caller: whatever stands in
front of that endpoint, a gate of governance for example, sees a form as it sees every client.
"""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

import msgspec
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message, Scope

from dovetail.base.errors import ForbiddenError, InvalidInputError
from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers import models as model_cases
from dovetail.tracking.handlers import versions as version_cases
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.store import models
from dovetail.tracking.ui.registry.telling import model_href, version_href
from dovetail.tracking.validation import check_alias, check_stage, version_number
from dovetail.web.auth import require_role
from dovetail.wire.mlflow import PREFIX, GetModelVersion, GetRegisteredModel

__all__ = ["ChangePage", "change_page", "changer"]

LARGEST = 256 << 10
_PASSED = (b"authorization", b"cookie", b"host", b"origin")
_TARGETS = {
    "alias": ("POST", "/registered-models/alias", ("name", "alias", "version")),
    "unalias": ("DELETE", "/registered-models/alias", ("name", "alias")),
    "stage": ("POST", "/model-versions/transition-stage", ("name", "version", "stage", "archive")),
    "describe": ("PATCH", "/registered-models/update", ("name", "description")),
    "describe-version": ("PATCH", "/model-versions/update", ("name", "version", "description")),
    "tag": ("POST", "/registered-models/set-tag", ("name", "key", "value")),
    "untag": ("DELETE", "/registered-models/delete-tag", ("name", "key")),
    "tag-version": ("POST", "/model-versions/set-tag", ("name", "version", "key", "value")),
    "untag-version": ("DELETE", "/model-versions/delete-tag", ("name", "version", "key")),
}


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """What will happen, before it does.

    Attributes:
        name: of the model.
        do: the kind of change.
        fields: what the form will send.
        sentence: what will happen.
        before: what there is now.
        back: where to go if it shall not happen.
        href: where the form is sent.
    """

    name: str
    do: str
    fields: dict[str, str]
    sentence: str
    before: str
    back: str
    href: str


def change_page(b: Backend, c: Connection, request: Request) -> ChangePage:
    """Return what a change of an alias or a stage would do.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: `do` is `alias`, `unalias` or `stage`; the rest are its fields.

    Raises:
        InvalidInputError: it is another change.
    """
    name, asked = request.path_params["name"], request.query_params
    do, alias = asked.get("do", ""), asked.get("alias", "").strip().removeprefix("@")
    model = model_cases.get(b, c, GetRegisteredModel(name)).registered_model
    if do == "stage":
        return _stage(b, c, name, asked)
    if do not in ("alias", "unalias"):
        raise InvalidInputError(f"the change {do!r} is unknown", fix="follow a button of the page")
    check_alias(alias, reserved=do == "alias")
    before = next((one.version for one in model.aliases if one.alias == alias), "")
    fields = {"alias": alias, "before": before}
    if do == "unalias":
        sentence = f"Remove @{alias}, which names version {before or 'nothing'}"
    else:
        number = str(version_number(asked.get("version", "")))
        version_cases.get(b, c, GetModelVersion(name, number))
        fields["version"] = number
        moved = f"Move @{alias} from version {before} to version {number}"
        sentence = moved if before else f"Set @{alias} to version {number}"
    return _page(name, do, fields, sentence, before)


def _stage(b: Backend, c: Connection, name: str, asked: Mapping[str, str]) -> ChangePage:
    number, stage = asked.get("version", ""), check_stage(asked.get("stage", ""))
    version = version_cases.get(b, c, GetModelVersion(name, number)).model_version
    archive = "true" if asked.get("archive") and stage in version_cases.ACTIVE_STAGES else "false"
    before = version.current_stage or ""
    fields = {"version": number, "stage": stage, "archive": archive, "before": before}
    sentence = f"Move version {number} from stage {before} to {stage}"
    if archive == "true":
        sentence += f" and archive the other versions in {stage}"
    return _page(name, "stage", fields, sentence, before)


def _page(name: str, do: str, fields: dict[str, str], sentence: str, before: str) -> ChangePage:
    back = version_href(name, fields["version"]) if do == "stage" else model_href(name)
    return ChangePage(
        name=name,
        do=do,
        fields=fields,
        sentence=sentence,
        before=before,
        back=back,
        href=f"{model_href(name)}/change",
    )


def changer(operations: Operations) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that takes the forms."""

    async def change(request: Request) -> Response:
        """Change an alias, a stage, a description or a tag, and go back to the page."""
        require_role(request, "editor")
        name = request.path_params["name"]
        fields = await _fields(request)
        do = fields.get("do", "")
        if do not in _TARGETS:
            raise InvalidInputError(f"the change {do!r} is unknown", fix="use a form of the page")
        await run_in_threadpool(lambda: _check_unchanged(operations, name, do, fields))
        await _send(request, do, {**fields, "name": name})
        on_version = do == "stage" or do.endswith("-version")
        back = version_href(name, fields.get("version", "")) if on_version else model_href(name)
        return RedirectResponse(back, 303)

    return change


async def _fields(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise InvalidInputError("the form is too large", fix="send less than 256 KB")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {key: value.replace("\r\n", "\n") for key, value in pairs}


def _check_unchanged(operations: Operations, name: str, do: str, fields: Mapping[str, str]) -> None:
    """Refuse where somebody was faster: the page told of a change that is no longer that one."""
    if "before" not in fields or do not in ("alias", "unalias", "stage"):
        return

    def look(c: Connection) -> str:
        if do == "stage":
            asked = GetModelVersion(name, fields.get("version", ""))
            return version_cases.get(operations.backend, c, asked).model_version.current_stage or ""
        key = models.get(c, name).id
        return str(models.version_of_alias(c, key, fields.get("alias", "")) or "")

    now = operations.database.read(look)
    if now != fields["before"]:
        raise InvalidInputError(
            "nothing was changed",
            why=f"meanwhile somebody else changed it to {now or 'nothing'}",
            fix="go back, look again, and ask once more",
        )


async def _send(request: Request, do: str, fields: Mapping[str, str]) -> None:
    """Ask the protocol's endpoint, as the caller.

    Raises:
        ForbiddenError: it refuses.
        InvalidInputError: it cannot do it.
    """
    method, path, names = _TARGETS[do]
    wanted: dict[str, object] = {key: fields.get(key, "") for key in names}
    if "archive" in wanted:
        wanted["archive_existing_versions"] = wanted.pop("archive") == "true"
    status, answer = await _call(request, method, PREFIX + path, msgspec.json.encode(wanted))
    if status < 300:
        return
    try:
        why = str(msgspec.json.decode(answer)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        why = f"the registry answered {status}"
    kind = ForbiddenError if status in (401, 403) else InvalidInputError
    raise kind("the registry did not make the change", why=why)


async def _call(request: Request, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """Call this app on another path with the caller's own credentials."""
    kept = [(k, v) for k, v in request.scope["headers"] if k in _PASSED]
    sizes = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope: Scope = {
        **{key: value for key, value in request.scope.items() if key not in _OWN},
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [*kept, *sizes],
        "state": dict(request.scope.get("state", {})),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await request.app(scope, receive, send)
    content = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    return int(sent[0]["status"]), content


_OWN = ("path_params", "endpoint", "route", "router", "app", "starlette.exception_handlers")
