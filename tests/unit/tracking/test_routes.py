"""The protocol over HTTP: shapes of requests, answers and errors, and artifacts as streams."""

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import Client

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
SEE = " See the API docs for more information about request parameters."


def error(answer: httpx.Response) -> tuple[int, str, str]:
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    return answer.status_code, body["error_code"], body["message"]


def new_run(server: httpx.Client) -> str:
    answer = server.post(f"{API}/runs/create", json={"experiment_id": "0"})
    return str(answer.json()["run"]["info"]["run_id"])


def test_the_server_says_what_it_is(server: httpx.Client) -> None:
    assert (server.get("/health").text, server.get("/version").text) == ("OK", "3.17.2")
    info = server.get("/api/3.0/mlflow/server-info").json()
    assert info["store_type"] == "SqlStore"
    assert info["workspaces_enabled"] is False


def test_the_paths_of_mlflows_pages_and_of_old_clients_answer_the_same(
    server: httpx.Client,
) -> None:
    for prefix in ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/2.0/preview/mlflow"):
        answer = server.get(f"{prefix}/experiments/get-by-name?experiment_name=Default")
        assert answer.json()["experiment"]["experiment_id"] == "0"
        absent = server.get(f"{prefix}/registered-models/get?name=absent")
        assert absent.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_numbers_may_be_text_and_nan_is_text(server: httpx.Client) -> None:
    run = new_run(server)
    point = '"key": "m", "value": NaN, "timestamp": "1234567890123", "step": "7"'
    body = f'{{"run_id": "{run}", {point}}}'
    assert server.post(f"{API}/runs/log-metric", content=body).json() == {}
    found = server.get(f"{API}/runs/get", params={"run_id": run}).json()["run"]
    assert found["data"]["metrics"] == [
        {"key": "m", "value": "NaN", "timestamp": 1234567890123, "step": 7}
    ]
    history = server.get(
        f"{API}/metrics/get-history", params={"run_uuid": run, "metric_key": "m", "max_results": 5}
    )
    assert history.json()["metrics"][0]["value"] == "NaN"


def test_a_body_quoted_into_a_string_is_understood(server: httpx.Client) -> None:
    body = json.dumps(json.dumps({"name": "quoted"}))
    assert "experiment_id" in server.post(f"{API}/experiments/create", content=body).json()


@pytest.mark.parametrize(
    ("path", "body", "parameter"),
    [
        ("/experiments/create", {}, "name"),
        ("/experiments/create", {"name": ""}, "name"),
        ("/experiments/create", {"name": None}, "name"),
        ("/runs/log-metric", {"key": "k", "value": 1, "timestamp": 1}, "run_id"),
        ("/runs/log-metric", {"run_id": "r", "key": "k", "timestamp": 1}, "value"),
        ("/runs/log-batch", {}, "run_id"),
        ("/registered-models/alias", {"name": "n", "alias": "a"}, "version"),
    ],
)
def test_a_missing_parameter_is_named(
    server: httpx.Client, path: str, body: object, parameter: str
) -> None:
    said = f"Missing value for required parameter '{parameter}'.{SEE}"
    answer = server.post(API + path, json=body)
    assert error(answer) == (400, "INVALID_PARAMETER_VALUE", said)


def test_errors_have_mlflows_shape_and_status(server: httpx.Client) -> None:
    missing = server.get(f"{API}/experiments/get-by-name?experiment_name=none")
    assert error(missing) == (
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "Could not find experiment with name 'none'",
    )
    taken = server.post(f"{API}/experiments/create", json={"name": "Default"})
    assert error(taken)[:2] == (400, "RESOURCE_ALREADY_EXISTS")
    unknown = server.post(f"{API}/no-such/endpoint", json={})
    assert error(unknown)[:2] == (404, "ENDPOINT_NOT_FOUND")
    broken = server.post(f"{API}/experiments/create", content="{")
    assert error(broken)[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_a_path_parameter_wins_over_the_body(server: httpx.Client) -> None:
    made = server.post(f"{API}/logged-models", json={"experiment_id": "0", "name": "m"})
    model_id = made.json()["model"]["info"]["model_id"]
    body = {"model_id": "other", "status": "LOGGED_MODEL_READY"}
    done = server.patch(f"{API}/logged-models/{model_id}", json=body).json()["model"]["info"]
    assert (done["model_id"], done["status"]) == (model_id, "LOGGED_MODEL_READY")
    server.patch(
        f"{API}/logged-models/{model_id}/tags", json={"tags": [{"key": "a b", "value": ""}]}
    )
    assert server.delete(f"{API}/logged-models/{model_id}/tags/a%20b").json() == {}
    assert server.delete(f"{API}/logged-models/{model_id}").json() == {}
    gone = server.get(f"{API}/logged-models/{model_id}")
    assert error(gone)[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
    kept = server.get(f"{API}/logged-models/{model_id}", params={"allow_deleted": "true"})
    assert kept.status_code == 200


def test_files_go_in_and_out_and_are_listed(server: httpx.Client) -> None:
    run = new_run(server)
    body = bytes(range(256)) * 20_000
    path = f"{FILES}/0/{run}/artifacts/model/a%20b.bin"
    assert server.put(path, content=body).json() == {}
    got = server.get(path)
    assert got.content == body
    assert got.headers["content-length"] == str(len(body))
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20b.bin"
    listed = server.get(FILES, params={"path": f"0/{run}/artifacts/model"}).json()
    assert listed == {"files": [{"path": "a b.bin", "is_dir": False, "file_size": len(body)}]}
    of_run = server.get(f"{API}/artifacts/list", params={"run_id": run, "path": "model"}).json()
    assert of_run == {
        "root_uri": f"mlflow-artifacts:/0/{run}/artifacts",
        "files": [{"path": "model/a b.bin", "is_dir": False, "file_size": len(body)}],
    }
    assert server.delete(f"{FILES}/0/{run}/artifacts/model").json() == {}
    assert error(server.get(path))[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
    assert server.get(FILES, params={"path": f"0/{run}"}).json()["files"] != []


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=2-4", (206, b"234", "bytes 2-4/10")),
        ("bytes=7-", (206, b"789", "bytes 7-9/10")),
        ("bytes=-3", (206, b"789", "bytes 7-9/10")),
        ("bytes=0-99", (206, b"0123456789", "bytes 0-9/10")),
        ("bytes=x-", (200, b"0123456789", None)),
        ("lines=1-2", (200, b"0123456789", None)),
    ],
)
def test_a_part_of_a_file_can_be_asked_for(
    server: httpx.Client, header: str, expected: tuple[int, bytes, str | None]
) -> None:
    server.put(f"{FILES}/f.txt", content=b"0123456789")
    got = server.get(f"{FILES}/f.txt", headers={"range": header})
    assert (got.status_code, got.content, got.headers.get("content-range")) == expected


@pytest.mark.parametrize(
    "path",
    [
        "%2e%2e/secret",
        "..%2fsecret",
        "a/%2e%2e/%2e%2e/secret",
        "%252e%252e%252fsecret",
        "a%5c..%5c..%5csecret",
        "%2fetc/passwd",
        "a%00b",
        "a%0ab",
        ".staging/x/..",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_no_path_leaves_the_store(tmp_path: Path, path: str, method: str) -> None:
    (tmp_path / "secret").write_text("do not touch")
    with run_piece(piece, state=tmp_path) as running:
        address = urlsplit(running.url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
            head = f"{method} {FILES}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            raw.sendall(f"{head}Content-Length: 1\r\n\r\nx".encode())
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
    code = json.loads(answer.split(b"\r\n\r\n", 1)[1])["error_code"]
    assert code == ("ENDPOINT_NOT_FOUND" if "%0a" in path else "INVALID_PARAMETER_VALUE")
    assert (tmp_path / "secret").read_text() == "do not touch"
    assert [p for p in tmp_path.rglob("x") if p.is_file()] == []


def test_listing_outside_the_store_is_refused(server: httpx.Client) -> None:
    run = new_run(server)
    refused = (400, "INVALID_PARAMETER_VALUE")
    for path in ("..", "%2e%2e", "/etc", "a/../../.."):
        assert error(server.get(FILES, params={"path": path}))[:2] == refused
        listed = server.get(f"{API}/artifacts/list", params={"run_id": run, "path": path})
        assert error(listed)[:2] == refused
    assert error(server.delete(f"{FILES}/%252e"))[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path) as running:
        address = urlsplit(running.url)
        with socket.create_connection((address.hostname, address.port)) as raw:
            head = f"PUT {FILES}/big.bin HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999999"
            raw.sendall(f"{head}\r\n\r\n".encode() + b"x" * 500_000)
        with httpx.Client(base_url=running.url) as client:
            assert client.get(FILES).json() == {}
            assert client.get(f"{FILES}/big.bin").status_code == 404
    assert [p for p in (tmp_path / "artifacts").rglob("*") if p.is_file()] == []


def test_a_server_without_artifacts_says_so(tmp_path: Path) -> None:
    settings = TrackingSettings(serve_artifacts=False)
    with run_piece(piece, settings, state=tmp_path) as running, Client(running.url) as client:
        run = client.get_run(client.create_run("0").info.run_id)
        assert run.info.artifact_uri is not None
        assert run.info.artifact_uri.startswith("file:///")
        answer = httpx.put(f"{running.url}{FILES}/x", content=b"x")
        assert error(answer)[:2] == (501, "NOT_IMPLEMENTED")


def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path) as running, Client(running.url) as client:
        run = client.create_run("0").info.run_id
        client.log_metric(run, "auc", 0.8, step=1)
    with run_piece(piece, state=tmp_path) as running, Client(running.url) as client:
        assert [m.value for m in client.get_run(run).data.metrics] == [0.8]


def test_a_token_is_needed_off_loopback(tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path, auth=True) as running:
        answer = httpx.get(f"{running.url}{API}/runs/get")
        assert error(answer)[:2] == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert httpx.get(f"{running.url}/health").status_code == 200


@pytest.mark.parametrize(
    "filter", ["creation_time > 99999999999999999999", "experiment_id = '99999999999999999999'"]
)
def test_numbers_beyond_the_database_are_the_callers_fault(
    server: httpx.Client, filter: str
) -> None:
    found = server.post(f"{API}/experiments/search", json={"filter": filter, "max_results": 1})
    assert error(found)[:2] == (400, "INVALID_PARAMETER_VALUE")
    version = {"name": "m", "version": "99999999999999999999"}
    assert error(server.get(f"{API}/model-versions/get", params=version))[0] == 400


def test_what_a_database_cannot_keep_is_refused_and_not_half_kept(
    database_url: str, tmp_path: Path
) -> None:
    with (
        run_piece(piece, state=tmp_path / "state", database=database_url) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        half = b'{"name": "half \\ud800"}'
        answer = client.post(f"{API}/experiments/create", content=half)
        assert error(answer)[:2] == (400, "INVALID_PARAMETER_VALUE")
        nul = client.post(f"{API}/experiments/create", json={"name": "nul \x00"})
        on_postgres = database_url.startswith("postgresql")
        assert nul.status_code == (400 if on_postgres else 200)
        given = {"name": "日本語 🎉", "tags": [{"key": "é", "value": "ü"}]}
        number = client.post(f"{API}/experiments/create", json=given).json()["experiment_id"]
        found = client.get(f"{API}/experiments/get", params={"experiment_id": number}).json()
        assert (found["experiment"]["name"], found["experiment"]["tags"]) == (
            given["name"],
            given["tags"],
        )
