"""Label Studio's data manager: views, columns, actions, how answers are distributed."""


def region(label):
    value = {"choices": [label]}
    return [{"from_name": "mood", "to_name": "text", "type": "choices", "value": value}]


def only(value):
    item = {"filter": "filter:tasks:data.n", "operator": "equal", "type": "Number", "value": value}
    return {"conjunction": "and", "items": [item]}


def test_a_view_selects_tasks(on_database):
    project = on_database.project()
    ids = on_database.load(project, [{"text": "a", "n": i} for i in range(3)])
    data = {"title": "one", "filters": only(1), "ordering": ["tasks:id"], "mine": 1.5}
    made = on_database.post("/api/dm/views/", {"project": project, "data": data})
    assert made["data"] == data
    page = on_database.get(f"/api/tasks?view={made['id']}")
    assert [one["id"] for one in page["tasks"]] == [ids[1]]
    path = f"/api/dm/views/{made['id']}/"
    on_database.patch(path, {"data": {**data, "filters": only(2)}})
    assert on_database.get(f"/api/tasks?view={made['id']}")["tasks"][0]["id"] == ids[2]
    other = on_database.post("/api/dm/views/", {"project": project, "data": {}})
    order = {"project": project, "ids": [other["id"], made["id"]]}
    on_database.call("POST", "/api/dm/views/order/", order)
    listed = on_database.get(f"/api/dm/views/?project={project}")
    assert [one["id"] for one in listed] == order["ids"]
    on_database.delete(path)
    on_database.call("DELETE", "/api/dm/views/reset/", {"project": project}, status=204)
    assert on_database.get(f"/api/dm/views?project={project}") == []


def test_columns_name_the_fields_of_the_config(labels):
    columns = labels.get(f"/api/dm/columns?project={labels.project()}")["columns"]
    assert [one["id"] for one in columns if one.get("parent") == "data"] == ["text"]
    assert {"predictions_score", "completed_at"} <= {one["id"] for one in columns}


def test_actions_work_on_what_is_selected(on_database):
    project = on_database.project()
    said = {"annotations": [{"result": region("good")}], "predictions": [{"result": region("bad")}]}
    ids = on_database.load(project, [{"data": {"text": "a", "n": i}, **said} for i in range(4)])
    assert "delete_tasks" in {one["id"] for one in on_database.get("/api/dm/actions/")}

    def act(name, body):
        return on_database.call("POST", f"/api/dm/actions/?id={name}&project={project}", body)

    first = {"selectedItems": {"all": False, "included": ids[:1]}}
    assert act("delete_tasks_annotations", first)["detail"] == "Deleted 1 annotations"
    assert on_database.get(f"/api/tasks/{ids[0]}")["is_labeled"] is False
    made = act("predictions_to_annotations", first)
    assert made["detail"] == "Created 1 annotations"
    adopted = on_database.get(f"/api/tasks/{ids[0]}")["annotations"][0]
    assert (adopted["result"], adopted["parent_prediction"] is not None) == (region("bad"), True)
    rest = {"selectedItems": {"all": True, "excluded": ids[:1]}, "filters": only(1)}
    assert act("delete_tasks_predictions", rest)["detail"] == "Deleted 1 predictions"
    assert act("delete_tasks", rest)["processed_items"] == 1
    counts = on_database.get(f"/api/projects/{project}")
    assert [
        counts[name]
        for name in ("task_number", "total_annotations_number", "total_predictions_number")
    ] == [3, 3, 3]


def test_nothing_is_done_without_a_selection(labels):
    project = labels.project()
    labels.load(project, [{"text": "a"}])
    path = f"/api/dm/actions/?id=delete_tasks&project={project}"
    labels.call("POST", path, {}, status=400)
    labels.call(
        "POST", path.replace("delete", "burn"), {"selectedItems": {"all": True}}, status=400
    )
    assert labels.get(f"/api/projects/{project}")["task_number"] == 1


def test_answers_on_a_task_are_counted_by_control(labels):
    project = labels.project(maximum_annotations=3)
    rating = [{"from_name": "r", "to_name": "text", "type": "rating", "value": {"rating": 4}}]
    said = [
        {"result": region("good") + rating},
        {"result": region("bad")},
        {"result": region("good")},
    ]
    task = labels.load(project, [{"data": {"text": "a"}, "annotations": said}])[0]
    found = labels.get(f"/api/tasks/{task}/agreement/")
    assert found["total_annotations"] == 3
    assert found["distributions"]["mood"]["labels"] == {"good": 2, "bad": 1}
    assert found["distributions"]["r"] == {
        "type": "rating", "labels": {}, "average": 4.0, "count": 1,
    }  # fmt: skip
