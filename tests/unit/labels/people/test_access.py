"""Who may do what in a project: over tokens, on a real server."""

import threading
import time
from collections.abc import Callable
from typing import Any

from tests.unit.labels.people.conftest import CONFIG

GOOD = [{"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}]


def test_an_invited_annotator_labels_and_sees_no_more_than_that(build: Callable[..., Any]) -> None:
    world = build(4, maximum_annotations=2)
    ann, bob = world.invite("ann"), world.invite("bob")
    task = world.next(ann)
    assert set(task["data"]) == {"text"}  # what the config does not show could be the answer
    mine = ann.answer(task["id"], "good")
    assert mine["ground_truth"] is False
    theirs = bob.answer(task["id"], "bad")
    seen = ann.get(f"/api/tasks/{task['id']}/")
    assert [one["id"] for one in seen["annotations"]] == [mine["id"]]
    assert (seen["total_annotations"], seen["overlap"], seen["meta"]) == (1, 1, {})
    listed = ann.get(f"/api/tasks/{task['id']}/annotations")
    assert [one["id"] for one in listed] == [mine["id"]]
    ann.get(f"/api/annotations/{theirs['id']}/", status=403)
    ann.call("PATCH", f"/api/annotations/{theirs['id']}/", {"result": GOOD}, status=403)
    ann.call("DELETE", f"/api/annotations/{theirs['id']}/", status=403)
    changed = ann.call("PATCH", f"/api/annotations/{mine['id']}/", {"result": GOOD})
    assert changed["result"] == GOOD


CLOSED = [
    ("GET", "/api/projects/{p}/export?exportType=JSON"),
    ("GET", "/api/projects/{p}/tasks"),
    ("GET", "/api/tasks?project={p}"),
    ("GET", "/api/tasks"),
    ("GET", "/api/predictions?project={p}"),
    ("GET", "/api/users"),
    ("GET", "/labels/projects/{p}"),
    ("GET", "/api/labels/projects/{p}/gold"),
    ("GET", "/api/labels/projects/{p}/members"),
    ("GET", "/api/labels/projects/{p}/disagreements"),
    ("GET", "/api/labels/projects/{p}/agreement"),
    ("GET", "/api/labels/projects/{p}/annotators"),
    ("GET", "/api/labels/projects/{p}/payments?from=2026-01-01&to=2026-01-02"),
    ("GET", "/api/labels/projects/{p}/people"),
    ("PATCH", "/api/projects/{p}"),
    ("DELETE", "/api/projects/{p}"),
    ("POST", "/api/projects"),
    ("POST", "/api/projects/{p}/import"),
    ("DELETE", "/api/projects/{p}/tasks"),
    ("PATCH", "/api/tasks/{t}"),
    ("DELETE", "/api/tasks/{t}"),
    ("POST", "/api/predictions"),
    ("POST", "/api/labels/projects/{p}/members"),
    ("POST", "/api/labels/projects/{p}/gold"),
    ("POST", "/api/labels/projects/{p}/reviews"),
    ("POST", "/api/labels/projects/{p}/disagreements"),
    ("PUT", "/api/labels/projects/{p}/people"),
    ("PUT", "/api/labels/projects/{p}/qualification"),
]


def test_what_an_annotator_may_not_do_is_refused(build: Callable[..., Any]) -> None:
    world = build(3)
    ann = world.invite("ann")
    for method, path in CLOSED:
        url = path.format(p=world.project, t=world.tasks[0])
        body = {} if method == "GET" else {"json": {"name": "eve", "title": "mine"}}
        answer = ann.http.request(method, url, **body)
        assert answer.status_code in (403, 404), (method, path, answer.text[:300])
        assert "good" not in answer.text


def test_an_annotator_sees_only_their_projects(build: Callable[..., Any]) -> None:
    world = build(2)
    other = build(2)
    ann = world.invite("ann")
    assert [one["id"] for one in ann.get("/api/projects")["results"]] == [world.project]
    ann.get(f"/api/projects/{other.project}", status=403)
    ann.get(f"/api/projects/{other.project}/next", status=403)
    ann.answer(other.tasks[0], "good", status=403)
    ann.get(f"/api/tasks/{other.tasks[0]}", status=403)
    shown = ann.get(f"/api/projects/{world.project}")
    assert not [key for key in shown if "number" in key]  # no counts of gold or of others' work


def test_an_annotator_marks_nothing_as_gold_and_speaks_for_nobody(
    build: Callable[..., Any],
) -> None:
    world = build(2)
    ann = world.invite("ann")
    path = f"/api/tasks/{world.tasks[0]}/annotations/"
    ann.post(path, {"result": GOOD, "ground_truth": True}, status=403)
    ann.post(path, {"result": GOOD, "completed_by": 1}, status=403)
    assert world.boss.get(path) == []


def test_a_viewer_without_invitation_looks_and_changes_nothing(
    build: Callable[..., Any], viewer: Callable[..., Any]
) -> None:
    world = build(2)
    vic = viewer(world)
    assert vic.get(f"/api/projects/{world.project}")["id"] == world.project
    vic.answer(world.tasks[0], "good", status=403)
    for method, path in CLOSED:
        if method != "GET":
            url = path.format(p=world.project, t=world.tasks[0])
            assert vic.http.request(method, url, json={}).status_code == 403, path


def test_a_reviewer_reads_all_and_a_manager_of_one_project_runs_it(
    build: Callable[..., Any],
) -> None:
    world, other = build(2), build(2)
    rae, max_ = world.invite("rae", "reviewer"), world.invite("max", "manager")
    rae.get(f"/api/projects/{world.project}/export?exportType=JSON")
    rae.call("PATCH", f"/api/projects/{world.project}", {"title": "hers"}, status=403)
    rae.get(f"{world.api}/gold", status=403)
    max_.call("PATCH", f"/api/projects/{world.project}", {"title": "his own"})
    max_.post(f"{world.api}/members", {"name": "new"})
    max_.call("PATCH", f"/api/projects/{other.project}", {"title": "not his"}, status=403)
    max_.call("DELETE", f"/api/projects/{world.project}", status=403)
    max_.post("/api/projects", {"title": "another one"}, status=403)


def test_who_is_let_go_is_locked_out_at_once_and_nothing_is_lost(
    build: Callable[..., Any],
) -> None:
    world = build(3)
    ann = world.invite("ann")
    kept = ann.answer(world.next(ann)["id"], "good")
    open_task = world.next(ann)["id"]
    world.boss.call("DELETE", f"{world.api}/members/{ann.user}?revoke=true", status=204)
    refused = ann.http.post(f"/api/tasks/{open_task}/annotations/", json={"result": GOOD})
    assert refused.status_code == 401
    assert world.boss.get(f"/api/annotations/{kept['id']}/")["result"] == GOOD
    (member,) = world.boss.get(f"{world.api}/members")["members"]
    assert (member["name"], member["is_active"], member["may_label"]) == ("ann", False, False)


def test_who_is_let_go_with_a_token_that_lives_sees_nothing(build: Callable[..., Any]) -> None:
    world = build(3)
    ann = world.invite("ann")
    world.boss.call("DELETE", f"{world.api}/members/{ann.user}", status=204)
    ann.get(f"/api/projects/{world.project}/next", status=403)
    assert ann.get("/api/projects")["results"] == []


def test_an_invitation_gives_no_token_in_anothers_name(build: Callable[..., Any]) -> None:
    world, other = build(2), build(2)
    world.invite("ann")
    again = other.boss.post(f"{other.api}/members", {"name": "ann"})
    assert (again["token"], again["note"]) == (None, "ann has a token already")
    path, body = f"{other.api}/members", {"name": "ann", "new_token": True}
    refused = other.boss.post(path, body, status=409)
    assert "only an admin gives it" in refused["detail"]
    refused = other.boss.post(path, {"name": "boss"}, status=409)
    assert "a membership would bind nothing" in refused["detail"]


def test_a_name_that_cannot_be_one_is_refused(build: Callable[..., Any]) -> None:
    world = build(1)
    for name in ("", " ", "local", "Anonymous", "a\nb", "x" * 101, "a\x00"):
        world.boss.post(f"{world.api}/members", {"name": name}, status=400)
    assert world.boss.get(f"{world.api}/members") == {"members": []}


def test_a_project_that_does_not_exist_is_not_found(build: Callable[..., Any]) -> None:
    world = build(1)
    for path in ("members", "gold", "disagreements", "agreement", "annotators"):
        world.boss.get(f"/api/labels/projects/99/{path}", status=404)


def test_an_annotator_sees_the_pictures_of_their_projects_only(build: Callable[..., Any]) -> None:
    first, second = build(1), build(1)
    shown = []
    for world in (first, second):
        path = f"/api/projects/{world.project}/import"
        world.boss.http.post(path, files={"file": ("a.png", b"\x89PNG")})
        found = world.boss.get(f"/api/projects/{world.project}/export?download_all_tasks=1")
        shown.append(found[-1]["data"]["text"])
    ann = first.invite("ann")
    assert ann.http.get(shown[0]).content == b"\x89PNG"
    ann.get(shown[1], status=403)


def test_a_token_that_is_revoked_while_two_people_save_loses_nothing(
    build: Callable[..., Any],
) -> None:
    world = build(400, maximum_annotations=2)
    ann, bob = world.invite("ann"), world.invite("bob")
    acknowledged: dict[str, list[int]] = {"ann": [], "bob": []}
    statuses: list[int] = []
    gone = threading.Event()
    after_gone: list[int] = []

    def save(name: str, who: Any) -> None:
        for task in world.tasks:
            was_gone = gone.is_set()
            answer = who.http.post(f"/api/tasks/{task}/annotations/", json={"result": GOOD})
            if answer.status_code == 201:
                acknowledged[name].append(answer.json()["id"])
                if was_gone and name == "ann":
                    after_gone.append(answer.json()["id"])
            else:
                statuses.append(answer.status_code)
                return
            if len(acknowledged["ann"]) + len(acknowledged["bob"]) > 700:
                return

    threads = [threading.Thread(target=save, args=pair) for pair in (("ann", ann), ("bob", bob))]
    for thread in threads:
        thread.start()
    while len(acknowledged["ann"]) < 20:
        time.sleep(0.01)
    world.boss.call("DELETE", f"{world.api}/members/{ann.user}?revoke=true", status=204)
    gone.set()
    for thread in threads:
        thread.join()
    assert statuses in ([401], [403])  # as no member, or without a token, whichever came first
    assert after_gone == []
    assert len(acknowledged["bob"]) == 400
    exported = world.boss.get(f"/api/projects/{world.project}/export?exportType=JSON")
    kept = {one["id"] for task in exported for one in task["annotations"]}
    assert kept == {*acknowledged["ann"], *acknowledged["bob"]}


def test_the_short_way_of_saving_shows_and_refuses_what_the_route_does(
    build: Callable[..., Any],
) -> None:
    world = build(5)
    ann = world.invite("ann")
    path = f"/api/tasks/{world.tasks[0]}/annotations/"
    # The first goes by the route, which learns where the task is; later ones go the short way.
    made = [ann.answer(world.tasks[0], "good") for _ in range(3)]
    assert [set(one) for one in made] == [set(made[0])] * 3
    assert {one["ground_truth"] for one in made} == {False}
    assert {one["completed_by"] for one in made} == {ann.user}
    for extra in ({"ground_truth": True}, {"completed_by": ann.user + 1}):
        refused = ann.post(path, {"result": GOOD, **extra}, status=403)
        assert "an annotator answers in their own name" in str(refused)
    twice = {"result": GOOD, "unique_id": "one"}
    assert ann.post(path, twice) == ann.post(path, twice)
    other = world.boss.post("/api/projects", {"title": "other", "label_config": CONFIG})["id"]
    load = f"/api/projects/{other}/import?return_task_ids=true"
    (strange,) = world.boss.post(load, [{"text": "x", "secret": ""}])["task_ids"]
    for _ in range(2):
        ann.answer(strange, "good", status=403)
    world.plan(
        qualification={"tiers": [{"name": "basic", "threshold": 0.6}], "least": 3, "most": 4}
    )
    ann.answer(world.tasks[0], "good", status=403)
    world.plan()
    ann.answer(world.tasks[0], "good")
    world.boss.call("DELETE", f"{world.api}/members/{ann.user}", status=204)
    ann.answer(world.tasks[0], "good", status=403)
