"""What the desk loads ahead."""

from dovetail.labels import piece as the_piece
from dovetail.labels.handlers import Handlers

REGION = {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}


def queue(labels, project, **query):
    fields = "&".join(f"{name}={value}" for name, value in query.items())
    answer = labels.get(f"/api/labels/projects/{project}/queue?{fields}")
    return [item["id"] for item in answer["items"]]


def texts(count, text="t"):
    return [{"data": {"text": f"{text}{i}"}} for i in range(count)]


def test_items_come_in_order_without_those_that_the_desk_has(labels):
    project = labels.project()
    tasks = labels.load(project, texts(30))
    assert queue(labels, project, count=5) == tasks[:5]
    assert queue(labels, project, count=5, without="1,2,3") == tasks[3:8]
    labels.post(f"/api/tasks/{tasks[3]}/annotations/", {"result": [REGION]})
    assert queue(labels, project, count=2, without="1,2,3") == tasks[4:6]
    assert queue(labels, project, count=99) == tasks[:3] + tasks[4:]


def test_large_items_come_one_by_one(labels):
    project = labels.project()
    tasks = labels.load(project, texts(3, "long " * 400_000))
    assert queue(labels, project, count=10) == tasks[:1]
    assert queue(labels, project, count=10, without=tasks[0]) == tasks[1:2]


def test_whoever_decides_what_is_next_decides_here(request, monkeypatch):
    made = []

    class Seen(Handlers):
        def __init__(self, *given):
            super().__init__(*given)
            made.append(self)

    monkeypatch.setattr(the_piece, "Handlers", Seen)
    labels = request.getfixturevalue("labels")
    project = labels.project()
    tasks = labels.load(project, texts(6))
    wanted = [tasks[4], tasks[1]]
    made[0].choosers.append(
        lambda asked: next((one for one in wanted if one not in asked.taken), None)
    )
    assert queue(labels, project, count=3) == [tasks[4], tasks[1], tasks[0]]


def test_a_list_of_tasks_that_is_none_is_refused(labels):
    project = labels.project()
    answer = labels.get(f"/api/labels/projects/{project}/queue?without=1,x", status=400)
    assert answer["title"] == "without is no list of task ids"
