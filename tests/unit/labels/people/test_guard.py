"""No route of the piece is open to whom it should be closed, whatever is added to it later."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
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


def test_the_walk_meets_every_part_of_the_piece(routes: list[tuple[str, str]]) -> None:
    paths = {path for method, path in routes if method != "GET"}
    one = "/api/labels/projects/{project:int}"
    parts = {
        "exports": f"{one}/snapshots",
        "export files": "/api/projects/{project:int}/exports/{export:int}/convert",
        "routing": f"{one}/routing",
        "sources": f"{one}/sources/{{name}}",
        "compounds": f"{one}/join",
        "learning": f"{one}/learner/train",
        "learner as a backend": "/labels/ml/{project:int}/webhook",
        "people": f"{one}/members/{{user:int}}",
        "backends": "/api/ml/{backend:int}/train",
        "webhooks": "/api/webhooks/{webhook:int}",
        "views": "/api/dm/actions",
        "pages": "/labels/projects/{project:int}/people",
    }
    assert [part for part, path in parts.items() if path not in paths] == []


def test_nobody_reads_or_changes_anything_by_any_route(
    build: Callable[..., Any], routes: list[tuple[str, str]]
) -> None:
    world, answered = build(2), []
    for headers in ({}, {"Authorization": "Bearer dvt_wrong"}, {"Authorization": "Token wrong"}):
        with httpx.Client(base_url=world.url, headers=headers, timeout=60) as nobody:
            for method, path in routes:
                if path in OPEN:
                    continue
                body = {} if method == "GET" else {"json": {}}
                answer = nobody.request(method, address(world, path), **body)
                to_login = answer.status_code == 303 and "/login" in answer.headers["location"]
                if answer.status_code != 401 and not to_login:
                    answered.append((method, path, answer.status_code))
    assert answered == []


def test_who_only_looks_is_handed_no_item(
    build: Callable[..., Any], viewer: Callable[..., Any]
) -> None:
    world = build(1)
    vic, ann = viewer(world), world.invite("ann")
    refused = vic.get(f"/api/projects/{world.project}/next", status=403)
    assert "vic may not label here" in str(refused)
    vic.get(f"{world.api}/queue", status=403)
    vic.get(f"/labels/projects/{world.project}/label", status=403)
    assert world.next(ann)["id"] == world.tasks[0]


LINK = re.compile(r'(?:href|src|action)="(/[^"#]*)')


@pytest.mark.parametrize("role", ["looker", "annotator", "reviewer", "manager", "editor"])
def test_a_page_offers_nothing_that_its_reader_may_not_do(
    build: Callable[..., Any], viewer: Callable[..., Any], role: str
) -> None:
    world = build(2)
    world.boss.answer(world.tasks[0], "good")
    world.boss.post(f"{world.api}/snapshots", {"name": "v1"})
    who = viewer(world) if role == "looker" else world.boss
    who = who if role in ("looker", "editor") else world.invite("the-reader", role)
    seen, left, broken = set(), ["/labels"], []
    while left:
        page = left.pop()
        seen.add(page)
        answer = who.http.get(page)
        if answer.status_code >= 400:
            broken.append((page, answer.status_code))
            continue
        if "html" not in answer.headers.get("content-type", "") or page.startswith("/login"):
            continue
        text = answer.text
        if role == "looker":
            assert 'method="post"' not in text.split("<main", 1)[1], page  # signing out is above
            assert "<api-form" not in text, page
        found = {one.replace("&amp;", "&") for one in LINK.findall(text)}
        inside = {
            one for one in found if one.startswith(("/labels", "/api")) and one != "/labels/ml"
        }
        inside = {one for one in inside if f"/{world.project}" in one or one.startswith("/labels")}
        posts = {one for one in inside if f'action="{one}"' in text and one.startswith("/api")}
        left += sorted(inside - seen - set(left) - posts)
    assert broken == []
    assert (f"/labels/projects/{world.project}/settings" in seen) == (role in ("manager", "editor"))
    assert ("/labels/new" in seen) == (role == "editor")


def test_only_who_may_make_a_snapshot_is_offered_one(
    build: Callable[..., Any], viewer: Callable[..., Any]
) -> None:
    world = build(1)
    for who, may in ((viewer(world), False), (world.invite("rae", "reviewer"), False),
                     (world.invite("max", "manager"), True), (world.boss, True)):  # fmt: skip
        page = who.get(f"/labels/projects/{world.project}/exports")
        assert ("Make a snapshot" in page) is may
        made = who.http.post(f"{world.api}/snapshots", json={"name": "v1"})
        assert made.status_code in ((200, 201) if may else (403,))
