"""A Label Studio project as a table of answers, so that it can be audited where it is.

The original and ours alike: tasks are exported with all annotations, one row an annotation, and
each annotation's answer on one control is the label. Nothing is written there.
"""

import re
from typing import TYPE_CHECKING, Any

import httpx

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.labels.audit.images import Read, with_pictures
from dovetail.labels.audit.reading import Columns
from dovetail.wire.http import NotFound, Refused, WireError
from dovetail.wire.label_studio.client import Client
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.results import answers
from dovetail.wire.label_studio.tags import Control

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_project"]

_ADDRESS = re.compile(r"^(https?://.+?)(?:/labels)?/projects/(\d+)(?:[/?#].*)?$")
_TASK, _LABEL, _WHO, _GOLD = "task", "label", "annotator", "gold"


def read_project(url: str, token: str, control: str = "") -> tuple["pl.DataFrame", Columns]:
    """Read all answers of a project.

    Args:
        url: The project's page, such as http://host:8080/projects/1.
        token: An API token, or a personal access token of Label Studio.
        control: Name of the control whose answers are audited; the main one, if not given.

    Returns:
        A row for each annotation, or for each task where none has several; and which column
        holds what. Rows are named by the numbers of their tasks.

    Raises:
        InvalidInputError: the address is none of a project, it cannot be read with this token, or
            the control's answers are no labels.
    """
    found = _ADDRESS.match(url)
    if found is None:
        raise InvalidInputError(
            f"'{url}' is no address of a project", fix="give one like http://host:8080/projects/1"
        )
    try:
        with Client(found[1], token=token or None) as studio:
            config = studio.project(int(found[2])).config
            chosen = _control(config, control)
            tasks = studio.export(int(found[2]), all_tasks=False)
            table, columns = _table(tasks, config, chosen)
            return with_pictures(table, _at(studio)), columns
    except NotFound as error:
        raise InvalidInputError(f"there is no project at '{url}'", why=str(error)) from error
    except Refused as error:
        raise InvalidInputError(
            f"'{url}' cannot be read",
            why=str(error),
            fix="give an API token with --token",
        ) from error
    except WireError as error:
        raise InvalidInputError(f"'{url}' cannot be read", why=str(error)) from error


def _at(studio: Client) -> Read:
    """Read pictures that are kept by the server itself; no other address is asked."""

    def read(address: str) -> bytes | None:
        if not address.startswith("/data/"):
            return None
        try:
            response = studio.stream(address)
            try:
                return response.read()
            finally:
                response.close()
        except (WireError, httpx.HTTPError):
            return None

    return read


def _control(config: LabelConfig, name: str) -> Control:
    """The control that is audited."""
    usable = [one for one in config.controls.values() if _is_label(one)]
    asked = config.control(name) if name else config.main_control()
    if name and asked is None:
        raise InvalidInputError(
            f"the project has no control '{name}'", why=f"it has: {', '.join(config.controls)}"
        )
    if not name and (asked is None or not _is_label(asked)):
        asked = usable[0] if usable else asked
    if asked is None or not _is_label(asked):
        raise InvalidInputError(
            "there are no labels to audit",
            why="only Choices, Rating, Number and Pairwise about the whole item are",
            fix="name such a control with --label" if usable else "",
        )
    return asked


def _is_label(control: Control) -> bool:
    return control.is_single or (control.kind in ("classes", "number") and not control.per_region)


def _table(
    tasks: list[dict[str, Any]], config: LabelConfig, control: Control
) -> tuple["pl.DataFrame", Columns]:
    polars = require("polars", extra="labels", feature="auditing projects")
    rows, golden = [], {}
    for task in tasks:
        for annotation in task.get("annotations") or []:
            said = _said(annotation, config, control)
            if said is None or annotation.get("was_cancelled"):
                continue
            if annotation.get("ground_truth"):
                golden[task["id"]] = said
            rows.append((task, said, _who(annotation)))
    if not rows:
        raise InvalidInputError(f"nobody has answered '{control.name}' yet")
    data: dict[str, list[Any]] = {_TASK: [task["id"] for task, _, _ in rows]}
    data[_LABEL] = [label for _, label, _ in rows]
    data[_WHO] = [who for _, _, who in rows]
    data[_GOLD] = [golden.get(task["id"]) for task, _, _ in rows]
    for name in sorted({name for task, _, _ in rows for name in task.get("data") or {}}):
        data[f"data.{name}"] = [_plain((task.get("data") or {}).get(name)) for task, _, _ in rows]
    several = len(set(data[_TASK])) < len(rows)
    columns = Columns(
        _LABEL, {}, _WHO, item=_TASK if several else "", gold=_GOLD if golden else "",
        key=_TASK, ignore=() if golden else (_GOLD,),
    )  # fmt: skip
    lists = dict.fromkeys((_LABEL, _GOLD), polars.List(polars.String)) if control.multiple else {}
    series = [
        polars.Series(name, values, lists.get(name), strict=False) for name, values in data.items()
    ]
    return polars.DataFrame(series), columns


def _said(
    annotation: dict[str, Any], config: LabelConfig, control: Control
) -> str | list[str] | None:
    """What an annotation answers; of several labels all, where nothing is chosen none of them."""
    answer = answers(annotation.get("result") or [], config).get(control.name)
    if control.multiple:
        return list(answer.labels) if answer is not None else []
    return answer.key if answer is not None else None


def _who(annotation: dict[str, Any]) -> str:
    """Who made an annotation; the server says a number, or more."""
    said = annotation.get("completed_by")
    if isinstance(said, dict):
        said = said.get("email") or said.get("id")
    return "nobody" if said is None else str(said)


def _plain(value: Any) -> Any:
    """A value as a column can hold it: numbers and texts; what is deeper as text."""
    return value if value is None or isinstance(value, int | float | str) else str(value)
