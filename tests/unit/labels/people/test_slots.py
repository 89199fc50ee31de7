"""Slots of an item: as many as answers are wanted, kept for who took them, and for a while only."""

import time
from pathlib import Path
from typing import Any

import httpx

from dovetail.labels.piece import piece
from dovetail.labels.settings import LabelSettings
from dovetail.web.auth import Tokens
from dovetail.web.testing import run_piece

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text">'
    '<Choice value="good"/><Choice value="bad"/></Choices></View>'
)
GOOD = [{"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}]


def test_a_slot_that_nobody_uses_is_free_again_and_the_late_answer_is_kept(tmp_path: Path) -> None:
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    boss = tokens.create("boss", "editor")
    tokens.close()
    with run_piece(piece, LabelSettings(lock_seconds=1), state=tmp_path, auth=True) as server:

        def call(token: str, method: str, path: str, body: Any = None, status: int = 200) -> Any:
            answer = httpx.request(
                method,
                server.url + path,
                json=body,
                headers={"Authorization": f"Token {token}"},
                timeout=60,
            )
            assert answer.status_code == status, answer.text[:500]
            return answer.json()

        fields = {"title": "moods", "label_config": CONFIG, "maximum_annotations": 1}
        project = call(boss, "POST", "/api/projects", fields, 201)["id"]
        path = f"/api/projects/{project}/import?return_task_ids=true"
        (task,) = call(boss, "POST", path, [{"text": "one"}], 201)["task_ids"]
        path = f"/api/labels/projects/{project}/members"
        ann, bob = (call(boss, "POST", path, {"name": n}, 201)["token"] for n in ("ann", "bob"))
        following = f"/api/projects/{project}/next"
        assert call(ann, "GET", following)["id"] == task
        refused = call(bob, "GET", following, status=404)
        assert "are with other annotators" in refused["detail"]
        time.sleep(1.1)
        assert call(bob, "GET", following)["id"] == task
        for who in (bob, ann):  # she was too late for the slot, and what she said is kept
            call(who, "POST", f"/api/tasks/{task}/annotations/", {"result": GOOD}, 201)
        assert len(call(boss, "GET", f"/api/tasks/{task}/annotations/")) == 2
        call(ann, "GET", following, status=404)
