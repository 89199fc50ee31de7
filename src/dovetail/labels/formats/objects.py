"""JSON and JSON lines: tasks as objects, with or without `data` around their fields."""

import json
from typing import Any

import msgspec

from dovetail.base.errors import InvalidInputError
from dovetail.wire import lenient

__all__ = ["read_json", "read_json_lines"]

Task = dict[str, Any]


def read_json(content: bytes, name: str) -> list[Task]:
    """Read one object or a list of them.

    Raises:
        InvalidInputError: it is no JSON, with line and column; or an item is no task, with its
            position.
    """
    found = _parsed(content.removeprefix(b"\xef\xbb\xbf"), name, 1)
    items = found if isinstance(found, list) else [found]
    return [_task(item, f"{name}, item {index}") for index, item in enumerate(items, 1)]


def read_json_lines(text: str, name: str) -> list[Task]:
    """Read an object a line; empty lines are passed over.

    Raises:
        InvalidInputError: a line is no task; it and the column are said.
    """
    tasks = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            tasks.append(_task(_parsed(line.encode(), name, number), f"{name}, line {number}"))
    return tasks


def _parsed(content: bytes, name: str, line: int) -> Any:
    try:
        return lenient.loads(content)
    except msgspec.DecodeError as error:
        raise InvalidInputError(*_where(content, name, line, error)) from error


def _where(content: bytes, name: str, line: int, error: Exception) -> tuple[str]:
    """Say where: the quick parser does not count lines, the slow one is asked again."""
    try:
        json.loads(content)
    except json.JSONDecodeError as fault:
        place = f"line {line + fault.lineno - 1}, column {fault.colno}"
        return (f"{name}, {place}: this is not JSON: {fault.msg}",)
    except (ValueError, RecursionError):
        pass
    return (f"{name}, line {line}: this is not JSON: {error}",)


def _task(item: Any, where: str) -> Task:
    if not isinstance(item, dict):
        raise InvalidInputError(
            f"{where}: a task is an object, and this is a {type(item).__name__}",
            fix='write {"data": {"text": "..."}}',
        )
    if not item.get("data"):
        return {"data": item}
    if not isinstance(item["data"], dict):
        raise InvalidInputError(
            f"{where}: `data` is a {type(item['data']).__name__}",
            why="it holds a task's fields by name",
            fix='write {"data": {"text": "..."}}',
        )
    return item
