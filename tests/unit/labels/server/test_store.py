"""What projects, tasks, annotations and predictions do, alike on SQLite and PostgreSQL."""

import json
from urllib.parse import quote

import pytest


def region(label):
    value = {"choices": [label]}
    return [{"from_name": "mood", "to_name": "text", "type": "choices", "value": value}]


GOOD, BAD = region("good"), region("bad")


def texts(count):
    return [{"data": {"text": f"comment {i}"}} for i in range(count)]


def test_a_project_counts_what_is_in_it(on_database):
    project = on_database.project()
    tasks = on_database.load(
        project,
        [
            {"text": "plain"},
            {"data": {"text": "said"}, "annotations": [{"result": GOOD, "ground_truth": True}]},
            {"data": {"text": "guessed"}, "predictions": [{"result": BAD, "score": 0.25}]},
        ],
    )
    on_database.post(f"/api/tasks/{tasks[0]}/annotations/", {"result": [], "was_cancelled": True})
    found = on_database.get(f"/api/projects/{project}")
    assert {name: value for name, value in found.items() if name.endswith("_number")} == {
        "task_number": 3,
        "finished_task_number": 1,
        "total_annotations_number": 2,
        "skipped_annotations_number": 1,
        "ground_truth_number": 1,
        "useful_annotation_number": 0,
        "total_predictions_number": 1,
    }
    assert found["num_tasks_with_annotations"] == 1
    assert found["parsed_label_config"]["mood"]["labels"] == ["good", "bad"]
    on_database.delete(f"/api/tasks/{tasks[1]}")
    after = on_database.get(f"/api/projects/{project}")
    assert (after["task_number"], after["total_annotations_number"]) == (2, 1)


def test_a_project_is_changed_and_deleted(on_database):
    project = on_database.project(description="first", color="#AABBCC")
    changed = on_database.patch(
        f"/api/projects/{project}/", {"title": "renamed", "maximum_annotations": 2, "unknown": 1}
    )
    assert (changed["title"], changed["description"]) == ("renamed", "first")
    listed = on_database.get("/api/projects?page_size=5&title=RENAMED")
    assert (listed["count"], listed["results"][0]["id"]) == (1, project)
    tasks = on_database.load(project, texts(2))
    on_database.post(f"/api/tasks/{tasks[0]}/annotations/", {"result": GOOD})
    on_database.delete(f"/api/projects/{project}/")
    on_database.get(f"/api/projects/{project}", status=404)
    on_database.get(f"/api/tasks/{tasks[0]}", status=404)


def test_more_annotations_a_task_reopen_what_was_finished(on_database):
    project = on_database.project()
    task = on_database.load(project, texts(1))[0]
    on_database.post(f"/api/tasks/{task}/annotations/", {"result": GOOD})
    assert on_database.get(f"/api/tasks/{task}")["is_labeled"] is True
    on_database.patch(f"/api/projects/{project}", {"maximum_annotations": 2})
    assert on_database.get(f"/api/tasks/{task}")["is_labeled"] is False
    assert on_database.get(f"/api/projects/{project}")["finished_task_number"] == 0


def test_an_annotation_lives(on_database):
    task = on_database.load(on_database.project(), texts(1))[0]
    made = on_database.post(f"/api/tasks/{task}/annotations/", {"result": GOOD, "lead_time": 1.5})
    assert (made["result"], made["lead_time"], made["task"]) == (GOOD, 1.5, task)
    path = f"/api/annotations/{made['id']}/"
    changed = on_database.patch(path, {"result": BAD, "was_cancelled": True})
    assert (changed["result"], changed["was_cancelled"]) == (BAD, True)
    assert changed["created_at"] == made["created_at"] < changed["updated_at"]
    shown = on_database.get(f"/api/tasks/{task}")
    assert (shown["total_annotations"], shown["cancelled_annotations"]) == (0, 1)
    assert [one["id"] for one in on_database.get(f"/api/tasks/{task}/annotations/")] == [made["id"]]
    on_database.delete(path)
    on_database.get(path, status=404)
    assert on_database.get(f"/api/tasks/{task}")["cancelled_annotations"] == 0


def test_an_annotation_is_not_taken_twice(on_database):
    task, other = on_database.load(on_database.project(), texts(2))
    body = {"result": GOOD, "unique_id": "4f7f"}
    first = on_database.post(f"/api/tasks/{task}/annotations/", body)
    again = on_database.post(f"/api/tasks/{task}/annotations/", {**body, "result": []})
    assert (again["id"], again["result"]) == (first["id"], GOOD)
    refused = on_database.post(f"/api/tasks/{other}/annotations/", body, status=409)
    assert "4f7f" in refused["detail"]
    assert on_database.get(f"/api/tasks/{task}")["total_annotations"] == 1


def test_a_prediction_lives_and_moves_the_score_of_its_task(on_database):
    project = on_database.project()
    task = on_database.load(project, texts(1))[0]
    body = {"task": task, "result": GOOD, "score": 0.5, "model_version": "v1"}
    first = on_database.post("/api/predictions/", body)
    second = on_database.post("/api/predictions/", {**body, "score": 1.0})
    assert on_database.get(f"/api/tasks/{task}")["predictions_score"] == 0.75
    on_database.patch(f"/api/predictions/{second['id']}/", {"score": 0.7})
    assert on_database.get(f"/api/tasks/{task}")["predictions_score"] == pytest.approx(0.6)
    assert len(on_database.get(f"/api/predictions/?task={task}")) == 2
    assert on_database.get(f"/api/projects/{project}/model-versions/") == {"v1": 2}
    on_database.delete(f"/api/predictions/{first['id']}/")
    assert on_database.get(f"/api/projects/{project}")["total_predictions_number"] == 1


def test_a_draft_is_its_owners_and_goes_with_the_annotation(on_database):
    task = on_database.load(on_database.project(), texts(1))[0]
    draft = on_database.post(f"/api/tasks/{task}/drafts", {"result": GOOD, "lead_time": 3})
    on_database.patch(f"/api/drafts/{draft['id']}/", {"result": BAD})
    shown = on_database.get(f"/api/tasks/{task}")
    assert (shown["draft_exists"], shown["drafts"][0]["result"]) == (True, BAD)
    on_database.post(f"/api/tasks/{task}/annotations/", {"result": BAD})
    on_database.get(f"/api/drafts/{draft['id']}/", status=404)


def test_what_nobody_knows_is_kept_word_for_word(on_database):
    project = on_database.project()
    region = b'{"id":"r","type":"hologram","value":{"x":1.0,"big":123456789012345678901234567890}}'
    body = (
        b'[{"data":{"text":"a","n":1.10},"mine":{"a" : 1.50},"annotations":[{"result":[%s],'
        b'"flag":"\\u00e9"}],"predictions":[{"result":[%s],"why":[1.0]}]}]' % (region, region)
    )
    path = f"/api/projects/{project}/import?return_task_ids=true"
    task = on_database.post(path, body)["task_ids"][0]
    shown = on_database.http.get(f"/api/tasks/{task}").content
    for part in (region, b'"n":1.10', b'"mine":{"a" : 1.50}', b'"flag":"\\u00e9"', b'"why":[1.0]'):
        assert part in shown
    exported = on_database.http.get(f"/api/projects/{project}/export?exportType=JSON").content
    assert region in exported
    assert b'"mine":{"a" : 1.50}' in exported


def test_an_export_comes_in_and_goes_out_again_without_loss(on_database):
    project = on_database.project()
    people = {"email": "ann@example.org"}
    on_database.load(
        project,
        [
            {
                "data": {"text": "a"},
                "meta": {"from": "here"},
                "annotations": [
                    {"result": GOOD, "completed_by": people, "lead_time": 2.5, "unique_id": "u1"},
                    {"result": BAD, "completed_by": 777, "was_cancelled": True},
                ],
                "predictions": [{"result": GOOD, "score": 0.9, "model_version": "m"}],
            }
        ],
    )
    first = on_database.get(f"/api/projects/{project}/export?exportType=JSON")
    again = on_database.project()
    on_database.load(again, first)
    second = on_database.get(f"/api/projects/{again}/export?exportType=JSON")
    own = {"id", "project", "task", "import_id", "predictions", "updated_at", "unique_id"}

    def told(tasks):
        return [
            {
                **{k: v for k, v in task.items() if k not in own | {"total_predictions"}},
                "annotations": [
                    {k: v for k, v in one.items() if k not in own | {"last_action"}}
                    for one in task["annotations"]
                ],
            }
            for task in tasks
        ]

    assert told(second) == told(first)
    assert second[0]["annotations"][1]["completed_by"] == 777
    names = {user["id"]: user["email"] for user in on_database.get("/api/users")}
    assert names[second[0]["annotations"][0]["completed_by"]] == "ann@example.org"


def test_tasks_come_in_pages_filtered_and_ordered(on_database):
    project = on_database.project()
    tasks = [
        {"data": {"text": f"t{i}", "n": i}, "predictions": [{"result": GOOD, "score": i / 10}]}
        for i in range(10)
    ]
    ids = on_database.load(project, tasks)
    page = on_database.get(f"/api/tasks?project={project}&page=2&page_size=4&fields=all")
    assert [one["id"] for one in page["tasks"]] == ids[4:8]
    assert (page["total"], page["total_predictions"]) == (10, 10)
    on_database.get(f"/api/tasks?project={project}&page=9&page_size=4", status=404)

    def asked(column, operator, value, kind="Number", ordering=()):
        item = {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind}
        filters = {"conjunction": "and", "items": [{**item, "value": value}]}
        query = quote(json.dumps({"filters": filters, "ordering": list(ordering)}))
        found = on_database.get(f"/api/tasks?project={project}&query={query}&page_size=100")
        return [ids.index(one["id"]) for one in found["tasks"]]

    assert asked("predictions_score", "less", 0.25, ordering=["-tasks:predictions_score"]) == [
        2, 1, 0,
    ]  # fmt: skip
    assert asked("data.text", "contains", "T3", "String") == [3]
    assert asked("data.n", "greater", 7) == [8, 9]
    assert asked("id", "in", {"min": ids[1], "max": ids[2]}) == [1, 2]
    assert asked("total_annotations", "equal", 0, ordering=["tasks:-id"]) == list(range(9, -1, -1))
    assert asked("predictions_results", "contains", "good", "String") == list(range(10))
    assert asked("annotators", "contains", [1], "List") == []
    picked = quote(json.dumps({"all": False, "included": ids[3:5]}))
    page = on_database.get(f"/api/tasks?project={project}&selectedItems={picked}")
    assert [one["id"] for one in page["tasks"]] == ids[3:5]
    on_database.post(f"/api/tasks/{ids[9]}/annotations/", {"result": GOOD})
    some = on_database.get(f"/api/tasks?project={project}&only_annotated=true")
    assert [one["id"] for one in some["tasks"]] == ids[9:]
    on_database.delete(f"/api/annotations/{some['tasks'][0]['annotations'][0]['id']}")
    assert asked("completed_at", "empty", True, "Datetime") == list(range(10))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"filter": "filter:tasks:nope", "operator": "equal", "value": 1}, "no column 'nope'"),
        ({"filter": "filter:tasks:id", "operator": "like", "value": 1}, "no operator 'like'"),
        ({"filter": "filter:tasks:id", "operator": "in", "value": 1}, "a range is"),
    ],
)
def test_a_filter_that_nobody_knows_is_refused(labels, item, said):
    query = quote(json.dumps({"filters": {"conjunction": "and", "items": [item]}}))
    found = labels.get(f"/api/tasks?project={labels.project()}&query={query}", status=400)
    assert said in found["validation_errors"]["query"][0]


def test_a_task_is_made_and_changed(on_database):
    project = on_database.project()
    made = on_database.post("/api/tasks/", {"project": project, "data": {"text": "a"}})
    changed = on_database.patch(
        f"/api/tasks/{made['id']}", {"data": {"text": "b"}, "meta": {"x": 1}}
    )
    assert (changed["data"], changed["meta"], changed["inner_id"]) == ({"text": "b"}, {"x": 1}, 1)
    refused = on_database.patch(f"/api/tasks/{made['id']}", {"data": {"t": "b"}}, status=400)
    assert "text" in refused["validation_errors"]["data"][0]


def test_who_reads_page_after_page_sees_what_came_and_went(on_database):
    project = on_database.project()
    ids = on_database.load(project, texts(9))

    def page(number):
        path = f"/api/tasks?project={project}&page_size=3&page={number}"
        return [one["id"] for one in on_database.get(path)["tasks"]]

    assert [page(1), page(2), page(3)] == [ids[:3], ids[3:6], ids[6:]]
    on_database.delete(f"/api/tasks/{ids[1]}")
    assert page(2) == ids[4:7]
    ids += on_database.load(project, texts(2))
    del ids[1]
    assert [page(3), page(4), page(2)] == [ids[6:9], ids[9:], ids[3:6]]


def test_fields_that_hold_an_answer_become_predictions(on_database):
    project = on_database.project()
    tasks = [{"text": "a", "mood": "good"}, {"text": "b", "mood": None}]
    path = f"/api/projects/{project}/import?return_task_ids=true&preannotated_from_fields=mood"
    made = on_database.post(path, tasks)
    assert made["prediction_count"] == 1
    shown = on_database.get(f"/api/tasks/{made['task_ids'][0]}")
    assert shown["predictions"][0]["result"] == GOOD
    refused = on_database.post(path, [{"text": "c"}], status=400)
    assert "'mood' not found" in str(refused["validation_errors"])


def test_a_trial_import_writes_nothing(labels):
    project = labels.project()
    path = f"/api/projects/{project}/import?commit_to_project=false"
    report = labels.post(path, texts(3))
    assert (report["task_count"], report["annotation_count"]) == (3, None)
    assert labels.get(f"/api/projects/{project}")["task_number"] == 0
