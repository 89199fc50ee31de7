"""No route of the piece is open to whom it should be closed, whatever is added to it later."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from dovetail.base.settings import ServerSettings
from dovetail.labels.people.rules import READ_BY_POST, RULES
from dovetail.labels.piece import piece
from dovetail.web.alone import Surroundings

OPEN = ("/api/token/refresh",)


@pytest.fixture
def routes(tmp_path: Path) -> Iterator[list[tuple[str, str]]]:
    """Method and path of every route of the piece."""
    server = ServerSettings(port=0, state=str(tmp_path / "other"), auth=True)
    around = Surroundings(server, {"labels": "embedded"})
    service = piece.build(around.context(), piece.settings())
    yield [
        (method, route.path)
        for route in service.routes
        if isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]
    if service.stop is not None:
        service.stop()


def address(world: Any, path: str) -> str:
    """An address of a route, about the first project, task, annotation..."""
    numbers = {"project": world.project, "task": world.tasks[0]}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda m: str(numbers.get(m[1], 1)), path)


def test_a_viewer_changes_nothing_by_any_route(
    build: Callable[..., Any], viewer: Callable[..., Any], routes: list[tuple[str, str]]
) -> None:
    world = build(2)
    vic, open_to_vic = viewer(world), []
    for method, path in routes:
        if method == "GET" or path in (*READ_BY_POST, *OPEN):
            continue
        answer = vic.http.request(method, address(world, path), json={})
        if answer.status_code != 403:
            open_to_vic.append((method, path, answer.status_code))
    assert open_to_vic == []
    assert len(routes) > 60


def test_an_annotator_reaches_only_what_a_rule_names(
    build: Callable[..., Any], routes: list[tuple[str, str]]
) -> None:
    world = build(2)
    ann, reached = world.invite("ann"), []
    for method, path in routes:
        if (method, path) in RULES or path in OPEN:
            continue
        for query in ("", f"?project={world.project}&projects={world.project}"):
            body = {} if method == "GET" else {"json": {"project": world.project}}
            answer = ann.http.request(method, address(world, path) + query, **body)
            if answer.status_code not in (403, 404):
                reached.append((method, path + query, answer.status_code))
    assert reached == []


def test_a_stranger_to_a_project_reaches_nothing_of_it(
    build: Callable[..., Any], routes: list[tuple[str, str]]
) -> None:
    world, other = build(2), build(2)
    reached = []
    for role in ("annotator", "reviewer", "manager"):
        who = other.invite(f"the-{role}", role)
        for method, path in routes:
            if "{" not in path or path in OPEN:
                continue
            body = {} if method == "GET" else {"json": {"project": other.project}}
            url = f"{address(world, path)}?project={other.project}"
            answer = who.http.request(method, url, **body)
            if answer.status_code not in (403, 404):
                reached.append((role, method, path, answer.status_code))
    assert reached == []


def test_every_rule_is_about_a_route_that_exists(routes: list[tuple[str, str]]) -> None:
    assert [rule for rule in RULES if rule not in routes] == []
