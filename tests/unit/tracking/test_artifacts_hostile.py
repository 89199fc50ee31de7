"""Artifacts over raw sockets: names that mean harm, and clients that lie, stall or go away."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

FILES = "/api/2.0/mlflow-artifacts/artifacts"
REFUSED = (400, "INVALID_PARAMETER_VALUE")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "secret").write_text("do not touch")
    (folder / "artifacts").mkdir()
    (folder / "artifacts" / "out").symlink_to(folder)
    (folder / "artifacts" / "file").symlink_to(folder / "secret")
    (folder / "artifacts" / "loop").symlink_to(folder / "artifacts" / "loop")
    (folder / "artifacts" / "1").mkdir()
    (folder / "artifacts" / "1" / "kept").write_text("kept")
    return folder


@pytest.fixture(scope="module")
def url(state: Path) -> Iterator[str]:
    with run_piece(piece, state=state) as running:
        yield running.url


def talk(url: str, *lines: str, body: bytes = b"") -> tuple[int, str]:
    """Send a request as it stands and return the status and error code of the answer."""
    address = urlsplit(url)
    head = "\r\n".join([*lines, "Host: 127.0.0.1", "Connection: close", "", ""])
    with socket.create_connection((address.hostname, address.port), timeout=20) as raw:
        raw.sendall(head.encode("latin-1") + body)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    head_, _, content = answer.partition(b"\r\n\r\n")
    status = int(head_.split(b" ")[1])
    return status, json.loads(content)["error_code"] if b"error_code" in content else ""


def seen(state: Path) -> dict[str, bytes]:
    """Every file of the folder that is the artifacts', and what must not change beside them."""
    inside = {}
    for p in (state / "artifacts").rglob("*"):
        if p.is_file() and not p.is_symlink():
            with contextlib.suppress(FileNotFoundError):  # an upload that is just being taken back
                inside[str(p.relative_to(state))] = p.read_bytes()
    return {**inside, "secret": (state / "secret").read_bytes()}


PATHS = {
    "dots": "../secret",
    "dots inside": "1/../../secret",
    "encoded dots": "%2e%2e/secret",
    "half encoded dots": ".%2e/secret",
    "encoded slash": "..%2fsecret",
    "twice encoded": "%252e%252e%252fsecret",
    "thrice encoded": "%25252e%25252e%25252fsecret",
    "twelve times encoded": "%" + "25" * 12 + "2e%" + "25" * 12 + "2e/secret",
    "backslash": "..\\secret",
    "encoded backslash": "1%5c..%5c..%5csecret",
    "absolute": "/etc/passwd",
    "encoded absolute": "%2fetc/passwd",
    "drive": "c:/windows/x",
    "drive, encoded": "c%3a%5cwindows",
    "share": "%5c%5chost%5cshare",
    "file URI": "file:///etc/passwd",
    "NUL": "a%00b",
    "NUL before a suffix": "..%00/secret",
    "carriage return": "a%0db",
    "DEL": "a%7fb",
    "fragment": "a%23/../secret",
    "path parameter": "..;/secret",
    "path parameter with value": "1/..;a=b/secret",
    "encoded path parameter": "..%3b/secret",
    "trailing space": "..%20/secret",
    "full-width dots": quote("\uff0e\uff0e/secret"),
    "two-dot leader": quote("\u2025/secret"),
    "full-width slash": quote("..\uff0fsecret"),
    "overlong UTF-8": "%c0%ae%c0%ae/..%2fsecret",
    "staging": ".staging/x",
    "staging, upper": ".STAGING/x",
    "staging, encoded": "%2estaging/x",
    "staging behind a dot": "./.staging/x",
    "link out": "out/secret",
    "link to a file": "file",
    "link to itself": "loop/x",
    "long name": "n" * 256,
    "long name in UTF-8": quote("\u00e4") * 128,
    "10,000 folders": "d/" * 10_000 + "x",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_no_path_leaves_the_store(url: str, state: Path, path: str) -> None:
    before = seen(state)
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        for prefix in ("", "1/"):
            if prefix and path.startswith(("/", "out", "file", "loop", "c", "%2f", ".", "%2e")):
                continue
            status, code = talk(
                url, f"{method} {FILES}/{prefix}{path} HTTP/1.1", "Content-Length: 1", body=b"x"
            )
            assert status == 400, (method, status)
            assert method == "HEAD" or code == "INVALID_PARAMETER_VALUE"
    assert seen(state) == before


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_no_listing_leaves_the_store(url: str, path: str) -> None:
    if len(path) > 16_000:
        path = "d/" * 1000
    status, code = talk(url, f"GET {FILES}?path={path.replace('#', '%23')} HTTP/1.1")
    assert (status, code) == REFUSED


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_no_source_of_a_version_leads_out(url: str, path: str) -> None:
    api = f"{url}/api/2.0/mlflow"
    httpx.post(f"{api}/registered-models/create", json={"name": "m"})
    made = httpx.post(
        f"{api}/model-versions/create",
        json={"name": "m", "source": f"mlflow-artifacts:/{path}"},
        timeout=30,
    )
    if made.is_success:  # a place in the store, whatever its name: reading it is refused instead
        version = made.json()["model_version"]["version"]
        asked = {"name": "m", "version": version, "path": "x"}
        made = httpx.get(f"{url}/model-versions/get-artifact", params=asked)
    assert made.status_code in (400, 404)


def test_links_that_lead_out_are_not_listed(url: str) -> None:
    listed = httpx.get(f"{url}{FILES}").json()
    assert [one["path"] for one in listed["files"]] == ["1"]


def test_a_name_that_is_taken_is_a_conflict(url: str, state: Path) -> None:
    before = seen(state)
    for path in ("1", "1/kept/below", "1/kept/below/deep"):
        answer = httpx.put(f"{url}{FILES}/{path}", content=b"x")
        assert (answer.status_code, answer.json()["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert seen(state) == before
    assert httpx.get(f"{url}{FILES}/1/kept/below").status_code == 404


def broken_off(url: str, state: Path, head: str, body: bytes) -> None:
    """Send a part of an upload, look that it is there but cannot be seen, and go away."""
    before = seen(state)
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as raw:
        raw.sendall(
            f"PUT {FILES}/big HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n\r\n".encode() + body
        )
        until(lambda: len(seen(state)) > len(before))
        assert httpx.get(f"{url}{FILES}/big").status_code == 404
        assert [f["path"] for f in httpx.get(f"{url}{FILES}").json()["files"]] == ["1"]
    until(lambda: seen(state) == before)


def until(holds) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that within 10 seconds")


def test_an_upload_that_breaks_off_leaves_nothing(url: str, state: Path) -> None:
    broken_off(url, state, "Content-Length: 99999999", b"x" * 3_000_000)


def test_an_upload_without_end_leaves_nothing_once_its_client_is_gone(
    url: str, state: Path
) -> None:
    chunk = b"80000\r\n" + b"x" * 0x80000 + b"\r\n"
    broken_off(url, state, "Transfer-Encoding: chunked", chunk * 6)


def test_a_length_that_is_a_lie_is_not_believed(url: str, state: Path) -> None:
    before = seen(state)
    for length in ("-1", "1e3", "99999999999999999999999", "0x10"):
        lines = (f"PUT {FILES}/big HTTP/1.1", f"Content-Length: {length}")
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as raw:
            raw.sendall(("\r\n".join(lines) + "\r\nHost: x\r\n\r\nabc").encode())
            raw.shutdown(socket.SHUT_WR)
            answer = raw.recv(1000)
        assert not answer or b" 400 " in answer.split(b"\r\n", 1)[0]
        assert seen(state) == before


def test_what_exceeds_the_length_is_not_stored(url: str) -> None:
    head = f"PUT {FILES}/2/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\n"
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as raw:
        raw.sendall(head.encode() + b"abcdefgh")
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert b"HTTP/1.1 400 " in answer
    stored = httpx.get(f"{url}{FILES}/2/a")
    assert stored.status_code == 404 or stored.content == b"abc"
    assert httpx.delete(f"{url}{FILES}/2").json() == {}


def test_slow_uploads_do_not_hold_up_the_server(url: str, state: Path) -> None:
    before, address = seen(state), urlsplit(url)
    slow = [socket.create_connection((address.hostname, address.port)) for _ in range(150)]
    try:
        for i, one in enumerate(slow):
            head = f"PUT {FILES}/slow/{i} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab"
            one.sendall(head.replace("Host: x", "Host: 127.0.0.1").encode())
        started = time.monotonic()
        assert httpx.put(f"{url}{FILES}/quick", content=b"x").json() == {}
        assert httpx.get(f"{url}{FILES}/quick").content == b"x"
        assert httpx.get(f"{url}/api/2.0/mlflow/experiments/get?experiment_id=0").is_success
        assert time.monotonic() - started < 10
        assert httpx.delete(f"{url}{FILES}/quick").json() == {}
    finally:
        for one in slow:
            one.close()
    until(lambda: seen(state) == before)


def test_a_download_that_nobody_takes_ends(url: str, state: Path) -> None:
    (state / "artifacts" / "big").write_bytes(os.urandom(1 << 20) * 64)
    address = urlsplit(url)
    for _ in range(80):  # more than there are threads
        with socket.create_connection((address.hostname, address.port)) as raw:
            raw.sendall(f"GET {FILES}/big HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            raw.recv(1000)
    assert len(httpx.get(f"{url}{FILES}/big").content) == 64 << 20
    until(lambda: open_files(state / "artifacts" / "big") == 0)
    assert httpx.delete(f"{url}{FILES}/big").json() == {}


def open_files(path: Path) -> int:
    found = 0
    for handle in Path("/proc/self/fd").iterdir():
        try:
            found += Path(os.readlink(handle)) == path
        except OSError:
            continue
    return found


def test_a_head_request_tells_size_and_type_without_a_body(url: str) -> None:
    answer = httpx.head(f"{url}{FILES}/1/kept")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "4", b"")
    assert answer.headers["accept-ranges"] == "bytes"
    again = httpx.get(f"{url}{FILES}/1/kept", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    behind = httpx.get(f"{url}{FILES}/1/kept", headers={"range": "bytes=4-"})
    assert (behind.status_code, behind.headers["content-range"]) == (416, "bytes */4")
    assert httpx.head(f"{url}{FILES}/1/none").status_code == 404
