import threading
import time

import httpx
import pytest

from dovetail.wire import http
from dovetail.wire.http import HttpClient

ERRORS = [
    (400, http.BadRequest, ValueError),
    (401, http.Refused, PermissionError),
    (403, http.Refused, PermissionError),
    (404, http.NotFound, LookupError),
    (405, http.BadRequest, ValueError),
    (409, http.Conflict, http.WireError),
    (410, http.NotFound, LookupError),
    (413, http.BadRequest, ValueError),
    (422, http.BadRequest, ValueError),
    (429, http.Busy, http.WireError),
    (500, http.ServerFault, http.WireError),
    (502, http.ServerFault, http.WireError),
]


@pytest.mark.parametrize(("status", "kind", "builtin"), ERRORS)
def test_an_error_answer_becomes_the_error_of_its_status(script, status, kind, builtin):
    script.say({"error": "no"}, status)
    with HttpClient(script.url) as client, pytest.raises(kind) as caught:
        client.send("POST", "/x")
    assert isinstance(caught.value, builtin)
    assert caught.value.status == status
    assert str(caught.value) == f"{status}: no ({script.url}/x)"


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error_code": "NOT_FOUND", "message": "gone"}, "NOT_FOUND", "gone"),
        ({"error": "bad tensor"}, "", "bad tensor"),
        ({"title": "Bad", "detail": "why", "code": "invalid-input"}, "invalid-input", "why"),
        ({"title": "Bad", "status": 400}, "", "Bad"),
        ({"detail": [{"loc": ["x"]}]}, "", '[{"loc": ["x"]}]'),
        ('{"class": "FeatureViewNotFound", "message": "no"}', "FeatureViewNotFound", "no"),
        ("plain", "", "plain"),
        ([1], "", "Bad Request"),
        ({}, "", "Bad Request"),
        (
            b"<html>oops</html>",
            "",
            "Bad Request, and a page instead of an answer: is this the right address?",
        ),
        (b"", "", "Bad Request"),
    ],
    ids=[
        "mlflow",
        "oip",
        "problem",
        "title",
        "fastapi",
        "feast",
        "text",
        "list",
        "empty",
        "html",
        "nothing",
    ],
)
def test_the_words_of_an_error_are_found_in_any_protocols_shape(script, body, code, message):
    script.say(body, 400)
    with HttpClient(script.url) as client, pytest.raises(http.BadRequest) as caught:
        client.send("POST", "/x")
    assert (caught.value.code, caught.value.message) == (code, message)


def test_nobody_at_the_address_is_unreachable(nobody):
    with HttpClient(nobody) as client, pytest.raises(http.Unreachable) as caught:
        client.send("GET", "/x")
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.status is None
    assert str(caught.value).startswith("no answer: ")
    assert str(caught.value).endswith(f"({nobody}/x)")


def test_a_slow_server_times_out_and_is_asked_once():
    asked = []

    def slow(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        raise httpx.ReadTimeout("slow", request=request)

    with (
        HttpClient("http://x", transport=httpx.MockTransport(slow)) as client,
        pytest.raises(http.TimedOut) as caught,
    ):
        client.send("GET", "/x")
    assert isinstance(caught.value, TimeoutError)
    assert asked == ["GET"]


@pytest.mark.parametrize(
    ("method", "repeatable", "tries"),
    [("GET", None, 3), ("PUT", None, 3), ("POST", None, 1), ("POST", True, 3), ("GET", False, 1)],
)
def test_only_a_repeatable_call_is_tried_again_when_the_server_is_busy(
    script, method, repeatable, tries
):
    for _ in range(3):
        script.say({"error": "busy"}, 503)
    with HttpClient(script.url) as client, pytest.raises(http.Busy):
        client.send(method, "/x", repeatable=repeatable)
    assert len(script.calls) == tries


def test_a_busy_server_that_recovers_is_no_error(script):
    script.say(b"", 503)
    script.say({"ok": 1})
    with HttpClient(script.url) as client:
        assert client.get("/x", dict[str, int]) == {"ok": 1}


@pytest.mark.parametrize(
    ("error", "method", "tries"),
    [
        (httpx.ConnectError, "POST", 3),
        (httpx.RemoteProtocolError, "POST", 1),
        (httpx.RemoteProtocolError, "GET", 3),
    ],
)
def test_a_broken_connection_is_tried_again_where_that_is_safe(error, method, tries):
    asked = []

    def broken(request: httpx.Request) -> httpx.Response:
        asked.append(method)
        raise error("broken", request=request)

    with (
        HttpClient("http://x", transport=httpx.MockTransport(broken)) as client,
        pytest.raises(http.Unreachable),
    ):
        client.send(method, "/x")
    assert len(asked) == tries


def test_a_body_that_comes_in_chunks_is_never_sent_twice(script):
    script.say(b"", 503)
    with HttpClient(script.url) as client, pytest.raises(http.Busy):
        client.send("PUT", "/x", content=iter([b"a", b"b"]))
    assert [call.body for call in script.calls] == [b"ab"]


def test_the_token_and_the_prefix_of_the_url_go_with_every_call(script):
    with HttpClient(script.url + "/prefix/", token="s3cret") as client:
        client.send("GET", "/x", query=[("a", "1"), ("a", "2")])
    assert script.last.path == "/prefix/x"
    assert script.last.query == [("a", "1"), ("a", "2")]
    assert script.last.headers["authorization"] == "Bearer s3cret"


def test_a_redirect_is_no_good_answer(script):
    script.say(b"", 302, {"location": "/elsewhere"})
    with HttpClient(script.url) as client, pytest.raises(http.BadAnswer, match="302"):
        client.send("GET", "/x")


def test_an_answer_outside_the_protocol_is_a_bad_answer(script):
    script.say(b"<html>hello</html>")
    with HttpClient(script.url) as client, pytest.raises(http.BadAnswer) as caught:
        client.get("/x", dict[str, int])
    assert isinstance(caught.value, ValueError)
    assert "the answer is not a dict" in caught.value.message


def test_a_stream_is_read_by_the_caller_and_its_error_is_mapped(script):
    script.say(b"x" * 100_000)
    script.say({"error": "none"}, 404)
    with HttpClient(script.url) as client:
        response = client.stream("/x")
        assert b"".join(response.iter_bytes()) == b"x" * 100_000
        response.close()
        with pytest.raises(http.NotFound, match="none"):
            client.stream("/x")


def test_one_client_serves_many_threads(script):
    with HttpClient(script.url) as client:
        threads = [threading.Thread(target=client.send, args=("GET", "/x")) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(script.calls) == 8


def test_retries_end_within_half_a_second(nobody):
    start = time.monotonic()
    with HttpClient(nobody) as client, pytest.raises(http.Unreachable):
        client.send("GET", "/x")
    assert time.monotonic() - start < 1


def test_a_segment_hides_slashes():
    assert http.segment("a/b c") == "a%2Fb%20c"
