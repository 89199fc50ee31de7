"""The pages and their JSON twins over a server with a little in it."""

import httpx
import pytest

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def run(server: httpx.Client) -> str:
    def post(path: str, **body: object) -> dict[str, object]:
        answer = server.post(API + path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    server.post(f"{API}/experiments/create", json={"name": HOSTILE})
    made = server.post(
        f"{API}/runs/create",
        json={"experiment_id": "0", "run_name": HOSTILE, "start_time": 1_364_774_400_000},
    )
    run_id = str(made.json()["run"]["info"]["run_id"])
    metrics = [{"key": "auc", "value": i / 10, "timestamp": i, "step": i} for i in range(5)]
    params = [{"key": "lr", "value": HOSTILE}]
    tags = [{"key": "note", "value": HOSTILE}]
    post("/runs/log-batch", run_id=run_id, metrics=metrics, params=params, tags=tags)
    post("/runs/update", run_id=run_id, status="FINISHED", end_time=1_364_774_460_000)
    server.put(f"{FILES}/0/{run_id}/artifacts/model/a%20b.txt", content=b"hello")
    post("/registered-models/create", name="flights", description=HOSTILE)
    source = f"mlflow-artifacts:/0/{run_id}/artifacts/model"
    for _ in range(2):
        post("/model-versions/create", name="flights", source=source, run_id=run_id)
    post("/registered-models/alias", name="flights", alias="champion", version="1")
    return run_id


def paths(run: str) -> list[str]:
    return [
        "/tracking",
        "/tracking/experiments/0",
        f"/tracking/runs/{run}",
        "/tracking/models/flights/history",
        "/tracking/models",
        "/tracking/models/flights",
    ]


def test_every_page_and_twin_answers_and_nothing_stored_runs(
    server: httpx.Client, run: str
) -> None:
    for path in paths(run):
        page = server.get(path)
        assert page.status_code == 200, path
        assert page.headers["content-type"].startswith("text/html")
        assert HOSTILE not in page.text
        bare, mark, query = path.partition("?")
        twin = server.get(f"{bare}.json{mark}{query}")
        assert twin.status_code == 200
        assert twin.json()


def test_pages_are_light(server: httpx.Client, run: str) -> None:
    for path in paths(run):
        with server.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
            assert len(b"".join(answer.iter_raw())) < 30_000


def test_experiments_are_counted(server: httpx.Client, run: str) -> None:
    lines = server.get("/tracking.json?sort=name").json()["experiments"]
    assert [(line["name"], line["runs"]) for line in lines] == [(HOSTILE, 0), ("Default", 1)]


def test_runs_are_filtered_and_ordered(server: httpx.Client, run: str) -> None:
    server.post(f"{API}/runs/create", json={"experiment_id": "0", "run_name": "second"})
    page = server.get("/tracking/experiments/0.json?sort=-metrics.auc").json()
    assert [line["name"] for line in page["runs"]] == [HOSTILE, "second"]
    assert page["runs"][0]["metrics.auc"] == 0.4
    assert page["runs"][0]["took"] == 60.0
    found = server.get("/tracking/experiments/0.json", params={"filter": "metrics.auc > 0.9"})
    assert found.json()["runs"] == []
    wrong = server.get("/tracking/experiments/0.json", params={"filter": "nonsense"}).json()
    assert wrong["problem"] == "Invalid clause(s) in filter string: 'nonsense'"


def test_a_run_shows_its_charts_and_files(server: httpx.Client, run: str) -> None:
    page = server.get(f"/tracking/runs/{run}.json").json()
    assert page["groups"] == [{"title": "", "keys": ["auc"], "open": True}]
    (folder,) = page["files"]["files"]
    assert (folder["name"], folder["size"]) == ("model/", None)
    assert folder["href"] == f"/tracking/runs/{run}/files/model"


def test_a_page_about_nothing_is_missing(server: httpx.Client) -> None:
    for path in ("/tracking/runs/x", "/tracking/experiments/9", "/tracking/models/none"):
        assert server.get(path).status_code == 404
