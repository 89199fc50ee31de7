"""One folder or one file of a run, a logged model or a version, as the page shows it."""

from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from dovetail.base.artifacts import Stat
from dovetail.base.errors import InvalidInputError, NotFoundError, UnavailableError
from dovetail.tracking import paging, previews
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.paths import safe_path
from dovetail.tracking.places import Place, place_of
from dovetail.tracking.previews import Preview, Source
from dovetail.tracking.previews.card import ModelCard, read_card
from dovetail.tracking.ui.files.owners import Owner

__all__ = ["Crumb", "FileLine", "FilesView", "files_view", "located"]

PAGE = 200


class Crumb(msgspec.Struct, frozen=True):
    """A step of the way to a file."""

    text: str
    href: str


class FileLine(msgspec.Struct, frozen=True, kw_only=True):
    """A file or folder in a list; `modified` in milliseconds since 1970."""

    name: str
    path: str
    href: str
    is_dir: bool
    size: int | None
    modified: int | None


class FilesView(msgspec.Struct, frozen=True, kw_only=True):
    """A folder or a file.

    Attributes:
        owner: whose files these are.
        path: of the folder or file; empty for the root.
        is_dir: whether it is a folder.
        crumbs: the way to it.
        files: what a folder holds.
        count: how much that is.
        next: the query string of the next page of a long list.
        size: of a file, in bytes.
        modified: when a file was written, in milliseconds since 1970.
        download: the address of a file's content.
        preview: what can be seen of a file.
        card: what a model folder says of itself.
        problem: why nothing can be shown.
    """

    owner: Owner
    path: str
    is_dir: bool
    crumbs: list[Crumb] = []
    files: list[FileLine] = []
    count: int = 0
    next: str = ""
    size: int | None = None
    modified: int | None = None
    download: str = ""
    preview: Preview | None = None
    card: ModelCard | None = None
    problem: str = ""


def files_view(b: Backend, owner: Owner, path: str, request: Request | None = None) -> FilesView:
    """Return a folder or a file.

    Args:
        b: the surroundings of the use cases.
        owner: whose it is.
        path: below the owner's root.
        request: `page` of a long list; `from` and `line` of a long text.

    Raises:
        MissingResourceError: there is no such file.
        InvalidParameterError: the path could leave its root.
    """
    inside = safe_path(path).strip("/")
    try:
        place = place_of(b, owner.root)
    except InvalidParameterError:
        problem = f"The files lie at {owner.root}, which is not behind this server."
        return FilesView(owner=owner, path=inside, is_dir=True, problem=problem)
    try:
        return _view(place, owner, inside, request)
    except UnavailableError as error:  # the rest of a run's page can be shown all the same
        return FilesView(owner=owner, path=inside, is_dir=True, problem=str(error))


def _view(place: Place, owner: Owner, inside: str, request: Request | None) -> FilesView:
    query = request.query_params if request is not None else {}
    crumbs = _crumbs(owner, inside)
    found = located(place, inside)
    if found is None or found.is_dir:
        return _folder(place, owner, inside, crumbs, paging.offset_of(query.get("page")))
    start, line = _number(query.get("from", "0")), _number(query.get("line", "1"))
    source = Source(place.store, found.path, found.size)
    return FilesView(
        owner=owner,
        path=inside,
        is_dir=False,
        crumbs=crumbs,
        size=found.size,
        modified=int(found.modified * 1000),
        download=owner.download(inside),
        preview=previews.preview(source, owner.address("image", inside), start, line),
    )


def located(place: Place, inside: str) -> Stat | None:
    """Return what lies at a path of a place; None for a root that holds nothing yet.

    Raises:
        MissingResourceError: there is nothing.
    """
    try:
        return place.store.stat(place.inside(inside))
    except NotFoundError as error:
        if not inside:
            return None
        raise MissingResourceError(f"No such artifact: '{inside}'") from error
    except InvalidInputError as error:
        raise InvalidParameterError("Invalid path") from error


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _crumbs(owner: Owner, inside: str) -> list[Crumb]:
    steps = inside.split("/") if inside else []
    paths = ["/".join(steps[: i + 1]) for i in range(len(steps))]
    inner = [
        Crumb(step, owner.address("files", path)) for step, path in zip(steps, paths, strict=True)
    ]
    return [Crumb(f"files of {owner.title}", owner.address("files", "")), *inner]


def _folder(place: Place, owner: Owner, inside: str, crumbs: list[Crumb], offset: int) -> FilesView:
    path = place.inside(inside)
    found = sorted(place.store.list(path), key=lambda one: (not one.is_dir, one.path))
    lines = [_line(owner, inside, one) for one in found[offset : offset + PAGE]]
    more = "?" + urlencode({"page": paging.token_of(offset + PAGE)})
    return FilesView(
        owner=owner,
        path=inside,
        is_dir=True,
        crumbs=crumbs,
        files=lines,
        count=len(found),
        next=more if offset + PAGE < len(found) else "",
        card=read_card(place.store, path) if any(_is_card(one) for one in found) else None,
    )


def _is_card(one: Stat) -> bool:
    return not one.is_dir and one.path.rsplit("/", 1)[-1] == "MLmodel"


def _line(owner: Owner, inside: str, one: Stat) -> FileLine:
    name = one.path.rsplit("/", 1)[-1]
    path = f"{inside}/{name}" if inside else name
    return FileLine(
        name=name + ("/" if one.is_dir else ""),
        path=path,
        href=owner.address("files", path),
        is_dir=one.is_dir,
        size=None if one.is_dir else one.size,
        modified=None if one.is_dir else int(one.modified * 1000),
    )
