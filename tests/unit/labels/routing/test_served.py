"""Routing on a real labelling server, with people and machines of every kind."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.unit.labels.server.conftest import Api

from dovetail.labels.piece import piece
from dovetail.labels.settings import LabelSettings
from dovetail.web.testing import run_piece, serve_in_thread

CONFIG = (
    '<View><Text name="text" value="$text"/>'
    '<Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>'
    "</View>"
)
FUNCTIONS = """
def lf_nice(data):
    return "good" if "nice" in data["text"] else None


def lf_awful(data):
    return "bad" if "awful" in data["text"] else None


def _helper(data):
    raise RuntimeError
"""
HERE = ("127.0.0.1", "localhost")


def mood(number: int) -> str:
    return "good" if number % 3 else "bad"


def texts(count: int) -> list[dict[str, Any]]:
    return [
        {"data": {"text": f"{'nice' if mood(i) == 'good' else 'awful'} {i}", "guess": mood(i)}}
        for i in range(count)
    ]


def region(label: str) -> list[dict[str, Any]]:
    value = {"choices": [label]}
    return [{"from_name": "mood", "to_name": "text", "type": "choices", "value": value}]


def until(found: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.05)


def url(project: int, rest: str) -> str:
    return f"/api/labels/projects/{project}/{rest}"


@contextmanager
def running(tmp_path: Path, **settings: Any) -> Iterator[Api]:
    given = LabelSettings(source_allow=HERE, **settings)
    with run_piece(piece, given, state=tmp_path) as server:
        api = Api(server.url)
        yield api
        api.http.close()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    file = tmp_path / "functions.py"
    file.write_text(FUNCTIONS)
    with running(tmp_path / "state", functions=str(file)) as server:
        yield server


def made(api: Api, count: int, **policy: Any) -> tuple[int, list[int]]:
    project = int(api.post("/api/projects", {"title": "moods", "label_config": CONFIG})["id"])
    tasks = api.load(project, texts(count))
    api.call("PUT", url(project, "routing"), policy)
    return project, tasks


def say(api: Api, task: int, label: str, user: int | None = None, **more: Any) -> None:
    body = {"result": region(label), **more} | ({"completed_by": user} if user else {})
    api.post(f"/api/tasks/{task}/annotations/", body)


def test_a_project_without_a_policy_keeps_its_own_order(api: Api) -> None:
    project = int(api.post("/api/projects", {"title": "moods", "label_config": CONFIG})["id"])
    tasks = api.load(project, texts(3))
    assert api.get(url(project, "routing"))["enabled"] is False
    assert api.get(f"/api/projects/{project}/next")["id"] == tasks[0]
    api.get(url(project, "quality"), status=404)


def test_two_functions_are_asked_and_their_answers_are_predictions(api: Api) -> None:
    project, tasks = made(api, 30, floor=1)
    for name in ("lf_nice", "lf_awful"):
        api.post(url(project, "sources"), {"kind": "function", "name": name})
    said = until(lambda: len(p := api.get(f"/api/predictions/?project={project}")) >= 30 and p)
    assert {one["model_version"] for one in said} == {"lf_nice", "lf_awful"}
    shown = {one["task"]: one["result"][0]["value"]["choices"][0] for one in said}
    assert [shown[task] for task in tasks] == [mood(i) for i in range(30)]
    sources = {one["name"]: one for one in api.get(url(project, "sources"))["sources"]}
    assert sources["lf_nice"]["answers"] == 20
    assert sources["lf_nice"]["abstained"] == 10
    assert sources["people"]["kind"] == "people"


def test_people_answer_until_it_is_enough_and_then_nothing_is_left(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        project, tasks = made(api, 20, quality=0.8, audit=0)
        users = [api.post("/api/users/", {"email": f"p{i}@x.org"})["id"] for i in range(4)]
        for user in users[:3]:
            for number, task in enumerate(tasks):
                say(api, task, mood(number), user, lead_time=2.0)
        report = until(lambda: (r := api.get(url(project, "quality")))["done"] == 20 and r)
        assert report["answers"] == 60
        assert report["achieved"] is None
        assert "not measured yet" in report["text"]
        assert report["promised"]["lower"] <= report["promised"]["value"]
        people = [one for one in report["sources"] if one["kind"] == "person"]
        assert [one["answers"] for one in people] == [20, 20, 20]
        assert {one["seconds"] for one in people} == {2.0}
        api.get(f"/api/projects/{project}/next", status=404)
        stands = api.get(url(project, "posteriors"))["tasks"]
        assert [one["label"] for one in stands] == [mood(i) for i in range(20)]
        assert all(one["is_done"] for one in stands)


def test_what_was_answered_is_known_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "functions.py"
    file.write_text(FUNCTIONS)
    with running(tmp_path / "state", functions=str(file)) as api:
        project, tasks = made(api, 12, floor=2)
        api.post(url(project, "sources"), {"kind": "function", "name": "lf_nice", "cost": 0.5})
        until(lambda: len(api.get(f"/api/predictions/?project={project}")) == 8)
        say(api, tasks[0], "bad")
        before = api.get(url(project, "quality"))
    with running(tmp_path / "state", functions=str(file)) as api:
        after = api.get(url(project, "quality"))
        assert after["answers"] == before["answers"] == 9
        assert after["spent"] == before["spent"] == 12 * 0.5 + 1.0
        time.sleep(1.5)  # abstentions are not asked for again
        assert api.get(url(project, "quality"))["spent"] == after["spent"]


def test_ground_truth_measures_what_was_achieved(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        project, tasks = made(api, 40, quality=0.8)
        users = [api.post("/api/users/", {"email": f"p{i}@x.org"})["id"] for i in range(3)]
        for number, task in enumerate(tasks):
            for user in users:
                say(api, task, mood(number), user)
            if number % 2:
                say(api, task, mood(number), ground_truth=True)
        achieved = api.get(url(project, "quality"))["achieved"]
        assert (achieved["value"], achieved["counted"]) == (1.0, 20)
        assert achieved["lower"] == pytest.approx(0.8316, abs=1e-3)
        assert "exact binomial" in achieved["basis"]


def test_answers_that_come_with_an_import_count(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        project, _ = made(api, 2)
        assert api.get(url(project, "quality"))["answers"] == 0
        api.load(project, [{"data": {"text": "x"}, "annotations": [{"result": region("good")}]}])
        report = api.get(url(project, "quality"))
        assert (report["tasks"], report["answers"]) == (3, 1)


def test_a_spent_budget_ends_it(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        project, tasks = made(api, 5, budget=2.0)
        api.post(url(project, "sources"), {"kind": "people", "name": "people", "cost": 1.0})
        say(api, tasks[0], "good")
        assert api.get(f"/api/projects/{project}/next")["id"]
        say(api, tasks[1], "good")
        api.get(f"/api/projects/{project}/next", status=404)
        report = api.get(url(project, "quality"))
        assert (report["spent"], report["left"]) == (2.0, 0.0)


async def endpoint(request: Request) -> JSONResponse:
    """Any endpoint."""
    asked = await request.json()
    if request.headers.get("authorization") != "Bearer hush":
        return JSONResponse({"error": "who are you"}, 401)
    text = asked["messages"][0]["content"]
    word = "positive" if "nice" in text else "negative"
    return JSONResponse({"choices": [{"word": word, "p": 0.9}]})


async def setup(request: Request) -> JSONResponse:
    """An ML backend is set up."""
    assert "Choices" in (await request.json())["schema"]
    return JSONResponse({"model_version": "v1"})


async def predict(request: Request) -> JSONResponse:
    """An ML backend answers."""
    tasks = (await request.json())["tasks"]
    said = [region("good" if "nice" in task["data"]["text"] else "bad") for task in tasks]
    return JSONResponse({"results": [{"result": one, "score": 0.8} for one in said]})


@pytest.fixture
def others() -> Iterator[str]:
    """A server with an endpoint, and one that is an ML backend."""
    routes = [
        Route("/ask", endpoint, methods=["POST"]),
        Route("/setup", setup, methods=["POST"]),
        Route("/predict", predict, methods=["POST"]),
        Route("/health", lambda _: JSONResponse({"status": "UP"}), methods=["GET"]),
    ]
    with serve_in_thread(Starlette(routes=routes)) as server:
        yield server.url


def answered(api: Api, project: int, tasks: list[int]) -> list[str]:
    said = until(
        lambda: len(p := api.get(f"/api/predictions/?project={project}")) >= len(tasks) and p
    )
    shown = {one["task"]: one["result"][0]["value"]["choices"][0] for one in said}
    return [shown[task] for task in tasks]


def test_any_endpoint_answers(tmp_path: Path, others: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOVETAIL_SOURCE_LLM", "hush")
    with running(tmp_path) as api:
        project, tasks = made(api, 6, floor=1)
        api.post(
            url(project, "sources"),
            {
                "kind": "http", "name": "llm", "url": f"{others}/ask", "secret": "LLM",
                "template": {"messages": [{"role": "user", "content": "Mood of: $text"}]},
                "label": "/choices/0/word", "score": "/choices/0/p",
                "labels": {"positive": "good", "negative": "bad"},
            },
        )  # fmt: skip
        assert answered(api, project, tasks) == [mood(i) for i in range(6)]
        source = next(s for s in api.get(url(project, "sources"))["sources"] if s["name"] == "llm")
        assert source["answers"] == 6
        assert source["problem"] == ""
        assert "hush" not in str(source)


def test_an_ml_backend_answers(tmp_path: Path, others: str) -> None:
    with running(tmp_path) as api:
        project, tasks = made(api, 6, floor=1)
        api.post(url(project, "sources"), {"kind": "ml_backend", "name": "theirs", "url": others})
        assert answered(api, project, tasks) == [mood(i) for i in range(6)]


def test_a_source_that_fails_says_why_and_the_people_go_on(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        project, tasks = made(api, 3)
        api.post(
            url(project, "sources"),
            {
                "kind": "http", "name": "gone", "url": "http://127.0.0.1:9/", "template": {},
                "label": "/label",
            },
        )  # fmt: skip
        problem = until(lambda: api.get(url(project, "sources"))["sources"][0]["problem"])
        assert "'gone' did not answer" in problem
        assert api.get(f"/api/projects/{project}/next")["id"] in tasks


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"kind": "function", "name": "os.system"}, "no labelling function"),
        ({"kind": "ml_backend", "name": "x", "url": "file:///etc/passwd"}, "https?"),
        ({"kind": "ml_backend", "name": "person:1", "url": "https://x.org"}, "cannot be called"),
        ({"kind": "shell", "name": "x"}, "Invalid value"),
        (
            {
                "kind": "http", "name": "x", "url": "https://x.org/", "template": {},
                "label": "/a", "secret": "NOT_THERE",
            },
            "NOT_THERE",
        ),
    ],
)  # fmt: skip
def test_sources_that_cannot_be_are_refused(tmp_path: Path, spec: Any, said: str) -> None:
    with running(tmp_path) as api:
        project, _ = made(api, 1)
        told = api.post(url(project, "sources"), spec, status=400)
        assert said in str(told)
        assert [s["name"] for s in api.get(url(project, "sources"))["sources"]] == ["people"]


def test_a_source_inside_the_network_is_not_called(tmp_path: Path, others: str) -> None:
    with run_piece(piece, LabelSettings(), state=tmp_path) as server:
        api = Api(server.url)
        project, _ = made(api, 2)
        body = {"kind": "ml_backend", "name": "inside", "url": others}
        api.post(url(project, "sources"), body)
        problem = until(lambda: api.get(url(project, "sources"))["sources"][0]["problem"])
        assert "scheme" in problem or "non-public" in problem
        assert api.get(f"/api/predictions/?project={project}") == []
        api.http.close()


@pytest.mark.parametrize("policy", [{"quality": 1.2}, {"floor": 9, "most": 3}, {"control": "no"}])
def test_policies_that_cannot_be_are_refused(tmp_path: Path, policy: Any) -> None:
    with running(tmp_path) as api:
        project, _ = made(api, 1)
        api.call("PUT", url(project, "routing"), policy, status=400)
        assert api.get(url(project, "routing"))["quality"] == 0.95


def test_costs_are_estimated_before_the_start(api: Api) -> None:
    project, _ = made(api, 10)
    found = api.post(
        url(project, "routing/estimate"), {"items": 5000, "cost": 0.02, "quality": 0.9}, status=200
    )
    assert 5000 < found["answers_least"] <= found["answers_most"]
    assert found["cost"] == pytest.approx(found["answers"] * 0.02)


def test_a_paused_source_is_not_asked(tmp_path: Path) -> None:
    file = tmp_path / "functions.py"
    file.write_text(FUNCTIONS)
    with running(tmp_path / "state", functions=str(file)) as api:
        project, _ = made(api, 4)
        api.call("PUT", url(project, "routing"), {"quality": 0.9})
        spec = {"kind": "function", "name": "lf_nice"}
        api.post(url(project, "sources"), {**spec, "paused": True})
        api.post(url(project, "sources"), {"kind": "function", "name": "lf_awful"})
        shown = until(lambda: api.get(f"/api/predictions/?project={project}"))
        assert {one["model_version"] for one in shown} == {"lf_awful"}
        api.post(url(project, "sources"), spec)
        until(
            lambda: (
                len({p["model_version"] for p in api.get(f"/api/predictions/?project={project}")})
                == 2
            )
        )


def test_what_is_wrong_with_a_source_names_its_field(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        project, _ = made(api, 1)
        backend = {"kind": "ml_backend", "name": "m", "url": "https://2130706433"}
        assert api.post(url(project, "sources"), backend, status=400)["field"] == "url"
        named = {"kind": "function", "name": "none"}
        assert api.post(url(project, "sources"), named, status=400)["field"] == "name"


def test_an_estimate_follows_what_is_asked(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        project, _ = made(api, 10)
        path = url(project, "routing/estimate")
        low = api.post(path, {"floor": 1, "audit": 0}, status=200)
        high = api.post(path, {"floor": 9, "audit": 0}, status=200)
        assert low["cost"] < high["cost"]
        assert high["answers"] >= 90
