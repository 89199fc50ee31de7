"""Large files in parts over HTTP: into a folder and into a bucket, with signed URLs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from dovetail.base.artifacts import LocalParts, LocalStore
from dovetail.tracking.errors import ForbiddenChangeError
from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.tracking.transfers import Grant, OwnTransfers
from dovetail.web.auth import Tokens
from dovetail.web.testing import run_piece

API = "/api/2.0/mlflow-artifacts"
FILES = f"{API}/artifacts"
MiB = 1 << 20
BODY = bytes(range(256)) * (11 * MiB // 256)
PARTS = [BODY[: 5 * MiB], BODY[5 * MiB : 10 * MiB], BODY[10 * MiB :]]  # S3 takes 5 MiB and more


@dataclass
class Server:
    url: str
    state: Path
    artifacts: str = ""

    def post(self, call: str, folder: str, **body: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{API}/mpu/{call}/{folder}", json=body, timeout=30)

    def begin(self, folder: str = "1/r/artifacts", name: str = "/home/me/big.bin") -> Any:
        return self.post("create", folder, path=name, num_parts=3).json()

    def listed(self, folder: str = "1/r/artifacts") -> list[str]:
        answer = httpx.get(f"{self.url}{FILES}", params={"path": folder}).json()
        return [one["path"] for one in answer.get("files", [])]


@pytest.fixture(params=["local", "s3"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, fresh_s3_uploads: None
) -> Iterator[Server]:
    artifacts = request.getfixturevalue("s3_url") if request.param == "s3" else ""
    with run_piece(piece, TrackingSettings(artifacts=artifacts), state=tmp_path) as running:
        yield Server(running.url, tmp_path, request.param)


def send(upload: Any, *numbers: int) -> list[dict[str, Any]]:
    """Send parts and return what the client says of them."""
    sent = []
    for number in numbers or (2, 3, 1):
        credential = upload["credentials"][number - 1]
        answer = httpx.put(credential["url"], content=PARTS[number - 1], timeout=30)
        assert answer.status_code == 200
        sent.append({"part_number": number, "etag": answer.headers["etag"], "url": None})
    return sorted(sent, key=lambda one: one["part_number"])


def failure(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error_code"]


def test_a_file_goes_up_in_parts_and_down_in_ranges(server: Server) -> None:
    upload = server.begin(name="C:\\Users\\me\\big file%.bin")
    assert [one["part_number"] for one in upload["credentials"]] == [1, 2, 3]
    sent = send(upload)
    assert server.listed() == []
    done = server.post(
        "complete", "1/r/artifacts", path="big file%.bin", upload_id=upload["upload_id"], parts=sent
    )
    assert done.json() == {}
    assert server.listed() == ["big file%.bin"]
    path = "1/r/artifacts/big%20file%25.bin"
    found = httpx.get(f"{server.url}{API}/presigned/{path}").json()
    assert (found["file_size"], found["headers"]) == (len(BODY), {})
    whole = httpx.get(found["url"], timeout=30)
    assert whole.content == BODY == httpx.get(f"{server.url}{FILES}/{path}", timeout=30).content
    assert whole.headers["content-disposition"].startswith("attachment")
    some = httpx.get(found["url"], headers={"range": "bytes=5242870-5242889"})
    assert (some.status_code, some.content) == (206, BODY[5242870:5242890])


def test_an_aborted_upload_leaves_nothing(server: Server) -> None:
    upload = server.begin()
    sent = send(upload, 1)
    named = {"path": "big.bin", "upload_id": upload["upload_id"]}
    assert server.post("abort", "1/r/artifacts", **named).json() == {}
    assert server.post("abort", "1/r/artifacts", **named).json() == {}
    if server.artifacts == "local":  # moto breaks where S3 says NoSuchUpload
        gone = server.post("complete", "1/r/artifacts", **named, parts=sent)
        assert failure(gone) == (404, "RESOURCE_DOES_NOT_EXIST")
        assert httpx.put(upload["credentials"][1]["url"], content=b"x").status_code == 404
    assert server.listed() == []
    kept = [one for one in server.state.rglob("*") if one.is_file() and one.name != ".key"]
    assert [one for one in kept if "artifacts" in one.parts] == []


def test_what_the_client_says_must_be_what_arrived(server: Server) -> None:
    upload = server.begin()
    sent = send(upload)
    named = {"path": "big.bin", "upload_id": upload["upload_id"]}
    wrong = [{**sent[0], "etag": '"0123456789abcdef0123456789abcdef"'}, *sent[1:]]
    for parts in (wrong, sent[::-1]):
        answer = server.post("complete", "1/r/artifacts", **named, parts=parts)
        assert failure(answer) == (400, "INVALID_PARAMETER_VALUE")
    if server.artifacts == "local":  # moto does not compare the path, S3 does
        elsewhere = server.post("complete", "1/other", **named, parts=sent)
        assert failure(elsewhere) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert server.listed() == []
    assert server.post("complete", "1/r/artifacts", **named, parts=sent).status_code == 200


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("../x", "f"),
        ("%252e%252e", "f"),
        ("1", ".."),
        ("1", "a/.."),
        ("1", "%2e%2e"),
        ("1", ""),
        ("1", "/"),
        ("1", "a\0b"),
        ("1", "n" * 256),
        (".staging", "f"),
    ],
)
def test_no_upload_leaves_the_store(server: Server, folder: str, name: str) -> None:
    body = {"path": name, "upload_id": "x", "num_parts": 1, "parts": []}
    for call in ("create", "complete", "abort"):
        answer = httpx.post(f"{server.url}{API}/mpu/{call}/{folder}", json=body)
        assert answer.status_code in (400, 404)
        codes = {"INVALID_PARAMETER_VALUE", "ENDPOINT_NOT_FOUND"}
        if call != "create":  # there is no such upload, wherever it would lead
            codes.add("RESOURCE_DOES_NOT_EXIST")
        assert answer.json().get("error_code", "INVALID_PARAMETER_VALUE") in codes


@pytest.mark.parametrize("count", [-1, 10_001, 1 << 40, "many"])
def test_the_number_of_parts_is_limited(server: Server, count: Any) -> None:
    answer = server.post("create", "1", path="f", num_parts=count)
    assert failure(answer) == (400, "INVALID_PARAMETER_VALUE")


def test_a_store_that_takes_no_parts_says_so_in_words_that_clients_know(tmp_path: Path) -> None:
    with run_piece(piece, TrackingSettings(artifacts="memory:"), state=tmp_path) as running:
        server = Server(running.url, tmp_path)
        answer = server.post("create", "1", path="f", num_parts=1)
        assert failure(answer) == (501, "NOT_IMPLEMENTED")
        assert answer.json()["message"].startswith(
            "Multipart upload is not supported for the current artifact repository"
        )
        assert httpx.get(f"{running.url}{API}/presigned/1/f").status_code == 501


def test_the_server_tells_whether_clients_should_use_it(tmp_path: Path, s3_url: str) -> None:
    for given, expected in (
        ({"artifacts": s3_url}, True),
        ({"artifacts": s3_url, "presigned_urls": False}, False),
        ({"artifacts": s3_url, "serve_artifacts": False}, False),
        ({}, False),
    ):
        with run_piece(piece, TrackingSettings(**given), state=tmp_path) as running:
            info = httpx.get(f"{running.url}/api/3.0/mlflow/server-info").json()
            assert info["multipart_uploads_enabled"] is expected
            assert info["multipart_downloads_enabled"] is expected
            if "presigned_urls" in given:
                answer = Server(running.url, tmp_path).post("create", "1", path="f", num_parts=1)
                assert answer.status_code == 501


def test_a_signed_url_holds_for_what_it_was_made_for(tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path) as running:
        server = Server(running.url, tmp_path)
        url = server.begin()["credentials"][0]["url"]
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        changes = (
            {"part": "2"},
            {"upload": "x"},
            {"expires": "99999999999"},
            {"expires": ""},
            {"expires": "1e9"},
            {"part": "1" * 5000},
            {"part": "\u0661"},
            {"signature": ""},
            {"signature": "\u00e4"},
            {"signature": query["signature"].upper() + "0"},
        )
        asked = [parts._replace(query=urlencode({**query, **change})) for change in changes]
        asked.append(parts._replace(path=parts.path + "x"))
        asked.append(parts._replace(path=parts.path.replace("/r/", "/s/")))
        asked.append(parts._replace(query=""))
        for one in asked:
            answer = httpx.put(one.geturl(), content=b"x")
            assert failure(answer) == (403, "PERMISSION_DENIED")
        assert failure(httpx.get(url)) == (400, "INVALID_PARAMETER_VALUE")
        httpx.put(f"{running.url}{FILES}/a", content=b"1")
        down = httpx.get(f"{running.url}{API}/presigned/a").json()["url"]
        assert failure(httpx.put(down, content=b"2")) == (400, "INVALID_PARAMETER_VALUE")
        assert httpx.get(down).content == b"1"
    with run_piece(piece, state=tmp_path) as running:  # it outlives the server, and then its time
        again = urlsplit(running.url)
        moved = urlsplit(url)._replace(netloc=again.netloc).geturl()
        assert httpx.put(moved, content=b"x").status_code == 200


def test_a_signed_url_expires(tmp_path: Path) -> None:
    now = [1_000_000.0]
    own = OwnTransfers(LocalParts(LocalStore(tmp_path)), clock=lambda: now[0])
    url = urlsplit(own.part_url("http://h/", "a b/\u00e4", "u", 3))
    assert url.path == "/api/2.0/mlflow-artifacts/signed/a%20b/%C3%A4"
    query = dict(parse_qsl(url.query))
    assert own.granted("a b/\u00e4", query) == Grant("a b/\u00e4", "u", 3)
    now[0] += 24 * 3600 + 1
    with pytest.raises(ForbiddenChangeError, match="it has expired"):
        own.granted("a b/\u00e4", query)


def test_a_signed_url_needs_no_token_and_gives_no_other_right(tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path, auth=True) as running:
        tokens = Tokens(f"sqlite:///{next(tmp_path.rglob('web.db'))}")
        head = {"Authorization": f"Bearer {tokens.create('ci', 'editor')}"}
        viewer = {"Authorization": f"Bearer {tokens.create('eve', 'viewer')}"}
        tokens.close()
        begin, body = f"{running.url}{API}/mpu/create/1", {"path": "f", "num_parts": 1}
        assert httpx.post(begin, json=body).status_code == 401
        assert httpx.post(begin, json=body, headers=viewer).status_code == 403
        upload = httpx.post(begin, json=body, headers=head).json()
        url = upload["credentials"][0]["url"]
        etag = httpx.put(url, content=b"1").headers["etag"]
        parts = [{"part_number": 1, "etag": etag}]
        done = {"path": "f", "upload_id": upload["upload_id"], "parts": parts}
        complete = f"{running.url}{API}/mpu/complete/1"
        assert httpx.post(complete, json=done).status_code == 401
        assert httpx.post(complete, json=done, headers=head).json() == {}
        assert httpx.get(f"{running.url}{FILES}/1/f").status_code == 401
        asked = httpx.get(f"{running.url}{API}/presigned/1/f", headers=viewer).json()
        assert httpx.get(asked["url"]).content == b"1"
        plain = asked["url"].replace("/signed/", "/artifacts/")
        assert httpx.get(plain).status_code == 401
