import msgspec
import pytest

from dovetail.wire import http, lenient
from dovetail.wire.label_studio.backend import (
    Annotation,
    Client,
    Event,
    Prediction,
    PredictParams,
    ProjectFacts,
    SetupRequest,
    Task,
    TrainResponse,
    project_id,
)

POSITIVE = {
    "from_name": "sentiment",
    "to_name": "text",
    "type": "choices",
    "value": {"choices": ["pos"]},
    "origin": "manual",
}
TASKS = [Task(id=1, data={"text": "good"}), Task(id=2, data={"text": "bad"})]


@pytest.fixture
def client(script):
    with Client(script.url) as opened:
        yield opened


def test_health_says_what_the_backend_is(client, script):
    script.say({"status": "UP", "model_class": "Mine", "v2": True})
    assert client.health().model_class == "Mine"
    assert (script.last.method, script.last.path) == ("GET", "/health")


def test_setup_sends_label_studios_own_names(client, script):
    script.say({"model_version": "v7"})
    assert client.setup("3.1764288000", "<View/>", access_token="t0") == "v7"
    assert script.last.json == {
        "project": "3.1764288000",
        "schema": "<View/>",
        "hostname": "",
        "access_token": "t0",
        "extra_params": None,
    }


def test_secrets_are_in_no_repr_and_in_no_traceback_with_variables():
    from rich.pretty import pretty_repr

    setup = SetupRequest(project="1.2", schema="<View/>", access_token="very-secret")
    params = PredictParams(context={"result": []}, login="ann", password="very-secret")
    for said in (setup, params):
        assert "very-secret" not in f"{said} {said!r} {pretty_repr(said)}"
        assert "very-secret" not in pretty_repr([said])


def test_predict_keeps_regions_word_for_word_and_in_order(client, script):
    script.say(
        {
            "results": [
                {"model_version": "v1", "score": 0.77, "result": [POSITIVE]},
                [{"result": [], "score": "0.5"}, {"result": [POSITIVE]}],
            ]
        }
    )
    found = client.predict(TASKS, project="3.1", label_config="<View/>")
    assert found == [
        [Prediction(model_version="v1", score=0.77, result=[POSITIVE])],
        [Prediction(score=0.5), Prediction(result=[POSITIVE])],
    ]
    assert script.last.json["tasks"][1]["data"] == {"text": "bad"}
    assert script.last.json["params"] == {}


def test_a_backend_that_answers_one_of_many_is_asked_for_each(client, script):
    script.say({"results": [{"score": 0.1}]})
    script.say({"results": [{"score": 0.2}]})
    assert [one[0].score for one in client.predict(TASKS)] == [0.1, 0.2]
    assert [len(call.json["tasks"]) for call in script.calls] == [2, 1]


def test_a_task_without_an_answer_gets_none(client, script):
    script.say({"results": [None, {"score": 0.2}]})
    assert client.predict(TASKS) == [[], [Prediction(score=0.2)]]


def test_answers_that_cannot_be_matched_are_refused(client, script):
    script.say({"results": [{}, {}, {}]})
    with pytest.raises(http.BadAnswer, match="3 predictions for 2 tasks"):
        client.predict(TASKS)


def test_no_tasks_ask_nobody(client, script):
    assert client.predict([]) == []
    assert script.calls == []


def test_a_backend_that_crashes_says_why(client, script):
    script.say({"detail": "CUDA out of memory"}, status=500)
    with pytest.raises(http.ServerFault, match="CUDA out of memory"):
        client.predict(TASKS)


def test_an_event_goes_out_and_any_answer_to_it_will_do(client, script):
    script.say(b"thanks")
    event = Event(action="START_TRAINING", project=ProjectFacts(id=3))
    assert client.notify(event).status == "ok"
    assert script.last.json["action"] == "START_TRAINING"
    assert script.last.json["project"]["id"] == 3


def test_the_older_way_to_train(client, script):
    script.say({"job": "j-1"}, status=201)
    assert client.train(TASKS, project="3.1") == TrainResponse(job="j-1")
    assert [task["id"] for task in script.last.json["annotations"]] == [1, 2]


def test_versions_are_listed(client, script):
    script.say({"versions": ["a", "b"]})
    assert client.versions() == ["a", "b"]


def test_an_event_of_one_answer_brings_its_task():
    body = msgspec.json.encode(
        {
            "action": "ANNOTATION_CREATED",
            "annotation": {"id": 5, "task": 9, "result": [POSITIVE], "completed_by": {"id": 2}},
            "task": {"id": 9, "data": {"text": "good"}, "is_labeled": True},
            "project": {"id": 3, "label_config": "<View/>"},
        }
    )
    ((task, answer),) = lenient.decode(body, Event).answered()
    assert task.data == {"text": "good"}
    assert (answer.id, answer.person, answer.result) == (5, 2, [POSITIVE])


@pytest.mark.parametrize(
    ("answers", "tasks", "expected"),
    [
        ([{"id": 1, "task": 8}, {"id": 2, "task": 9}], [{"id": 9}, {"id": 8}], [8, 9]),
        ([{"id": 1}, {"id": 2}], [{"id": 9}, {"id": 8}], [9, 8]),
        ([{"id": 1, "task": 4}], [], [4]),
        ([{"id": 1}], [{"id": 9}, {"id": 8}], [None]),
    ],
    ids=["by number", "by place", "task not told", "not to be told apart"],
)
def test_answers_of_many_find_their_tasks(answers, tasks, expected):
    event = msgspec.convert({"annotation": answers, "task": tasks}, Event)
    assert [task.id for task, _ in event.answered()] == expected


def test_a_person_may_be_a_number_or_an_object():
    assert Annotation(completed_by=4).person == 4
    assert Annotation(completed_by={"email": "a@b"}).person is None


def test_the_projects_number_is_before_the_dot():
    assert (project_id("12.1764288000"), project_id("12")) == ("12", "12")
