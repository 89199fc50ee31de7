"""Qualification, hidden gold, and what comes before the router's choice, on a real server."""

import json
import threading
from collections.abc import Callable
from typing import Any

RULE = {"tiers": [{"name": "basic", "threshold": 0.6}], "least": 3, "most": 4}


def truth_of(task: dict[str, Any]) -> str:
    """What the texts of these tests say of themselves."""
    return str(task["data"]["text"]).split()[-1]


def said(value: str) -> list[dict[str, Any]]:
    """A result that makes one choice."""
    region = {"from_name": "mood", "to_name": "text", "type": "choices"}
    return [{**region, "value": {"choices": [value]}}]


def make_gold(world: Any, tasks: list[int], used_for: str) -> None:
    """Make tasks gold with what their text says."""
    moods = ("good", "bad", "mixed")
    items = [[task, said(moods[world.tasks.index(task) % 3])] for task in tasks]
    made = world.boss.post(f"{world.api}/gold", {"used_for": used_for, "items": items})
    assert made == {"added": len(tasks)}


def test_only_who_passes_gets_real_items(build: Callable[..., Any]) -> None:
    world = build(8)
    test, real = world.tasks[:4], world.tasks[4:]
    make_gold(world, test, "qualification")
    world.plan(qualification=RULE)
    ann, eve = world.invite("ann"), world.invite("eve")
    ann.answer(real[0], "good", status=403)  # not before she has qualified
    asked = []
    for _ in range(4):
        task = world.next(ann)
        asked.append(task["id"])
        ann.answer(task["id"], truth_of(task))
        eve_task = world.next(eve)
        eve.answer(eve_task["id"], "bad" if truth_of(eve_task) == "good" else "good")
        if world.boss.get(f"{world.api}/members")["members"][1]["qualification"][0] == "F":
            break
    assert set(asked) <= set(test)
    while (task := world.next(ann))["id"] in test:
        ann.answer(task["id"], truth_of(task))
    assert task["id"] in real
    refused = world.next(eve, status=403)
    assert "may not label in project" in refused["detail"]
    assert "right" in refused["detail"]
    eve.answer(real[0], "good", status=403)
    members = {one["name"]: one for one in world.boss.get(f"{world.api}/members")["members"]}
    assert (members["ann"]["may_label"], members["eve"]["may_label"]) == (True, False)
    own = eve.get(f"{world.api}/qualification")
    assert list(own) == ["progress"]  # nobody else's, and not which items she failed
    world.boss.post(f"{world.api}/members/{eve.user}/requalify", status=204)
    assert world.next(eve)["id"] in test


def test_hidden_gold_comes_in_its_share_and_looks_like_any_item(
    build: Callable[..., Any],
) -> None:
    world = build(120)
    hidden = world.tasks[-30:]
    make_gold(world, hidden, "hidden")
    world.plan(gold_share=0.25)
    ann = world.invite("ann")
    seen: list[dict[str, Any]] = []
    for _ in range(60):
        task = world.next(ann)
        seen.append(task)
        ann.answer(task["id"], truth_of(task))
    gold = [task for task in seen if task["id"] in hidden]
    assert 6 <= len(gold) <= 26
    assert len({task["id"] for task in seen}) == 60
    shapes = {json.dumps({k: v for k, v in t.items() if k not in VARYING}) for t in seen}
    assert len(shapes) == 1  # nothing but the item itself differs
    report = world.boss.get(f"{world.api}/gold")
    (mine,) = report["people"]
    assert (mine["person"], mine["answers"], mine["right"]) == ("ann", len(gold), len(gold))
    assert mine["low"] < mine["estimate"] < mine["high"] <= 1


VARYING = ("id", "data", "inner_id", "unique_lock_id", "created_at", "updated_at")


def test_an_answer_to_gold_counts_as_it_was_first_given(build: Callable[..., Any]) -> None:
    world = build(3)
    make_gold(world, world.tasks[:1], "hidden")
    world.plan(gold_share=0.5)
    ann = world.invite("ann")
    first = ann.answer(world.tasks[0], "bad")
    ann.call("PATCH", f"/api/annotations/{first['id']}/", {"result": said("good")})
    ann.call("DELETE", f"/api/annotations/{first['id']}/", status=204)
    ann.answer(world.tasks[0], "good")
    (item,) = world.boss.get(f"{world.api}/gold")["items"]
    assert (item["answers"], item["right"]) == (1, 0)


def test_gold_that_most_people_fail_is_flagged(build: Callable[..., Any]) -> None:
    world = build(14)
    make_gold(world, world.tasks[1:13], "hidden")
    wrong = {"used_for": "hidden", "items": [[world.tasks[0], said("bad")]]}
    world.boss.post(f"{world.api}/gold", wrong)
    people = [world.invite(name) for name in ("ann", "bob", "cy", "dee")]
    moods = ("good", "bad", "mixed")
    for who in people:
        for place, task in enumerate(world.tasks[:13]):
            who.answer(task, moods[place % 3])
    report = world.boss.get(f"{world.api}/gold")
    assert report["doubtful"] == 1
    first = report["items"][0]
    assert (first["task"], first["is_doubtful"]) == (world.tasks[0], True)
    assert (first["expected"], first["instead"]) == ({"mood": "bad"}, {"mood": "good"})
    assert first["doubt"].startswith("4 of 4 people fail it")
    world.boss.call("DELETE", f"{world.api}/gold/{world.tasks[0]}", status=204)
    assert world.boss.get(f"{world.api}/gold")["doubtful"] == 0
    world.boss.call("DELETE", f"{world.api}/gold/{world.tasks[0]}", status=404)


def test_gold_takes_ground_truth_and_what_was_answered_before(build: Callable[..., Any]) -> None:
    world = build(3)
    ann = world.invite("ann")
    ann.answer(world.tasks[0], "good")
    path = f"/api/tasks/{world.tasks[0]}/annotations/"
    world.boss.post(path, {"result": said("good"), "ground_truth": True})
    assert world.boss.post(f"{world.api}/gold", {"ground_truth": True}) == {"added": 1}
    (item,) = world.boss.get(f"{world.api}/gold")["items"]
    assert (item["answers"], item["right"], item["used_for"]) == (1, 1, "both")


def test_gold_that_says_nothing_is_refused_whole(build: Callable[..., Any]) -> None:
    world = build(3)
    for body, why in (
        ({"items": [[world.tasks[0], said("good")], [world.tasks[1], []]]}, "says nothing"),
        ({"used_for": "party", "items": [[world.tasks[0], said("good")]]}, "used_for"),
        ({"ground_truth": True}, "no item was named"),
    ):
        refused = world.boss.post(f"{world.api}/gold", body, status=400)
        assert why in json.dumps(refused)
    world.boss.post(f"{world.api}/gold", {"items": [[999, said("good")]]}, status=404)
    assert world.boss.get(f"{world.api}/gold")["items"] == []


def test_two_people_never_get_the_same_last_slot(build: Callable[..., Any]) -> None:
    world = build(30)
    people = [world.invite(f"p{n}") for n in range(6)]
    for _ in range(4):
        found: list[int] = []
        gate = threading.Barrier(len(people))

        def ask(who: Any, gate: Any = gate, found: list[int] = found) -> None:
            gate.wait()
            found.append(world.next(who)["id"])

        threads = [threading.Thread(target=ask, args=(who,)) for who in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(found)) == len(people)
        for who in people:
            who.answer(world.next(who)["id"], "good")
    assert len(world.boss.get(f"/api/projects/{world.project}/export?exportType=JSON")) == 24


def test_a_plan_that_makes_no_sense_changes_nothing(build: Callable[..., Any]) -> None:
    world = build(1)
    world.plan(gold_share=0.1, pay={"amount": "0.05", "currency": "EUR"})
    before = world.boss.get(f"{world.api}/people")
    for body in (
        {"gold_share": 0.9},
        {"gold": 1},
        {"pay": {"amount": "lots"}},
        {"qualification": {"tiers": []}},
        {"qualification": {"least": 9, "most": 3}},
    ):
        world.boss.call("PUT", f"{world.api}/people", body, status=400)
    assert world.boss.get(f"{world.api}/people") == before
    examples = [{"data": {"text": "fine"}, "answer": "good", "why": "it says so"}]
    world.plan(gold_share=0.1, examples=examples)
    ann = world.invite("ann")
    told = ann.get(f"{world.api}/instructions")
    assert (told["examples"], told["role"], told["may_label"]) == (examples, "annotator", True)
    assert "gold" not in json.dumps(told)
