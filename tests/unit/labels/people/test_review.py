"""Second review, disagreements, comments, figures and payments, on a real server."""

from collections.abc import Callable
from typing import Any


def said(value: str) -> list[dict[str, Any]]:
    """A result that makes one choice."""
    region = {"from_name": "mood", "to_name": "text", "type": "choices"}
    return [{**region, "value": {"choices": [value]}}]


def test_an_answer_is_accepted_fixed_or_sent_back(build: Callable[..., Any]) -> None:
    world = build(3)
    ann, rae = world.invite("ann"), world.invite("rae", "reviewer")
    one, two, three = (ann.answer(task, "good")["id"] for task in world.tasks)
    page = rae.get(f"{world.api}/reviews")
    assert [item["annotation"] for item in page["items"]] == [one, two, three]
    assert page["items"][0]["said"] == {"mood": "good"}
    rae.post(f"{world.api}/reviews", {"annotation": one, "state": "accepted"})
    fixed = rae.post(
        f"{world.api}/reviews", {"annotation": two, "state": "fixed", "result": said("bad")}
    )
    rae.post(f"{world.api}/reviews", {"annotation": three, "state": "rejected"}, status=400)
    rae.post(
        f"{world.api}/reviews",
        {"annotation": three, "state": "rejected", "comment": "read it again"},
    )
    counts = rae.get(f"{world.api}/reviews")["counts"]
    assert counts == {"pending": 0, "accepted": 1, "fixed": 1, "rejected": 1}
    truth = world.boss.get(f"/api/annotations/{fixed['fixed_by']}/")
    assert (truth["ground_truth"], truth["result"]) == (True, said("bad"))
    told = ann.get(f"{world.api}/reviews")["mine"]
    assert [(item["annotation"], item["state"], item["comment"]) for item in told] == [
        (three, "rejected", "read it again"), (two, "fixed", ""), (one, "accepted", ""),
    ]  # fmt: skip
    back = world.next(ann)
    assert back["id"] == world.tasks[2]
    assert [item["id"] for item in back["annotations"]] == [three]
    ann.call("PATCH", f"/api/annotations/{three}/", {"result": said("mixed")})
    page = rae.get(f"{world.api}/reviews")
    assert [(item["annotation"], item["state"]) for item in page["items"]] == [(three, "pending")]


def test_nobody_reviews_their_own_answer(build: Callable[..., Any]) -> None:
    world = build(1)
    rae = world.invite("rae", "reviewer")
    mine = rae.answer(world.tasks[0], "good")["id"]
    body = {"annotation": mine, "state": "accepted"}
    refused = rae.post(f"{world.api}/reviews", body, status=403)
    assert "nobody reviews their own answer" in refused["detail"]
    assert rae.get(f"{world.api}/reviews")["items"][0]["is_mine"] is True


def test_an_accepted_answer_that_changes_is_looked_at_again(build: Callable[..., Any]) -> None:
    world = build(1)
    ann, rae = world.invite("ann"), world.invite("rae", "reviewer")
    mine = ann.answer(world.tasks[0], "good")["id"]
    rae.post(f"{world.api}/reviews", {"annotation": mine, "state": "accepted"})
    ann.call("PATCH", f"/api/annotations/{mine}/", {"result": said("bad")})
    assert rae.get(f"{world.api}/reviews")["counts"]["pending"] == 1


def test_disputed_items_come_with_their_votes_and_are_decided_once(
    build: Callable[..., Any],
) -> None:
    world = build(3, maximum_annotations=3)
    ann, bob, cy = (world.invite(name) for name in ("ann", "bob", "cy"))
    rae = world.invite("rae", "reviewer")
    for who, values in ((ann, "good good good"), (bob, "good bad bad"), (cy, "good good mixed")):
        for task, value in zip(world.tasks, values.split(), strict=True):
            who.answer(task, value, seconds=4.5)
    page = rae.get(f"{world.api}/disagreements")
    assert [item["task"] for item in page["items"]] == [world.tasks[2], world.tasks[1]]
    assert (page["open"], page["decided"], page["answered_twice"]) == (2, 0, 3)
    first = page["items"][0]
    assert [(vote["person"], vote["said"]["mood"]) for vote in first["votes"]] == [
        ("ann", "good"), ("bob", "bad"), ("cy", "mixed"),
    ]  # fmt: skip
    assert first["controls"] == {"mood": 1.0}
    vote = first["votes"][1]["annotation"]
    done = rae.post(
        f"{world.api}/disagreements", {"task": world.tasks[2], "annotation": vote, "note": "irony"}
    )
    rae.post(f"{world.api}/disagreements", {"task": world.tasks[1], "result": said("good")})
    assert rae.get(f"{world.api}/disagreements")["items"] == []
    decided = rae.get(f"{world.api}/disagreements?state=decided")["items"]
    assert (decided[0]["decision"], decided[0]["decided_by"], decided[0]["note"]) == (
        done["annotation"], "rae", "irony",
    )  # fmt: skip
    exported = world.boss.get(f"/api/projects/{world.project}/export?exportType=JSON")
    truths = [a["result"] for t in exported for a in t["annotations"] if a["ground_truth"]]
    assert sorted(truths, key=str) == sorted([said("bad"), said("good")], key=str)
    for body in (
        {"task": world.tasks[0]},
        {"task": world.tasks[0], "annotation": vote},
        {"task": world.tasks[0], "result": []},
        {"task": world.tasks[0], "annotation": vote, "result": said("bad")},
    ):
        rae.post(f"{world.api}/disagreements", body, status=400)
    assert ann.get(f"/api/tasks/{world.tasks[2]}")["annotations"][0]["result"] == said("good")


def test_comments_have_label_studios_shape_and_stay_between_those_concerned(
    build: Callable[..., Any],
) -> None:
    world = build(2, maximum_annotations=2)
    ann, bob = world.invite("ann"), world.invite("bob")
    rae = world.invite("rae", "reviewer")
    mine = ann.answer(world.tasks[0], "good")["id"]
    theirs = bob.answer(world.tasks[0], "bad")["id"]
    made = rae.post("/api/comments/", {"annotation": mine, "text": "<b>why?</b>"})
    assert made["text"] == "<b>why?</b>"
    assert (made["task"], made["project"], made["is_resolved"]) == (
        world.tasks[0], world.project, False,
    )  # fmt: skip
    rae.post("/api/comments/", {"annotation": theirs, "text": "bob, is it bad?"})
    assert [one["text"] for one in ann.get("/api/comments/")] == ["<b>why?</b>"]
    assert len(rae.get(f"/api/comments/?projects={world.project}&ordering=-id")) == 2
    ann.post("/api/comments/", {"annotation": theirs, "text": "no"}, status=403)
    ann.post("/api/comments/", {"annotation": mine, "text": " "}, status=400)
    ann.post("/api/comments/", {"text": "lost"}, status=400)
    ann.post("/api/comments/", {"annotation": 999, "text": "lost"}, status=404)
    ann.call("PATCH", f"/api/comments/{made['id']}/", {"text": "never said"}, status=403)
    solved = ann.call("PATCH", f"/api/comments/{made['id']}/", {"is_resolved": True})
    assert solved["resolved_at"]
    task = world.boss.get(f"/api/tasks/{world.tasks[0]}")
    assert (task["comment_count"], task["unresolved_comment_count"]) == (2, 1)
    ann.call("DELETE", f"/api/comments/{made['id']}/", status=403)
    expanded = rae.get("/api/comments/?expand_created_by=true")[0]["created_by"]
    assert expanded["username"] == "rae"
    rae.call("DELETE", f"/api/comments/{made['id']}/", status=204)
    rae.get(f"/api/comments/{made['id']}/", status=404)


def test_people_and_agreement_are_told_with_intervals_and_no_rank(
    build: Callable[..., Any],
) -> None:
    world = build(30, maximum_annotations=3)
    moods = ("good", "bad", "mixed")
    for name, shift in (("zoe", 0), ("ann", 0), ("eve", 1)):
        who = world.invite(name)
        for place, task in enumerate(world.tasks):
            lazy = shift and place % 3 != 0
            who.answer(task, moods[(place + 1) % 3] if lazy else moods[place % 3])
    (control,) = world.boss.get(f"{world.api}/agreement")["controls"]
    assert control["control"] == "mood"
    assert -1 < control["low"] < control["alpha"] < control["high"] < 1
    pairs = world.boss.get(f"{world.api}/agreement")["pairs"]["mood"]
    assert [(one["first"], one["second"], one["same"]) for one in pairs] == [
        ("ann", "eve", 10), ("ann", "zoe", 30), ("eve", "zoe", 10),
    ]  # fmt: skip
    report = world.boss.get(f"{world.api}/annotators")
    assert [one["name"] for one in report["people"]] == ["ann", "eve", "zoe"]
    assert report["text"].startswith("eve is right less often than all others")
    for one in report["people"]:
        estimate = one["estimate"]
        assert estimate["low"] < estimate["estimate"] < estimate["high"]
        assert one["answers"] == 30
    assert report["confused"][0]["person"] == "eve"


def test_a_payment_file_is_safe_and_the_same_again(build: Callable[..., Any]) -> None:
    world = build(3)
    ann, evil = world.invite("ann"), world.invite("=1+1")
    rae = world.invite("rae", "reviewer")
    world.plan(
        pay={"amount": "0.10", "currency": "EUR"},
        rates={"ann": {"amount": "0.25", "per": "accepted", "currency": "EUR"}},
    )
    one = ann.answer(world.tasks[0], "good", seconds=36)["id"]
    evil.answer(world.tasks[1], "good")
    rae.post(f"{world.api}/reviews", {"annotation": one, "state": "accepted"})
    path = f"{world.api}/payments?from=2000-01-01&to=2100-01-01"
    first = world.boss.get(path)
    lines = {line["person"]: line for line in first["lines"]}
    assert (lines["ann"]["accepted"], lines["ann"]["amount"]) == (1, "0.25")
    assert lines["=1+1"]["amount"] == "0.10"
    again = f"{path}&as_of={first['as_of'].replace('+', '%2B')}"
    text = world.boss.get(f"{again}&format=csv")
    assert "'=1+1,1," in text
    world.boss.call("DELETE", f"/api/annotations/{one}/", status=204)
    answer = world.boss.http.get(f"{again}&format=csv")
    assert answer.text == text  # what was paid for stays, though the answer is gone
    assert answer.headers["digest"] == f"sha-256={first['digest']}"
    assert "attachment" in answer.headers["content-disposition"]
    for query in ("", "?from=2026-01-01", "?from=2026-02-01&to=2026-01-01", "?from=x&to=y"):
        world.boss.get(f"{world.api}/payments{query}", status=400)
