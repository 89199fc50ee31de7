"""Which of two is better: asked, routed, combined, learned and audited like any question."""

import json
from typing import Any

import numpy as np
from click.testing import CliRunner
from tests.unit.labels.learning.conftest import until
from tests.unit.labels.server.conftest import Api

from dovetail.labels.cli import commands

CONFIG = (
    '<View><Text name="asked" value="$prompt"/><Text name="a" value="$one"/>'
    '<Text name="b" value="$two"/><Pairwise name="better" toName="a,b"/></View>'
)
GOOD = ["clear", "correct", "helpful", "thorough", "kind", "exact"]
BAD = ["rude", "vague", "wrong", "sloppy", "lazy", "odd"]
FILLER = [
    "the",
    "answer",
    "was",
    "and",
    "it",
    "with",
    "some",
    "people",
    "there",
    "in",
    "a",
    "scene",
]


def selected(side: str) -> list[dict[str, Any]]:
    """A result as Label Studio's editor writes it."""
    region = {"from_name": "better", "to_name": "better", "type": "pairwise"}
    return [{**region, "id": "p", "origin": "manual", "value": {"selected": side}}]


def pairs(count: int, seed: int = 0) -> tuple[list[dict[str, Any]], list[str]]:
    """Pairs of answers to a prompt, and the side that has more of good words."""
    rng = np.random.default_rng(seed)

    def text(good: int) -> str:
        words = [*rng.choice(FILLER, 8), *rng.choice(GOOD, good), *rng.choice(BAD, 3 - good)]
        rng.shuffle(words)
        return " ".join(words)

    tasks, better = [], []
    for number in range(count):
        one, two = (int(n) for n in rng.choice(4, 2, replace=False))
        data = {"prompt": f"question {number % 7}", "one": text(one), "two": text(two)}
        tasks.append({"data": data})
        better.append("left" if one > two else "right")
    return tasks, better


def people(api: Api, count: int) -> list[int]:
    emails = [f"p{n}@example.org" for n in range(count)]
    return [api.post("/api/users/", {"email": one, "username": one})["id"] for one in emails]


def voted(labels: Api, count: int, skills: list[float]) -> tuple[int, list[int], list[str]]:
    """A project whose pairs are answered by people of some skills."""
    rng = np.random.default_rng(1)
    other = {"left": "right", "right": "left"}
    users, project = people(labels, len(skills)), labels.project(label_config=CONFIG)
    tasks, better = pairs(count)
    for task, truth in zip(tasks, better, strict=True):
        task["annotations"] = [
            {"result": selected(truth if rng.random() < skill else other[truth]), "completed_by": u}
            for u, skill in zip(users, skills, strict=True)
        ]
    return project, labels.load(project, tasks), better


def test_pairs_are_routed_until_it_is_sure_which_is_better(labels: Api) -> None:
    project, users = labels.project(label_config=CONFIG), people(labels, 3)
    tasks, better = pairs(20)
    ids = labels.load(project, tasks)
    path = f"/api/labels/projects/{project}"
    labels.call("PUT", f"{path}/routing", {"quality": 0.8, "audit": 0})
    for user in users:
        for task, truth in zip(ids, better, strict=True):
            body = {"result": selected(truth), "completed_by": user}
            labels.post(f"/api/tasks/{task}/annotations/", body)
    until(lambda: labels.get(f"{path}/quality")["done"] == 20)
    stands = labels.get(f"{path}/posteriors")["tasks"]
    assert [one["label"] for one in stands] == better
    labels.get(f"/api/projects/{project}/next", status=404)


def test_votes_on_pairs_are_combined_by_what_each_person_is_worth(labels: Api) -> None:
    project, ids, better = voted(labels, 150, [0.95, 0.9, 0.85, 0.5, 0.5, 0.5])
    path = f"/api/labels/projects/{project}"
    labels.post(f"{path}/snapshots", {"name": "v1"})
    answer = labels.http.get(f"{path}/snapshots/v1/labels")
    told = {row["task"]: row for row in map(json.loads, answer.text.splitlines())}
    right = [told[task]["label"] == truth for task, truth in zip(ids, better, strict=True)]
    assert np.mean(right) > 0.94  # of sixty draws most votes reach 93 % at best, and 86 % mostly
    assert told[ids[0]]["how"] != "closest to the others"
    assert told[ids[0]]["result"][0]["value"] in ({"selected": "left"}, {"selected": "right"})
    assert 0.5 < told[ids[0]]["probability"] <= 1


def test_people_who_disagree_on_pairs_are_shown_and_told_apart(labels: Api) -> None:
    project, _, _ = voted(labels, 80, [0.97, 0.95, 0.5])
    path = f"/api/labels/projects/{project}"
    disputed = labels.get(f"{path}/disagreements")
    assert disputed["open"] > 10
    assert {vote["said"]["better"] for vote in disputed["items"][0]["votes"]} == {"left", "right"}
    (one,) = labels.get(f"{path}/agreement")["controls"]
    assert one["control"] == "better"
    assert 0.1 < one["alpha"] < 0.8
    told = {one["name"]: one["estimate"] for one in labels.get(f"{path}/annotators")["people"]}
    assert told["p2@example.org"]["differs"] == "worse"
    assert told["p2@example.org"]["high"] < told["p0@example.org"]["low"]
    decided = {"task": disputed["items"][0]["task"], "result": selected("left"), "note": "shorter"}
    labels.post(f"{path}/disagreements", decided)
    assert labels.get(f"{path}/disagreements")["open"] == disputed["open"] - 1


def test_the_labeller_learns_which_of_two_is_better(labels: Api) -> None:
    project = labels.project(label_config=CONFIG)
    tasks, better = pairs(160)
    ids = labels.load(project, tasks)
    path = f"/api/labels/projects/{project}/learner"
    labels.call("PUT", path, {"enabled": True, "every": 20})
    for task, truth in zip(ids[:80], better[:80], strict=True):
        labels.post(f"/api/tasks/{task}/annotations/", {"result": selected(truth)})
    labels.post(path + "/train", status=202)
    version = until(
        lambda: (
            (v := labels.get(path)["version"]) and v["answers"] == 80 and v["predicted"] == 80 and v
        )
    )
    assert version["skills"][0]["control"] == "better"
    said = labels.get(f"/api/predictions/?project={project}")
    newest = {one["task"]: one for one in said if one["model_version"] == version["name"]}
    right = [
        newest[task]["result"][0]["value"]["selected"] == truth
        for task, truth in zip(ids[80:], better[80:], strict=True)
    ]
    assert np.mean(right) > 0.85


def test_a_project_of_pairs_is_audited(labels: Api) -> None:
    project, _, _ = voted(labels, 150, [0.95, 0.95, 0.6])
    line = ["audit", "--from", f"{labels.url}/projects/{project}", "--json"]
    done = CliRunner().invoke(commands, line, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert '"left"' in done.output
