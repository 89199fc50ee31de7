"""Pages of models, versions and logged models, and the forms on them, over a server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dovetail.tracking.piece import piece
from dovetail.web.auth import Tokens
from dovetail.web.testing import run_piece

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
HOSTILE = "<script>alert(1)</script>"
NAME = "flights & more <b>"
HERE = "/tracking/models/flights%20%26%20more%20%3Cb%3E"
MLMODEL = """\
flavors: {python_function: {python_version: 3.11.%s}, sklearn: {}}
signature:
  inputs: '[{"type": "double", "name": "distance", "required": true}]'
  outputs: '[{"type": "%s"}]'
"""
Post = Callable[..., dict[str, Any]]


@pytest.fixture
def post(server: httpx.Client) -> Post:
    def call(path: str, **body: object) -> dict[str, Any]:
        answer = server.post(API + path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    return call


@pytest.fixture
def made(server: httpx.Client, post: Post) -> list[str]:
    """Two versions, each with a run, a logged model and files; version 2 is the champion."""
    post("/registered-models/create", name=NAME, description=HOSTILE)
    ids = []
    for number, kind in ((1, "long"), (2, "double")):
        body = {"experiment_id": "0", "run_name": f"run {number}", "start_time": 1}
        run = post("/runs/create", **body)["run"]["info"]["run_id"]
        post(
            "/runs/log-batch",
            run_id=run,
            metrics=[{"key": "auc", "value": 0.7 + number / 10, "timestamp": 1, "step": 0}],
            params=[{"key": "depth", "value": str(number)}, {"key": "solver", "value": HOSTILE}],
        )
        dataset = {"name": "rows", "digest": f"d{number}", "source_type": "s", "source": "x"}
        context = [{"key": "mlflow.data.context", "value": "training"}]
        post("/runs/log-inputs", run_id=run, datasets=[{"dataset": dataset, "tags": context}])
        info = post("/logged-models", experiment_id="0", name="m", source_run_id=run)["model"][
            "info"
        ]
        path = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
        server.put(f"{FILES}/{path}/MLmodel", content=MLMODEL % (number, kind))
        server.put(f"{FILES}/{path}/requirements.txt", content=f"numpy=={number}\nscipy\n")
        source = {"source": f"models:/{info['model_id']}", "model_id": info["model_id"]}
        post("/model-versions/create", name=NAME, run_id=run, **source)
        ids.append(info["model_id"])
    post("/registered-models/alias", name=NAME, alias="champion", version="2")
    post("/registered-models/set-tag", name=NAME, key="team", value=HOSTILE)
    post("/model-versions/set-tag", name=NAME, version="2", key="gate", value=HOSTILE)
    return ids


def pages(made: list[str]) -> list[str]:
    return [
        "/tracking/models",
        HERE,
        f"{HERE}/versions/1",
        f"{HERE}/versions/2",
        f"{HERE}/versions/2/files",
        f"{HERE}/compare?versions=1,2",
        f"{HERE}/compare?versions=2&versions=1&only=1",
        f"{HERE}/history?at=now",
        f"{HERE}/change?do=alias&alias=champion&version=1",
        "/tracking/experiments/0/logged-models",
        f"/tracking/logged-models/{made[0]}",
    ]


def test_every_page_has_a_twin_and_nothing_stored_runs(
    server: httpx.Client, made: list[str]
) -> None:
    for path in pages(made):
        page = server.get(path)
        assert page.status_code == 200, (path, page.text)
        assert HOSTILE not in page.text
        assert "<b>" not in page.text
        bare, mark, query = path.partition("?")
        twin = server.get(f"{bare}.json{mark}{query}")
        assert twin.status_code == 200
        assert twin.json()


def test_pages_are_light(server: httpx.Client, made: list[str]) -> None:
    for path in pages(made):
        with server.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
            assert len(b"".join(answer.iter_raw())) < 12_000, path


def test_models_are_searched_ordered_and_paged(server: httpx.Client, post: Post) -> None:
    for i in range(120):
        post("/registered-models/create", name=f"m{i:03}", tags=[{"key": "i", "value": str(i)}])
    seen, query = [], "?sort=name"
    while query:
        page = server.get(f"/tracking/models.json{query}").json()
        assert len(page["models"]) <= 50
        seen += [model["name"] for model in page["models"]]
        query = page["next"]
    assert seen == [f"m{i:03}" for i in range(120)]

    def found(**params: str) -> list[str]:
        page = server.get("/tracking/models.json", params=params).json()
        return [model["name"] for model in page["models"]]

    assert found(ask="M11", sort="-name") == [f"m{i}" for i in range(119, 109, -1)]
    assert found(ask="tags.i = '7'") == ["m007"]
    assert found(ask="it's not there") == []
    wrong = server.get("/tracking/models.json", params={"ask": "nonsense = 1"}).json()
    assert wrong["problem"].startswith("Invalid")


def test_a_model_shows_what_its_aliases_name_since_when_and_by_whom(
    server: httpx.Client, made: list[str]
) -> None:
    page = server.get(f"{HERE}.json").json()
    (alias,) = page["aliases"]
    assert (alias["alias"], alias["version"], alias["actor"]) == ("champion", "2", "local")
    newest = page["versions"][0]
    assert (newest["version"], newest["run"], newest["actor"]) == ("2", "run 2", "local")
    assert newest["metrics"] == {"auc": pytest.approx(0.9)}
    assert [event["topic"] for event in page["events"]] == ["alias", "version", "version", "model"]


def test_a_version_shows_where_it_comes_from_and_how_to_load_it(
    server: httpx.Client, made: list[str]
) -> None:
    page = server.get(f"{HERE}/versions/2.json").json()
    assert page["loads"] == [f"models:/{NAME}@champion", f"models:/{NAME}/2"]
    assert page["params"][0] == {"key": "depth", "value": "2"}
    assert page["metrics"][0]["value"] == pytest.approx(0.9)
    assert page["datasets"][0]["context"] == "training"
    assert page["card"]["inputs"][0]["name"] == "distance"
    assert page["logged_model"]["value"] == f"/tracking/logged-models/{made[1]}"
    assert [one["name"] for one in page["files"]["files"]] == ["MLmodel", "requirements.txt"]
    assert len(page["events"]) == 2


def test_versions_side_by_side_show_what_differs(server: httpx.Client, made: list[str]) -> None:
    page = server.get(f"{HERE}/compare.json?versions=1,2&only=1").json()
    rows = {
        f"{section['title']} {row['name']}": row["values"]
        for section in page["sections"]
        for row in section["rows"]
    }
    assert rows == {
        "Version Aliases": [None, "champion"],
        "Version Python": ["3.11.1", "3.11.2"],
        "Metrics auc": ["0.7999999999999999", "0.8999999999999999"],
        "Parameters depth": ["1", "2"],
        "Signature output 0": ["long", "double"],
        "Requirements numpy": ["==1", "==2"],
        "Datasets rows (training)": ["d1", "d2"],
        "Tags gate": [None, HOSTILE],
    }
    assert page["same"] == 6


@pytest.mark.parametrize("versions", ["1", "", "1,2,3,4,5,6", "1,x", "1,9"])
def test_what_cannot_be_compared_is_refused(
    server: httpx.Client, made: list[str], versions: str
) -> None:
    answer = server.get(f"{HERE}/compare?versions={versions}")
    assert answer.status_code in (400, 404)


def test_logged_models_are_listed_with_their_metrics(
    server: httpx.Client, made: list[str], post: Post
) -> None:
    run = post("/runs/create", experiment_id="0")["run"]["info"]["run_id"]
    for value, model in zip((0.5, 0.9), made, strict=True):
        metric = {"key": "val", "value": value, "timestamp": 1, "step": 0, "model_id": model}
        post("/runs/log-batch", run_id=run, metrics=[metric])
    path = "/tracking/experiments/0/logged-models.json"
    page = server.get(path, params={"sort": "-metrics.val"}).json()
    assert [one["metrics.val"] for one in page["models"]] == [0.9, 0.5]
    assert page["models"][0]["registered"] == f"{NAME} 2"
    few = server.get(path, params={"filter": "metrics.val > 0.6"}).json()
    assert [one["model_id"] for one in few["models"]] == [made[1]]
    one = server.get(f"/tracking/logged-models/{made[0]}.json").json()
    assert (one["state"], one["metrics"][0]["value"]) == ("PENDING", 0.5)
    assert one["registered"][0]["value"] == f"{HERE}/versions/1"


def form(server: httpx.Client, **fields: str) -> httpx.Response:
    return server.post(f"{HERE}/change", data=fields)


def test_forms_change_what_they_say(server: httpx.Client, made: list[str]) -> None:
    asked = server.get(f"{HERE}/change.json?do=alias&alias=champion&version=1").json()
    assert asked["sentence"] == "Move @champion from version 2 to version 1"
    assert form(server, do="alias", **asked["fields"]).headers["location"] == HERE
    assert server.get(f"{HERE}.json").json()["aliases"][0]["version"] == "1"

    again = form(server, do="alias", **asked["fields"])
    assert again.status_code == 400
    assert "meanwhile somebody else changed it to 1" in again.text

    stage = server.get(f"{HERE}/change.json?do=stage&version=2&stage=production&archive=1").json()
    assert stage["fields"]["stage"] == "Production"
    moved = form(server, do="stage", **stage["fields"])
    assert moved.headers["location"] == f"{HERE}/versions/2"
    version = server.get(f"{HERE}/versions/2.json").json()
    assert version["stage"] == "Production"

    form(server, do="describe", description="one\r\ntwo")
    form(server, do="tag", key="team", value="ops")
    form(server, do="untag-version", version="2", key="gate")
    form(server, do="describe-version", version="2", description="better")
    page = server.get(f"{HERE}.json").json()
    assert (page["description"], page["tags"]) == ("one\ntwo", [{"key": "team", "value": "ops"}])
    assert page["versions"][0]["description"] == "better"
    assert page["versions"][0]["tags"] == []
    form(server, do="unalias", alias="champion", before="1")
    assert server.get(f"{HERE}.json").json()["aliases"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "alias", "alias": "latest", "version": "1"},
        {"do": "alias", "alias": "a b", "version": "1"},
        {"do": "alias", "alias": "x", "version": "9"},
        {"do": "stage", "version": "1", "stage": "Moon"},
        {"do": "tag", "key": "../x", "value": ""},
        {"do": "nothing"},
        {},
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    server: httpx.Client, made: list[str], fields: dict[str, str]
) -> None:
    before = server.get(f"{HERE}.json").json()
    answer = form(server, **fields)
    assert answer.status_code == 400, answer.text
    assert server.get(f"{HERE}.json").json() == before
    page = server.post(f"{HERE}/change", data=fields, headers={"accept": "text/html"})
    assert "<h1>" in page.text


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A server that asks for tokens; its URL and a token for each role."""
    with run_piece(piece, state=tmp_path, auth=True) as running:
        tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
        yield running.url, {role: tokens.create(role, role) for role in ("viewer", "editor")}
        tokens.close()


def test_a_viewer_sees_no_form_and_changes_nothing(guarded: tuple[str, dict[str, str]]) -> None:
    url, secrets = guarded
    with httpx.Client(base_url=url, headers={"Cookie": f"dovetail_token={secrets['editor']}"}) as c:
        c.post(f"{API}/registered-models/create", json={"name": NAME})
        c.post(f"{API}/model-versions/create", json={"name": NAME, "source": "s3://b/k"})
        assert '<form method="post" action="/tracking' in c.get(HERE).text
        assert form(c, do="alias", alias="champion", version="1").status_code == 303
        (alias,) = c.get(f"{HERE}.json").json()["aliases"]
        assert (alias["actor"], alias["version"]) == ("editor", "1")
        foreign = {"origin": "http://evil.example"}
        fields = {"do": "unalias", "alias": "champion"}
        assert c.post(f"{HERE}/change", data=fields, headers=foreign).status_code == 403
    with httpx.Client(base_url=url, headers={"Cookie": f"dovetail_token={secrets['viewer']}"}) as c:
        page = c.get(HERE).text
        assert 'method="post" action="/tracking' not in page
        assert f'action="{HERE}/change' not in page
        told = c.get(f"{HERE}/change?do=unalias&alias=champion").text
        assert "it takes that of an editor" in told
        assert form(c, do="unalias", alias="champion").status_code == 403
        assert len(c.get(f"{HERE}.json").json()["aliases"]) == 1
    assert httpx.post(f"{url}{HERE}/change", data=fields).status_code == 401
