"""What must not go wrong: lost answers, two at one item, huge and hostile input."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from dovetail.labels.settings import LabelSettings
from dovetail.web.auth import Tokens


def region(label):
    value = {"choices": [label]}
    return [{"from_name": "mood", "to_name": "text", "type": "choices", "value": value}]


def serve(state, port, log, database=""):
    program = "from dovetail.cli import main; main()"
    command = [sys.executable, "-c", program, "labels", "run", "--port", str(port)]
    command += ["--state", str(state), *(["--database", database] if database else [])]
    return subprocess.Popen(command, stdout=log, stderr=log)


def answers(url):
    for _ in range(300):
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail("the server does not answer")


def test_a_kill_while_saving_loses_nothing_that_was_acknowledged(
    api_at, free_port, tmp_path, database_url
):
    port, database = free_port(), "" if database_url.startswith("sqlite") else database_url
    url, acknowledged = f"http://127.0.0.1:{port}", []
    with (tmp_path / "log").open("wb") as log:
        process = serve(tmp_path / "state", port, log, database)
        try:
            answers(url)
            labels = api_at(url)
            project = labels.project()
            tasks = labels.load(project, [{"text": f"t{i}"} for i in range(4000)])

            def save(part):
                with httpx.Client(base_url=url, timeout=30) as http:
                    for task in part:
                        try:
                            made = http.post(
                                f"/api/tasks/{task}/annotations/", json={"result": region("good")}
                            )
                        except httpx.HTTPError:
                            return
                        acknowledged.append(made.json()["id"])

            threads = [
                threading.Thread(target=save, args=(tasks[i::4],), daemon=True) for i in range(4)
            ]
            for thread in threads:
                thread.start()
            while len(acknowledged) < 100:
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            for thread in threads:
                thread.join(30)
            process.wait(30)
            process = serve(tmp_path / "state", port, log, database)
            answers(url)
            found = api_at(url).get(f"/api/projects/{project}/export?exportType=JSON")
            kept = {one["id"] for task in found for one in task["annotations"]}
            assert set(acknowledged) <= kept
            counts = api_at(url).get(f"/api/projects/{project}")
            assert counts["total_annotations_number"] == len(kept)
            assert counts["finished_task_number"] == len(found)
        finally:
            process.kill()
            process.wait(30)


def test_two_annotators_are_not_given_one_item(start, api_of, tmp_path):
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    ann, bob = tokens.create("ann", "editor"), tokens.create("bob", "editor")
    with start(auth=True) as server:
        first, second = api_of(server, ann), api_of(server, bob)
        project = first.project()
        tasks = first.load(project, [{"text": "a"}, {"text": "b"}])
        path = f"/api/projects/{project}/next"
        mine, theirs = first.get(path), second.get(path)
        assert [mine["id"], theirs["id"]] == tasks
        assert first.get(path)["unique_lock_id"] == mine["unique_lock_id"]
        body = {"result": region("good")}
        first.post(f"/api/tasks/{mine['id']}/annotations/", body)
        said = first.get(path, status=404)
        assert "with other annotators" in said["detail"]
        second.post(f"/api/tasks/{theirs['id']}/annotations/", body)
        assert "no tasks remaining" in first.get(path, status=404)["detail"]


def test_two_answers_on_one_item_are_both_kept(start, api_of, tmp_path):
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    ann, bob = tokens.create("ann", "editor"), tokens.create("bob", "editor")
    with start(auth=True) as server:
        first, second = api_of(server, ann), api_of(server, bob)
        task = first.load(first.project(), [{"text": "a"}])[0]
        for one in (first, second):  # the desk of each had it open
            one.post(f"/api/tasks/{task}/annotations/", {"result": region("good")})
        shown = first.get(f"/api/tasks/{task}")
        assert (shown["total_annotations"], len(shown["annotators"])) == (2, 2)


def test_many_who_save_at_once_lose_no_count(on_database):
    project = on_database.project()
    tasks = on_database.load(project, [{"text": f"t{i}"} for i in range(80)])
    refused = []

    def save(part):
        with httpx.Client(base_url=on_database.url, timeout=60) as http:
            for task in part:
                made = http.post(f"/api/tasks/{task}/annotations/", json={"result": []})
                if made.status_code != 201:
                    refused.append(made.text)

    threads = [threading.Thread(target=save, args=(tasks[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []
    counts = on_database.get(f"/api/projects/{project}")
    names = ("finished_task_number", "total_annotations_number", "num_tasks_with_annotations")
    assert [counts[name] for name in names] == [80, 80, 80]


def test_many_who_answer_one_item_at_once_are_all_counted(on_database):
    project = on_database.project(maximum_annotations=24)
    task = on_database.load(project, [{"text": "a"}])[0]

    def save(_):
        with httpx.Client(base_url=on_database.url, timeout=60) as http:
            for _ in range(4):
                body = {"task": task, "result": [], "score": 0.5}
                assert http.post(f"/api/tasks/{task}/annotations/", json=body).status_code == 201
                assert http.post("/api/predictions/", json=body).status_code == 201

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(save, range(6)))
    shown = on_database.get(f"/api/tasks/{task}")
    assert (shown["total_annotations"], shown["total_predictions"]) == (24, 24)
    assert shown["is_labeled"] is True
    counts = on_database.get(f"/api/projects/{project}")
    names = ("finished_task_number", "total_annotations_number", "total_predictions_number")
    assert [counts[name] for name in names] == [1, 24, 24]


def test_a_task_of_five_megabytes(on_database):
    project, text = on_database.project(), "é word " * 700_000
    body = json.dumps([{"text": text}], ensure_ascii=False).encode()
    assert len(body) > 5_000_000
    on_database.call("POST", f"/api/projects/{project}/import", body, status=201)
    task = on_database.get(f"/api/projects/{project}/next")
    assert task["data"]["text"] == text
    on_database.post(f"/api/tasks/{task['id']}/annotations/", {"result": region("good")})
    found = on_database.get(f"/api/projects/{project}/export?exportType=JSON")
    assert found[0]["data"]["text"] == text


def test_bodies_and_imports_are_bounded(start, api_of):
    with start(LabelSettings(max_import_mb=1, max_body_mb=1, max_tasks=5)) as server:
        labels = api_of(server)
        project = labels.project()
        path = f"/api/projects/{project}/import"
        said = labels.post(path, [{"text": "x" * (1 << 20)}], status=413)
        assert "max_import_mb" in said["detail"]
        labels.post(path, [{"text": "x"}] * 6, status=400)
        task = labels.load(project, [{"text": "x"}])[0]
        big = {"result": [{"x": "y" * (1 << 20)}]}
        labels.post(f"/api/tasks/{task}/annotations/", big, status=413)
        assert labels.get(f"/api/projects/{project}")["task_number"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000 + b"]" * 100_000,
        b'[{"text":' + b'{"a":' * 2000 + b"1" + b"}" * 2001 + b"]",
        b'[{"text": "a", "n": NaN}]',
        b'[{"text": "\\ud800"}]',
        b'[{"text": "a\x01"}]',
        b'[{"data": {"text": "a"}, "annotations": [{"result": {"no": "list"}}]}]',
        b'[{"data": {"text": "a"}, "annotations": 7}]',
        b'[{"data": {"text": "a"}, "annotations": [{"result": [], "completed_by": "x"}]}]',
        b'[{"data": {"text": "a"}, "predictions": [{"score": 1}]}]',
        b'[{"data": "a"}]',
        b"[1, 2]",
        b"{",
        b"",
        b"\xff\xfe",
    ],
    ids=range(14),
)
def test_hostile_bodies_are_refused_and_nothing_is_written(labels, body):
    project = labels.project()
    answer = labels.http.post(f"/api/projects/{project}/import", content=body)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Validation error"
    assert labels.get(f"/api/projects/{project}")["task_number"] == 0


def test_a_body_that_would_swell_in_memory_is_refused(labels):
    project = labels.project()
    body = b'[{"text": "a", "x": [' + b"[]," * 5_000_000 + b"[]]}]"
    refused = labels.call("POST", f"/api/projects/{project}/import", body, status=400)
    assert "lists and objects" in str(refused["validation_errors"])


def test_one_bad_task_of_many_keeps_all_out_and_is_named(on_database):
    project = on_database.project()
    tasks = [{"text": "fine"}, {"words": "no text"}, {"text": "fine"}]
    refused = on_database.post(f"/api/projects/{project}/import", tasks, status=400)
    said = refused["validation_errors"]["non_field_errors"][0]
    assert said.startswith('Error at item 1: "text" key is expected')
    assert on_database.get(f"/api/projects/{project}")["task_number"] == 0


def test_hostile_label_configs_are_refused(labels):
    laughs = (
        '<!DOCTYPE v [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><View><Text name="t" value="$t"/>&c;</View>'
    )
    outside = '<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]><View>&x;</View>'
    for config in (laughs, outside, "<View>", "not xml"):
        body = {"title": "bad one", "label_config": config}
        refused = labels.post("/api/projects", body, status=400)
        assert list(refused["validation_errors"]) == ["label_config"]


@pytest.mark.parametrize("path", ["tasks/99999999999", "projects/99999999999/next"])
def test_an_id_that_no_database_holds_is_not_there(on_database, path):
    on_database.get(f"/api/{path}", status=404)
    on_database.post("/api/tasks/99999999999/annotations/", {"result": []}, status=404)


def test_an_import_into_a_big_project_touches_nothing_of_it(labels):
    """Label Studio reads or updates every row; ours takes the same time as in an empty one."""
    project = labels.project()
    labels.load(project, [{"text": f"t{i}"} for i in range(20_000)])
    before = labels.get(f"/api/tasks?project={project}&page_size=3")["tasks"]
    report = labels.post(f"/api/projects/{project}/import", [{"text": "one more"}])
    assert report["duration"] < 2
    after = labels.get(f"/api/tasks?project={project}&page_size=3")
    assert (after["tasks"], after["total"]) == (before, 20_001)
