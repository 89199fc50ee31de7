"""The pages of files over a server: links that hold, and nothing stored that runs."""

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.testing import run_piece

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
SCRIPT = "<script>alert(1)</script>"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{SCRIPT}</svg>'
NAMES = (
    "plain.txt",
    "with space.txt",
    "ünïcödé 文.txt",
    'it\'s "quoted".txt',
    "<b>&amp;.txt",
    "50%.txt",
    "metrics.json",
    "a+b=c&d.txt",
    "..dots..txt",
    "a?b.txt",
)


@pytest.fixture
def run(server: httpx.Client) -> str:
    made = server.post(f"{API}/runs/create", json={"experiment_id": "0", "run_name": "first"})
    return str(made.json()["run"]["info"]["run_id"])


def put(server: httpx.Client, run: str, path: str, content: str | bytes) -> None:
    where = f"{FILES}/0/{run}/artifacts/{quote(path)}"
    assert server.put(where, content=content).is_success, path


def test_every_file_is_reached_by_its_link_and_downloads(server: httpx.Client, run: str) -> None:
    for name in NAMES:
        put(server, run, f"deep/{name}", f'"the content of {name}"')
    folder = server.get(f"/tracking/runs/{run}/files.json", params={"path": "deep"}).json()
    assert sorted(one["name"] for one in folder["files"]) == sorted(NAMES)
    for one in folder["files"]:
        page = server.get(one["href"])
        assert page.status_code == 200, one
        assert "the content of" in page.text
        assert "<b>" not in page.text
        twin = page.text.split('type="application/json" href="')[1].split('"')[0]
        data = server.get(twin.replace("&amp;", "&")).json()
        assert data["path"] == f"deep/{one['name']}"
        got = server.get(data["download"])
        assert got.text == f'"the content of {one["name"]}"'
        assert got.headers["content-disposition"].startswith("attachment")


def test_nothing_of_an_artifact_runs(server: httpx.Client, run: str) -> None:
    put(server, run, "page.html", SCRIPT)
    put(server, run, "plot.svg", SVG)
    put(server, run, "fake.png", SCRIPT)
    put(server, run, "table.csv", f"{SCRIPT},b\n=1+1,{SCRIPT}\n")
    put(server, run, "doc.json", f'{{"{SCRIPT}": "{SCRIPT}"}}')
    put(server, run, f"{SCRIPT.replace('/', '')}.md", SCRIPT)
    put(server, run, "m/MLmodel", f"flavors: {{'{SCRIPT}': {{a: '{SCRIPT}'}}}}\n")
    put(server, run, "m/requirements.txt", SCRIPT)
    listed = server.get(f"/tracking/runs/{run}/files.json").json()["files"]
    for one in [*listed, {"href": f"/tracking/runs/{run}/files/m/MLmodel"}]:
        page = server.get(one["href"])
        assert page.status_code == 200
        assert "<script>alert" not in page.text, one
        assert "script-src 'self'" in page.headers["content-security-policy"]
    for name in ("page.html", "fake.png", "table.csv"):
        assert server.get(f"/tracking/runs/{run}/image/{name}").status_code == 404
    picture = server.get(f"/tracking/runs/{run}/image/plot.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert picture.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["../../secret", "%2e%2e/secret", "..%2f..%2fsecret", "%252e%252e%252fsecret", "a\\..\\b"],
)
def test_no_path_leaves_its_owner(server: httpx.Client, run: str, path: str) -> None:
    for page in ("files", "image"):
        answer = server.get(f"/tracking/runs/{run}/{page}/{quote(path)}")
        assert answer.status_code in (400, 404), answer.text
    answer = server.get(f"/tracking/runs/{run}/files.json", params={"path": path})
    assert answer.status_code == 400


def test_a_link_out_of_the_store_is_not_followed(
    server: httpx.Client, run: str, tmp_path: Path
) -> None:
    put(server, run, "a.txt", "inside")
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret")
    folder = tmp_path / "artifacts" / "0" / run / "artifacts"
    (folder / "link.txt").symlink_to(secret)
    for page in ("files/link.txt", "image/link.txt"):
        answer = server.get(f"/tracking/runs/{run}/{page}")
        assert answer.status_code == 400
        assert "a secret" not in answer.text


def test_a_long_folder_is_shown_page_by_page(server: httpx.Client, run: str) -> None:
    for i in range(230):
        put(server, run, f"many/{i:03}.txt", "x")
    first = server.get(f"/tracking/runs/{run}/files.json", params={"path": "many"}).json()
    assert (len(first["files"]), first["count"]) == (200, 230)
    page = server.get(f"/tracking/runs/{run}/files/many" + first["next"])
    assert "229.txt" in page.text


def test_what_is_not_there_is_missing(server: httpx.Client, run: str) -> None:
    assert server.get(f"/tracking/runs/{run}/files").status_code == 200
    for path in (f"runs/{run}/files/none.txt", "runs/none/files", "logged-models/m-1/files"):
        assert server.get(f"/tracking/{path}").status_code == 404


def test_files_of_a_logged_model_and_of_a_version(server: httpx.Client, run: str) -> None:
    made = server.post(f"{API}/logged-models", json={"experiment_id": "0", "name": "m"})
    info = made.json()["model"]["info"]
    path = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    server.put(f"{FILES}/{path}/MLmodel", content="flavors: {onnx: {data: m.onnx}}\n")
    server.post(f"{API}/registered-models/create", json={"name": "flights"})
    source = {"source": f"models:/{info['model_id']}", "model_id": info["model_id"]}
    answer = server.post(f"{API}/model-versions/create", json={"name": "flights", **source})
    assert answer.is_success, answer.text
    for owner in (f"logged-models/{info['model_id']}", "models/flights/versions/1"):
        found = server.get(f"/tracking/{owner}/files.json").json()
        assert [one["name"] for one in found["files"]] == ["MLmodel"]
        assert found["card"]["flavours"][0]["name"] == "onnx"
        assert server.get(found["files"][0]["href"]).status_code == 200


def test_files_in_a_folder_that_clients_write_to_themselves(tmp_path: Path) -> None:
    root = tmp_path / "shared"
    settings = TrackingSettings(serve_artifacts=False, default_artifact_root=root.as_uri())
    with (
        run_piece(piece, settings, state=tmp_path / "state") as running,
        httpx.Client(base_url=running.url) as server,
    ):
        made = server.post(f"{API}/runs/create", json={"experiment_id": "0"})
        run_id = made.json()["run"]["info"]["run_id"]
        folder = root / "0" / run_id / "artifacts"
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("hello")
        (one,) = server.get(f"/tracking/runs/{run_id}/files.json").json()["files"]
        assert "hello" in server.get(one["href"]).text
        twin = server.get(f"/tracking/runs/{run_id}/files.json?path=a.txt").json()
        assert server.get(twin["download"]).text == "hello"


def test_files_in_a_bucket(tmp_path: Path, s3_url: str) -> None:
    with (
        run_piece(piece, TrackingSettings(artifacts=s3_url), state=tmp_path) as running,
        httpx.Client(base_url=running.url, timeout=60) as server,
    ):
        made = server.post(f"{API}/runs/create", json={"experiment_id": "0"})
        run_id = made.json()["run"]["info"]["run_id"]
        put(server, run_id, "data/rows.csv", "a,b\n" + "1,2\n" * 500_000)
        put(server, run_id, "plot.svg", SVG)
        listed = server.get(f"/tracking/runs/{run_id}/files.json").json()["files"]
        assert [one["name"] for one in listed] == ["data/", "plot.svg"]
        twin = server.get(f"/tracking/runs/{run_id}/files.json?path=data/rows.csv").json()
        assert twin["preview"]["table"]["rows"][0] == ["1", "2"]
        assert server.get(twin["download"]).content.count(b"1,2") == 500_000
        assert server.get(f"/tracking/runs/{run_id}/image/plot.svg").text == SVG
        assert server.get(f"/tracking/runs/{run_id}/files/none").status_code == 404


@pytest.mark.parametrize(
    ("root", "problem"),
    [
        ("hdfs://cluster/x", "not behind this server"),
        ("s3://bucket/x", "S3 bucket 'bucket' cannot be used. Unable to locate credentials."),
    ],
)
def test_files_that_are_elsewhere_are_said_to_be_elsewhere(
    root: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    settings = TrackingSettings(serve_artifacts=False, default_artifact_root=root)
    with (
        run_piece(piece, settings, state=tmp_path) as running,
        httpx.Client(base_url=running.url) as server,
    ):
        made = server.post(f"{API}/runs/create", json={"experiment_id": "0"})
        run_id = made.json()["run"]["info"]["run_id"]
        found = server.get(f"/tracking/runs/{run_id}/files.json").json()
        assert problem in found["problem"]
        assert server.get(f"/tracking/runs/{run_id}").status_code == 200
