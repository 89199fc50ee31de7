"""What is kept of people survives the end of the server, on SQLite and on PostgreSQL."""

from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from dovetail.labels.people.tables import ledger, open_people
from dovetail.labels.piece import piece
from dovetail.web.testing import run_piece

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text">'
    '<Choice value="good"/><Choice value="bad"/></Choices></View>'
)
GOOD = [{"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}]
PERIOD = {"from": "2000-01-01", "to": "2100-01-01"}


def call(url: str, method: str, path: str, **sent: Any) -> Any:
    answer = httpx.request(method, url + path, timeout=60, **sent)
    assert answer.is_success, (answer.status_code, answer.text[:500])
    return answer.json() if answer.content else None


def test_the_same_is_known_after_a_restart_on_both_databases(
    database_url: str, tmp_path: Path
) -> None:
    server = {} if database_url.startswith("sqlite") else {"database": database_url}
    with run_piece(piece, state=tmp_path, **server) as running:
        url = running.url
        project = call(
            url, "POST", "/api/projects", json={"title": "moods", "label_config": CONFIG}
        )
        number, api = project["id"], f"/api/labels/projects/{project['id']}"
        load = [{"text": "one"}, {"text": "two"}, {"text": "three"}]
        path = f"/api/projects/{number}/import?return_task_ids=true"
        tasks = call(url, "POST", path, json=load)["task_ids"]
        note = call(url, "POST", f"{api}/members", json={"name": "ann"})
        assert note["token"] is None
        assert "turn on tokens" in note["note"]
        call(url, "PUT", f"{api}/people", json={"gold_share": 0.2, "pay": {"amount": "1"}})
        call(url, "PUT", f"{api}/people", json={"gold_share": 0.1, "pay": {"amount": "1"}})
        for task in tasks:
            call(url, "POST", f"/api/tasks/{task}/annotations/", json={"result": GOOD})
        call(url, "POST", f"{api}/gold", json={"items": [[tasks[0], GOOD]]})
        call(url, "POST", f"{api}/gold", json={"items": [[tasks[0], GOOD]], "used_for": "hidden"})
        call(url, "POST", "/api/comments/", json={"task": tasks[1], "text": "hm"})
    with run_piece(piece, state=tmp_path, **server) as running:
        url = running.url
        assert call(url, "GET", f"{api}/people")["gold_share"] == 0.1
        (member,) = call(url, "GET", f"{api}/members")["members"]
        assert (member["name"], member["role"]) == ("ann", "annotator")
        (item,) = call(url, "GET", f"{api}/gold")["items"]
        assert (item["task"], item["used_for"]) == (tasks[0], "hidden")
        (comment,) = call(url, "GET", f"/api/comments/?project={number}")
        assert comment["text"] == "hm"
        (line,) = call(url, "GET", f"{api}/payments", params=PERIOD)["lines"]
        assert (line["answers"], line["amount"]) == (3, "3.00")
        assert len(call(url, "GET", f"{api}/reviews")["items"]) == 2  # gold is not reviewed
        assert call(url, "GET", f"{api}/agreement")["controls"][0]["alpha"] is None
        call(url, "DELETE", f"/api/projects/{number}")
        assert httpx.get(f"{url}{api}/members").status_code == 404


def test_the_ledger_is_whole_after_a_server_that_was_killed(tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path) as running:
        url = running.url
        project = call(
            url, "POST", "/api/projects", json={"title": "moods", "label_config": CONFIG}
        )
        path = f"/api/projects/{project['id']}/import?return_task_ids=true"
        tasks = call(url, "POST", path, json=[{"text": "one"}, {"text": "two"}])["task_ids"]
        for task in tasks:
            body = {"result": GOOD, "lead_time": 36}
            call(url, "POST", f"/api/tasks/{task}/annotations/", json=body)
        imported = {"data": {"text": "paid elsewhere"}, "annotations": [{"result": GOOD}]}
        call(url, "POST", path, json=[imported])
    people = open_people(f"sqlite:///{tmp_path / 'labels_people.db'}")
    people.write(lambda c: c.execute(sa.delete(ledger).where(ledger.c.annotation == 2)))
    people.close()
    with run_piece(piece, state=tmp_path) as running:
        api = f"/api/labels/projects/{project['id']}"
        (line,) = call(running.url, "GET", f"{api}/payments", params=PERIOD)["lines"]
        assert (line["answers"], line["hours"]) == (2, "0.02")
