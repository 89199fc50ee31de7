from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dovetail.web.app import create_app
from dovetail.web.auth import COOKIE, Tokens
from dovetail.web.inprocess import InProcessTransport
from dovetail.web.login import _local
from dovetail.web.serve import serve_in_thread

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    made = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    yield made
    made.close()


@pytest.fixture
def visitor(tokens: Tokens) -> Iterator[httpx.Client]:
    app = create_app([], transport=InProcessTransport("login"), tokens=tokens)
    with serve_in_thread(app) as server, httpx.Client(base_url=server.url) as client:
        yield client


def test_a_browser_without_a_token_is_led_to_the_form(visitor: httpx.Client) -> None:
    answer = visitor.get("/metrics?a=1", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/login?next=%2Fmetrics%3Fa%3D1",
    )
    form = visitor.get(answer.headers["location"], headers=BROWSER)
    assert form.status_code == 200
    assert 'name="next" value="/metrics?a=1"' in form.text


@pytest.mark.parametrize(
    "headers", [{}, {**BROWSER, "Authorization": "Bearer wrong"}], ids=["program", "wrong token"]
)
def test_a_program_is_refused_and_not_led_anywhere(
    visitor: httpx.Client, headers: dict[str, str]
) -> None:
    assert visitor.get("/metrics", headers=headers).status_code == 401


def test_a_token_opens_the_page_that_was_wanted(visitor: httpx.Client, tokens: Tokens) -> None:
    secret = tokens.create("ann", "viewer")
    answer = visitor.post("/login", data={"token": f" {secret} ", "next": "/metrics"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/metrics")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert visitor.get("/metrics").status_code == 200
    left = visitor.post("/logout")
    assert left.status_code == 303
    assert COOKIE not in visitor.cookies
    assert visitor.get("/metrics").status_code == 401


def test_an_unknown_token_opens_nothing(visitor: httpx.Client) -> None:
    answer = visitor.post("/login", data={"token": "dvt_guess", "next": "/metrics"})
    assert answer.status_code == 401
    assert "This token is unknown or revoked." in answer.text
    assert "set-cookie" not in answer.headers


def test_another_site_cannot_sign_a_browser_in_or_out(
    visitor: httpx.Client, tokens: Tokens
) -> None:
    secret = tokens.create("ann", "viewer")
    for path in ("/login", "/logout"):
        answer = visitor.post(
            path, data={"token": secret}, headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403


def test_an_endless_form_is_not_read_to_its_end(visitor: httpx.Client) -> None:
    answer = visitor.post("/login", content=b"token=" + b"x" * 3_000_000)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/serving?a=1", "/serving?a=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_the_way_back_stays_on_this_server(wanted: str, led: str) -> None:
    assert _local(wanted) == led
