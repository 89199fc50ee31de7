import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from dovetail.web.routing import Index
from dovetail.web.testing import serve_in_thread


def say(text):
    def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{text} {dict(request.path_params)}")

    return endpoint


ROUTES = [
    Route("/", say("home")),
    Route("/v2/models/{name}/infer", say("infer"), methods=["POST"]),
    Route("/v2/models/{name}", say("model")),
    Route("/{anything}/special", say("wild")),
    Route("/v2/special", say("late")),
    Route("/api/{rest:path}", say("api")),
    Mount("/static", routes=[Route("/x", say("static"))]),
]


@pytest.fixture(scope="module")
def servers():
    plain, indexed = Starlette(routes=ROUTES), Starlette(routes=[Index(ROUTES)])
    with serve_in_thread(plain) as one, serve_in_thread(indexed) as other:
        yield one.url, other.url


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/v2/models/m/infer"),
        ("GET", "/v2/models/m/infer"),
        ("GET", "/v2/models/m"),
        ("GET", "/v2/special"),
        ("GET", "/other/special"),
        ("GET", "/api/a/b"),
        ("GET", "/static/x"),
        ("GET", "/static/y"),
        ("GET", "/nothing"),
        ("GET", "/v2"),
        ("GET", "//v2/models/m"),
    ],
)
def test_an_index_answers_as_the_list_of_routes_does(servers, method, path):
    expected, found = (httpx.request(method, url + path) for url in servers)
    assert (found.status_code, found.text) == (expected.status_code, expected.text)
    assert found.headers.get("allow") == expected.headers.get("allow")
